package alerts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vedette/centralnode/scan/engine"
	"vedette/internal/acts"
	"vedette/internal/entity"
	"vedette/internal/kv"
)

func TestListSelectsNewestFirst(t *testing.T) {
	w := newWorld(t, nil, nil)
	for i := 1; i <= 12; i++ {
		a := alert(fmt.Sprint(i), engine.AntiMalware)
		a.Created = time.Unix(int64(1000*i), 0)
		if i%2 == 0 {
			a.Technology = string(engine.YARA)
		}
		if i%3 == 0 {
			a.System, a.Importance = "other", "low"
		}
		if i == 7 {
			a.MD5, a.SHA256 = "feed"+strings.Repeat("0", 28), strings.Repeat("0", 60)+"beef"
		}
		w.add(a)
	}
	before := w.store.Revision()
	for _, c := range []struct {
		f    acts.AlertFilter
		want string
	}{
		{acts.AlertFilter{}, "[12 11 10 9 8 7 6 5 4 3 2 1]"},
		{acts.AlertFilter{Limit: 3}, "[12 11 10]"},
		{acts.AlertFilter{Offset: 3, Limit: 3}, "[9 8 7]"},
		{acts.AlertFilter{Offset: 10, Limit: 3}, "[2 1]"},
		{acts.AlertFilter{Offset: 12}, "[]"},
		{acts.AlertFilter{Sort: "id", Offset: 1, Limit: 4}, "[2 3 4 5]"},
		{acts.AlertFilter{Sort: "-id", Limit: 2}, "[12 11]"},
		{acts.AlertFilter{Sort: "importance", Limit: 6}, "[12 9 6 3 11 10]"},
		{acts.AlertFilter{Sort: "-importance", Offset: 7}, "[1 12 9 6 3]"},
		{acts.AlertFilter{Text: "invoice", Sort: "-importance", Offset: 7, Limit: 2}, "[1 12]"},
		{acts.AlertFilter{Technology: "yara", Limit: 2}, "[12 10]"},
		{acts.AlertFilter{Technology: "sb"}, "[]"},
		{acts.AlertFilter{System: "other"}, "[12 9 6 3]"},
		{acts.AlertFilter{System: "othe"}, "[]"},
		{acts.AlertFilter{Importance: "low", Technology: "am", Limit: 1}, "[9]"},
		{acts.AlertFilter{Text: "INVOICE 1"}, "[12 11 10 1]"},
		{acts.AlertFilter{Text: "test.7"}, "[7]"},
		{acts.AlertFilter{Text: "FEED"}, "[7]"},
		{acts.AlertFilter{Text: "beef"}, "[7]"},
		{acts.AlertFilter{Since: time.Unix(9000, 0)}, "[12 11 10 9]"},
		{acts.AlertFilter{Until: time.Unix(2000, 0)}, "[2 1]"},
		{acts.AlertFilter{Since: time.Unix(4000, 0), Until: time.Unix(5999, 0), State: acts.AlertNew}, "[5 4]"},
	} {
		list, err := w.List(t.Context(), c.f)
		if err != nil || ids(list.Alerts) != c.want || list.Revision != before || list.Total != 12 {
			t.Errorf("%+v: %s of %d at %d, %v; want %s", c.f, ids(list.Alerts), list.Total, list.Revision, err, c.want)
		}
		if c.f.Limit == 0 && c.f.Offset == 0 && list.Matching != len(list.Alerts) {
			t.Errorf("%+v: %d match", c.f, list.Matching)
		}
	}
}

// What is kept is searched as it lies there; that must miss nothing.
func TestSearchFindsWhatReadingEachAlertFinds(t *testing.T) {
	texts := rapid.OneOf(rapid.StringN(0, 6, 40), rapid.SampledFrom([]string{"md5", "u003c", "engine", ",", "invoice", "]", "detections"}), rapid.StringOfN(rapid.RuneFrom([]rune("aAbB<>&\"\\/ı\u212aİß\u2028\u0007é")), 0, 4, 20))
	rapid.Check(t, func(t *rapid.T) {
		a := alert("1", engine.YARA)
		a.V = 1
		a.ObjectName, a.Detections = texts.Draw(t, "name"), []string{texts.Draw(t, "detection")}
		text := texts.Filter(func(s string) bool { return s != "" }).Draw(t, "text")
		var c entity.Change
		c.Put(key(1), a)
		kept, err := decode(kv.Entry{Key: key(1), Value: c.Ops[0].Value})
		if err != nil {
			t.Fatal(err)
		}
		l := newLook(text)
		if found := l.kept(c.Ops[0].Value); found != unclear && (found == yes) != l.in(kept) {
			t.Fatalf("%q in %s: %v", text, c.Ops[0].Value, found)
		}
	})
}

// A page of 50 of all that rotation keeps: 20,000 alerts of each technology.
func BenchmarkList(b *testing.B) {
	w := newWorld(b, nil, nil)
	const each = 20_000
	for first := 1; first <= 2*each; first += 10_000 {
		var c entity.Change
		for id := first; id < first+10_000; id++ {
			a := alert(fmt.Sprint(id), engine.AntiMalware)
			if id%2 == 0 {
				a.Technology = string(engine.YARA)
			}
			a.V, a.ID, a.State, a.Created = 1, int64(id), acts.AlertNew, time.Unix(int64(id), 0)
			if id%977 == 0 {
				a.Detections = []string{"Rare.Thing"}
			}
			c.Put(key(a.ID), a)
		}
		c.Put(counterKey, counter{V: 1, Last: int64(first + 9999)})
		if err := c.ApplyQuietly(b.Context(), w.store); err != nil {
			b.Fatal(err)
		}
	}
	w.reopen()
	for name, f := range map[string]acts.AlertFilter{
		"first page": {}, "last page": {Offset: 2*each - 50}, "by importance": {Sort: "-importance"}, "state": {State: acts.AlertClosed},
		"text everywhere": {Text: "invoice"}, "rare text": {Text: "rare.thing"}, "rare text of one technology": {Text: "rare.thing", Technology: "am"}, "no text": {Text: "nowhere"},
	} {
		f.Limit = 50
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			for b.Loop() {
				if _, err := w.List(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
