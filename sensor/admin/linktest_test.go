package admin_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/pki"
	"vedette/proto/capacity"
	"vedette/proto/link"
	"vedette/sensor/proxy"
	"vedette/sensor/uplink"
)

func TestATestOfTheLinkIsRecordedWithItsResult(t *testing.T) {
	for _, back := range []bool{false, true} {
		w := start(t)
		w.count(proxy.Counts{IngressBytes: 1000, EgressBytes: 5000})
		w.link.test = func(_ context.Context, s capacity.Spec) (capacity.Result, error) {
			if s.Duration != 2*time.Second || s.Rate != 50e6 || s.Back != back {
				t.Errorf("tested by %+v", s)
			}
			w.pass(2 * time.Second)
			if n := w.link.agents(); n != map[bool]uint64{false: 1000, true: 5000}[back] {
				t.Errorf("back %v: agents are said to have sent %d bytes", back, n)
			}
			return capacity.Result{Spec: s, Bytes: 7, Rate: 18e6, Others: 2e6, Measured: time.Second}, nil
		}
		began := w.time()
		got, err := w.TestLink(t.Context(), local, acts.TestLink{Duration: 2 * time.Second, Rate: 50e6, Back: back})
		want := acts.LinkTest{
			Back: back, Duration: 2 * time.Second, Measured: time.Second, Bytes: 7, Rate: 18e6, Others: 2e6, Capacity: 20e6, Time: began,
			RoundTripBefore: time.Millisecond, RoundTripDuring: 2 * time.Millisecond,
		}
		subject := "to the Central Node"
		if back {
			subject = "from the Central Node"
		}
		if err != nil || got != want || !slices.Equal(w.found.tested, []acts.LinkTest{want}) {
			t.Errorf("found %+v, %v, kept %+v", got, err, w.found.tested)
		}
		if asked := w.found.asked; len(asked) != 2 || asked[0] != [2]time.Time{began.Add(-10 * time.Second), began} || asked[1] != [2]time.Time{began.Add(time.Second), began.Add(2 * time.Second)} {
			t.Errorf("round trips of %v", asked)
		}
		all := w.records(t, "link test")
		if len(all) != 1 || all[0].Result != audit.Done || !slices.Equal(all[0].Subject, []string{subject}) || !strings.Contains(all[0].Detail, acts.BitRate(want.Capacity)) || strings.Contains(all[0].Detail, "at least") {
			t.Errorf("records %+v", all)
		}
	}
}

// TestATestSaysWhenTheCapacityIsASetting has Sensors whose capacity is known in
// each way, tested in both directions.
func TestATestSaysWhenTheCapacityIsASetting(t *testing.T) {
	for name, c := range map[string]struct {
		known acts.LinkQuality
		back  bool
		want  uint64
	}{
		"configured":           {acts.LinkQuality{Capacity: 7e6}, false, 7e6},
		"configured, way back": {acts.LinkQuality{Capacity: 7e6}, true, 0},
		"tested":               {acts.LinkQuality{Capacity: 7e6, CapacityAt: time.Unix(1, 0)}, false, 0},
		"not known":            {acts.LinkQuality{}, false, 0},
	} {
		w := start(t)
		w.found.set(c.known)
		w.link.test = func(_ context.Context, s capacity.Spec) (capacity.Result, error) {
			return capacity.Result{Spec: s, Rate: 9e6}, nil
		}
		if got, err := w.TestLink(t.Context(), local, acts.TestLink{Back: c.back}); err != nil || got.Configured != c.want || got.Capacity != 9e6 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestATestThatItsOwnRateBoundsIsALowerBound(t *testing.T) {
	w := start(t)
	w.link.test = func(_ context.Context, s capacity.Spec) (capacity.Result, error) {
		return capacity.Result{Spec: s, Rate: s.Rate, Bounded: true}, nil
	}
	got, err := w.TestLink(t.Context(), local, acts.TestLink{})
	if err != nil || !got.Bounded || got.Duration != 5*time.Second || got.Rate != acts.MaxIngress {
		t.Errorf("found %+v, %v", got, err)
	}
	if all := w.records(t, "link test"); len(all) != 1 || !strings.HasPrefix(all[0].Detail, "at least ") {
		t.Errorf("records %+v", all)
	}
}

func TestATestThatIsNotMadeSaysWhy(t *testing.T) {
	w := start(t)
	for name, c := range map[string]struct {
		in    acts.TestLink
		err   error
		code  acts.Code
		words string
	}{
		"too short":      {acts.TestLink{Duration: time.Millisecond}, nil, acts.Invalid, "1 to 30 s"},
		"too long":       {acts.TestLink{Duration: time.Minute}, nil, acts.Invalid, "1 to 30 s"},
		"too much":       {acts.TestLink{Rate: 2e9}, nil, acts.Invalid, "1 Gbit/s"},
		"no link":        {acts.TestLink{}, uplink.ErrNotCarrying, acts.Unavailable, "no link to test: Unconfigured"},
		"under way":      {acts.TestLink{}, capacity.RefusedBusy, acts.Refused, "tested already"},
		"many others":    {acts.TestLink{}, capacity.RefusedCrowd, acts.Refused, "other Sensors"},
		"leaving":        {acts.TestLink{}, capacity.RefusedLeaving, acts.Refused, "about to stop"},
		"older":          {acts.TestLink{}, &link.ResetError{Code: link.CodeUnsupported, Remote: true}, acts.Refused, "knows no such test"},
		"other version":  {acts.TestLink{}, capacity.RefusedVersion, acts.Refused, "knows no such test"},
		"silent":         {acts.TestLink{}, capacity.ErrNoAnswer, acts.Unavailable, "in time"},
		"late":           {acts.TestLink{}, capacity.ErrTimeout, acts.Unavailable, "in time"},
		"nothing":        {acts.TestLink{}, capacity.ErrNothing, acts.Unavailable, "too little"},
		"link lost":      {acts.TestLink{}, &link.Error{Code: link.CodeLost}, acts.Unavailable, "ended the test"},
		"reset":          {acts.TestLink{}, &link.ResetError{Code: link.CodeBusy, Remote: true}, acts.Unavailable, "ended the test"},
		"something else": {acts.TestLink{}, capacity.ErrExcess, acts.Failed, "link test failed"},
	} {
		w.link.test = func(context.Context, capacity.Spec) (capacity.Result, error) { return capacity.Result{}, c.err }
		before := len(w.records(t, "link test"))
		_, err := w.TestLink(t.Context(), local, c.in)
		if got := refusedAs(t, err, c.code); !strings.Contains(got.Text, c.words) {
			t.Errorf("%s: %q", name, got.Text)
		}
		if after := w.records(t, "link test"); len(after) != before+1 || after[before].Result == audit.Done {
			t.Errorf("%s: %d records more", name, len(after)-before)
		}
	}
	if len(w.found.tested) != 0 {
		t.Errorf("a capacity was kept that nobody measured: %+v", w.found.tested)
	}
}

func TestOneTestOfTheLinkAtATime(t *testing.T) {
	w := start(t)
	running, end := make(chan struct{}), make(chan struct{})
	w.link.test = func(context.Context, capacity.Spec) (capacity.Result, error) {
		close(running)
		<-end
		return capacity.Result{}, nil
	}
	first := make(chan error, 1)
	go func() { first <- second(w.TestLink(context.Background(), local, acts.TestLink{})) }()
	<-running
	_, err := w.TestLink(t.Context(), local, acts.TestLink{})
	refusedAs(t, err, acts.Refused)
	close(end)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestHistoryIsGivenWithItsGaps(t *testing.T) {
	w := start(t)
	w.found.minutes = []acts.QualityMinute{{Start: w.now.Add(-3 * time.Minute)}, {Start: w.now}}
	from := w.now.Add(-time.Hour)
	got, err := w.LinkHistory(t.Context(), officer, acts.ViewHistory{From: from})
	if err != nil || len(got) != 4 || w.found.asked[0] != [2]time.Time{from, w.now} {
		t.Errorf("%+v, %v, asked %v", got, err, w.found.asked)
	}
	_, err = w.LinkHistory(t.Context(), officer, acts.ViewHistory{From: w.now, To: from})
	refusedAs(t, err, acts.Invalid)
	if errors.Is(err, context.Canceled) || len(w.records(t, "link view")) != 0 {
		t.Error("a look left a record")
	}
}

// TestAnotherCentralNodeHasAnotherChannel configures one after the other, and
// another while a test goes on.
func TestAnotherCentralNodeHasAnotherChannel(t *testing.T) {
	w := start(t)
	set := func(address string, pin byte, forgot int) {
		t.Helper()
		if err := second(w.SetCentralNode(t.Context(), local, acts.SetCentralNode{Address: address, Fingerprint: pki.Fingerprint{pin}})); err != nil {
			t.Fatal(err)
		}
		if w.found.forgot != forgot {
			t.Errorf("%s with %d: forgotten %d times, want %d", address, pin, w.found.forgot, forgot)
		}
		c, err := w.entities.LinkCapacity(t.Context())
		if err != nil || (c.Bits == 0) != (forgot > 0) {
			t.Errorf("%s with %d: kept %+v, %v", address, pin, c, err)
		}
	}
	if err := w.entities.SaveLinkCapacity(t.Context(), acts.Capacity{Bits: 7}); err != nil {
		t.Fatal(err)
	}
	set("a.example:443", 1, 0)
	set("a.example:443", 1, 0) // asks again
	set("a.example:443", 2, 1)
	set("b.example:443", 2, 2)
	w.link.test = func(_ context.Context, s capacity.Spec) (capacity.Result, error) {
		set("c.example:443", 3, 3)
		return capacity.Result{Spec: s, Rate: 5e6}, nil
	}
	if _, err := w.TestLink(t.Context(), local, acts.TestLink{}); err != nil || len(w.found.tested) != 0 {
		t.Errorf("%v, kept %+v", err, w.found.tested)
	}
}
