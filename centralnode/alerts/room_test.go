package alerts

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/internal/acts"
	"vedette/internal/kv"
	"vedette/pki"
)

func TestAlertComesBackAsItWasMade(t *testing.T) {
	w := newWorld(t, nil, nil)
	a := alert("1", engine.YARA)
	a.Fingerprint, a.Instance, a.DataBaseVersion = pki.FingerprintOf([]byte("leaf")), "instance", 202611150925
	a.ID, a.State, a.StateBy = 99, acts.AlertClosed, "nobody" // not the caller's to say
	a.Created = time.Unix(1.5e9, 0).UTC()
	w.add(a)
	w.reopen()
	got, found, err := w.Get(t.Context(), 1)
	if err != nil || !found || got.Version == 0 {
		t.Fatal(got, found, err)
	}
	a.V, a.ID, a.State, a.StateBy, a.Version = 1, 1, acts.AlertNew, "", got.Version
	if !reflect.DeepEqual(got, a) {
		t.Errorf("%+v\nwant %+v", got, a)
	}
	if _, found, err := w.Get(t.Context(), 2); found || err != nil {
		t.Error(found, err)
	}
	if _, found, err := w.Get(t.Context(), -1); found || err != nil {
		t.Error(found, err)
	}
	// Every field that faces show comes from one of the same name.
	from, shown := reflect.ValueOf(a), reflect.ValueOf(a.Shown())
	for i := range shown.NumField() {
		name := shown.Type().Field(i).Name
		if name == "Revision" {
			name = "Version" // as this room calls it
		}
		if name != "Version" && !reflect.DeepEqual(shown.Field(i).Interface(), from.FieldByName(name).Interface()) {
			t.Errorf("%s is shown as %v", name, shown.Field(i))
		}
	}
}

func TestNumbersHaveNoGapsAndFindingsNoDoubles(t *testing.T) {
	w := newWorld(t, nil, nil)
	const findings, reporters = 40, 4
	for round := range 2 {
		var all sync.WaitGroup
		var added atomic.Int64
		for range reporters {
			all.Go(func() {
				for i := range findings {
					for _, technology := range []engine.Technology{engine.AntiMalware, engine.YARA} {
						ok, err := w.Add(t.Context(), alert(fmt.Sprint(round*findings/2+i), technology))
						if err != nil {
							t.Error(err)
						}
						if ok {
							added.Add(1)
						}
					}
				}
			})
		}
		all.Wait()
		want := int64(2 * findings)
		if round > 0 {
			want /= 2 // the other half is known, from before the restart
		}
		if added.Load() != want {
			t.Errorf("round %d: %d were added, want %d", round, added.Load(), want)
		}
		w.check()
		w.reopen()
	}
	list, err := w.After(t.Context(), 0, nil, 10000)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range list {
		if a.ID != int64(i+1) {
			t.Fatalf("number %d is at place %d", a.ID, i+1)
		}
	}
	if len(list) != 3*findings {
		t.Errorf("%d alerts", len(list))
	}
}

func TestNumbersGoOnAfterEverythingWasRemoved(t *testing.T) {
	limits := map[engine.Technology]int{engine.AntiMalware: 0}
	w := newWorld(t, limits, nil)
	w.add(alert("1", engine.AntiMalware))
	w.add(alert("2", engine.AntiMalware)) // pushes 1 out
	if err := w.rotate(t.Context(), w.now()); err != nil {
		t.Fatal(err)
	}
	if w.Counts() != (acts.AlertCounts{}) {
		t.Errorf("%+v", w.Counts())
	}
	w.reopen()
	w.add(alert("3", engine.YARA))
	if list, err := w.List(t.Context(), acts.AlertFilter{}); err != nil || ids(list.Alerts) != "[3]" {
		t.Error(ids(list.Alerts), err)
	}
}

func TestUnusableAlertIsRefusedAndTakesNoNumber(t *testing.T) {
	w := newWorld(t, nil, nil)
	for what, spoil := range map[string]func(*Alert){
		"no origin": func(a *Alert) { a.Origin = "" }, "long origin": func(a *Alert) { a.Origin = strings.Repeat("o", MaxOrigin+1) },
		"no engine": func(a *Alert) { a.Engine = "" }, "no technology": func(a *Alert) { a.Technology = "" },
	} {
		a := alert("1", engine.YARA)
		spoil(&a)
		if added, err := w.Add(t.Context(), a); err == nil || added {
			t.Error(what, added, err)
		}
	}
	w.add(alert("1", engine.YARA))
	if _, found, err := w.Get(t.Context(), 1); !found || err != nil {
		t.Error(found, err)
	}
}

func TestAlertOfALaterVersionIsRefusedAndNamed(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.fill(engine.YARA, 1, 2)
	later := kv.Op{Key: key(2), Value: []byte(`{"v":2,"id":2}`)}
	if _, err := w.store.Apply(t.Context(), []kv.Op{later}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), w.c); err == nil || !strings.Contains(err.Error(), key(2)) || !strings.Contains(err.Error(), "version 2") {
		t.Error(err)
	}
	if _, err := w.List(t.Context(), acts.AlertFilter{}); err == nil {
		t.Error("it was read")
	}
	if _, found, err := w.Get(t.Context(), 2); err == nil || found {
		t.Error(found, err)
	}
	w.Changed(t.Context(), 2) // keeps what it knows
	if c := w.Counts(); c != (acts.AlertCounts{New: 2}) {
		t.Errorf("%+v", c)
	}
	if _, err := w.store.Apply(t.Context(), []kv.Op{{Key: key(2), Delete: true}}, nil); err != nil {
		t.Fatal(err)
	}
	w.reopen()
}

// The package comment tells these sizes.
func TestTextsAreBoundedBeforeTheyAreKept(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.add(alert("1", engine.YARA))
	if size := w.index.bytes; size < 600 || size > 1200 {
		t.Errorf("an ordinary alert takes %d bytes", size)
	}
	// Each of these bytes takes six in JSON.
	long := strings.Repeat("<", 10000)
	a := Alert{
		Origin: strings.Repeat("<", MaxOrigin), Engine: long, Technology: "yara", Importance: long, Source: long, ObjectName: long,
		ObjectType: long, MD5: long, SHA256: long, RuleSet: long, System: long, SystemName: long, Instance: long, ScanID: long, Remote: long,
	}
	for range 100 {
		a.Detections = append(a.Detections, long)
	}
	before := w.index.bytes
	w.add(a)
	if size := w.index.bytes - before; size > 29<<10 {
		t.Errorf("the longest alert takes %d bytes", size)
	}
	got, _, err := w.Get(t.Context(), 2)
	if err != nil || len(got.ObjectName) > MaxObjectName || len(got.Detections) != MaxDetections || len(got.Detections[0]) > MaxDetection {
		t.Errorf("%+v, %v", got, err)
	}
	if len(a.Detections) != 100 || a.Detections[0] != long {
		t.Error("the caller's alert was changed")
	}
}

func TestStateChangesWithTheActAndIsCounted(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.fill(engine.AntiMalware, 1, 3)
	set := func(a Alert, state acts.AlertState) error {
		a.State, a.StateBy, a.StateAt = state, "officer", w.now()
		ops, expect := w.Change(a)
		_, err := w.store.Apply(t.Context(), ops, expect)
		return err
	}
	a, _, err := w.Get(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := set(a, acts.AlertInProcess); err != nil {
		t.Fatal(err)
	}
	w.Changed(t.Context(), 2)
	if c := w.Counts(); c != (acts.AlertCounts{New: 2, InProcess: 1}) {
		t.Errorf("%+v", c)
	}
	var conflict *kv.ConflictError
	if err := set(a, acts.AlertClosed); !errors.As(err, &conflict) {
		t.Errorf("a stale change was made: %v", err)
	}
	w.Changed(t.Context(), 2)
	for _, c := range []struct {
		state acts.AlertState
		want  string
	}{{acts.AlertNew, "[3 1]"}, {acts.AlertInProcess, "[2]"}, {acts.AlertClosed, "[]"}} {
		if list, err := w.List(t.Context(), acts.AlertFilter{State: c.state}); err != nil || ids(list.Alerts) != c.want {
			t.Errorf("%s: %s, %v", c.state, ids(list.Alerts), err)
		}
	}
	w.Changed(t.Context(), 4711) // one that was rotated meanwhile
	w.check()
}

func TestPagesBehindANumberMissAndRepeatNothing(t *testing.T) {
	w := newWorld(t, nil, nil)
	for i := range 60 {
		technology := engine.AntiMalware
		if i%7 == 0 || i > 40 {
			technology = engine.YARA
		}
		w.add(alert(fmt.Sprint(i), technology))
	}
	for _, technologies := range [][]string{nil, {"am"}, {"yara"}, {"yara", "am"}, {"ids"}, {"ids", "yara"}} {
		var want []Alert
		for id := int64(1); id <= 60; id++ {
			a, _, err := w.Get(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if technologies == nil || strings.Contains(strings.Join(technologies, ","), a.Technology) {
				want = append(want, a)
			}
		}
		for _, limit := range []int{1, 7, 60, 1000} {
			var got []Alert
			for after := int64(0); ; {
				list, err := w.After(t.Context(), after, technologies, limit)
				if err != nil || len(list) > limit {
					t.Fatal(len(list), err)
				}
				if len(list) == 0 {
					break
				}
				got = append(got, list...)
				after = list[len(list)-1].ID
			}
			if ids(got) != ids(want) {
				t.Errorf("%v by %d: %s, want %s", technologies, limit, ids(got), ids(want))
			}
		}
	}
	for _, c := range []struct {
		after int64
		limit int
	}{{60, 10}, {1 << 62, 10}, {0, 0}, {0, -1}} {
		if list, err := w.After(t.Context(), c.after, nil, c.limit); err != nil || len(list) != 0 {
			t.Errorf("%+v: %s, %v", c, ids(list), err)
		}
	}
	if list, err := w.After(t.Context(), -5, nil, 2); err != nil || ids(list) != "[1 2]" {
		t.Error(ids(list), err)
	}
}

// Others read while alerts come and go.
func TestReadersAndWritersDoNotDisturbEachOther(t *testing.T) {
	w := newWorld(t, map[engine.Technology]int{engine.AntiMalware: 5, engine.YARA: 5}, nil)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				list, err := w.List(t.Context(), acts.AlertFilter{})
				if err != nil {
					t.Error(err)
					return
				}
				for i := 1; i < len(list.Alerts); i++ {
					if list.Alerts[i].ID >= list.Alerts[i-1].ID {
						t.Errorf("order: %s", ids(list.Alerts))
					}
				}
				if _, err := w.After(t.Context(), 3, []string{"am"}, 4); err != nil {
					t.Error(err)
				}
				w.Counts()
			}
		})
	}
	var writers sync.WaitGroup
	for _, technology := range []engine.Technology{engine.AntiMalware, engine.YARA} {
		writers.Go(func() {
			for i := range 60 {
				if _, err := w.Add(t.Context(), alert(fmt.Sprint(i), technology)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Go(func() {
		for range 10 {
			if err := w.rotate(t.Context(), w.now()); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Wait()
	close(done)
	readers.Wait()
}
