package uplink

import (
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/link"
	"vedette/sensor/uplink/uplinktest"
)

func TestBulkLanesFollowTheNeed(t *testing.T) {
	var c crowd
	const each = crowdedTime / 4
	step := func(lossy bool, busy ...float64) int { return c.step(lossy, busy, each) }
	for range 100 {
		if step(false, 1, 1) > 0 {
			t.Fatal("one more although nothing is lost")
		}
	}
	c = crowd{}
	for range 100 {
		if step(true, 1, 0.5) != 0 {
			t.Fatal("another number although one of two has room and both are of use")
		}
	}
	for i, want := range []int{0, 0, 0, 1, 0, 0, 0, 1} {
		if got := step(true, 1, 0.9); got != want {
			t.Errorf("after %v with all busy: %d", time.Duration(i+1)*each, got)
		}
	}
	c = crowd{}
	for range 3 {
		step(true, 1, 1)
	}
	if step(true, 1, 0.1); step(true, 1, 1)+step(true, 1, 1)+step(true, 1, 1) != 0 {
		t.Error("a short pause does not start the time anew")
	}
	c = crowd{}
	for i := range int(easyTime / each) {
		want := 0
		if i == int(easyTime/each)-1 {
			want = -1
		}
		if got := step(true, 0.5, 0.2, 0.3); got != want {
			t.Fatalf("after %v with two lanes' worth of nothing: %d", time.Duration(i+1)*each, got)
		}
	}
	c = crowd{}
	for range int(easyTime/each) - 1 {
		step(false, 1, 1, 1)
	}
	if step(false, 1, 1, 1) != -1 {
		t.Error("all are kept although nothing is lost any more")
	}
	if c.step(true, nil, time.Hour) != 0 {
		t.Error("one more although there is none to be busy")
	}
}

func TestPlacesBeyondTheUsualOnesComeAndGo(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	r := run(t, target(n, pair), options{})
	r.await(acts.LinkAccepted)
	r.awaitLanes(places)
	r.Uplink.mu.Lock()
	l := r.Uplink.life
	r.Uplink.mu.Unlock()
	want := func(wanted bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.full = true // so that what the link needs by itself, which is none of them, does not count
		for i := places; i < maxPlaces; i++ {
			l.want(t.Context(), i, wanted)
		}
	}
	for range 3 {
		want(true)
		look := r.awaitLanes(maxPlaces)
		if look.Lanes[moreSmall].Class != link.Small.String() || look.Lanes[moreBulk].Class != link.Bulk.String() {
			t.Errorf("lanes %+v", look.Lanes)
		}
		want(false)
		r.awaitLanes(places)
		poll(t, func() bool { return n.Connections() == places && r.Look().Stats.Lanes == places })
		poll(t, func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.places[moreSmall] == place{} && l.places[moreBulk] == place{}
		})
	}
	r.ask()
	if look := r.Look(); len(look.Lanes) != places {
		t.Errorf("%d lanes", len(look.Lanes))
	}
}

func TestNoFurtherPlacesAreTriedWhereThereIsNoRoom(t *testing.T) {
	l := &life{}
	for i := range l.places {
		l.places[i].wanted, l.places[i].kept = true, true
	}
	l.noRoom(t.Context(), moreBulk, &link.Error{Code: link.CodeGone, Remote: true})
	l.noRoom(t.Context(), 1, &link.Error{Code: link.CodeBusy, Remote: true})
	if !l.places[moreBulk].wanted {
		t.Error("places are given up for another reason")
	}
	l.noRoom(t.Context(), moreBulk, &link.Error{Code: link.CodeBusy, Remote: true})
	l.set(t.Context(), moreSmall, true)
	for i, p := range l.places {
		if p.wanted != (i < places) {
			t.Errorf("place %d: %+v", i, p)
		}
	}
}
