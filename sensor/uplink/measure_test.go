package uplink

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	controlv1 "vedette/proto/control/v1"
	"vedette/sensor/uplink/uplinktest"
)

func measureOf(key []byte, session, port uint32) *controlv1.FromCentralNode {
	return &controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_Measure{Measure: &controlv1.Measure{Key: key, Session: session, Port: port}}}
}

func TestPathIsWhatTheCentralNodeSaidLast(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	r := run(t, target(n, pair), options{})
	r.await(acts.LinkAccepted)
	s := n.Sensor()
	if p, ok := r.Path(); ok {
		t.Fatalf("path %+v before one was handed out", p)
	}
	for i, session := range []uint32{1, 65535} {
		key := bytes.Repeat([]byte{byte(i + 1)}, 32)
		s.Say(measureOf(key, session, 4433))
		want := Path{Local: netip.MustParseAddr("127.0.0.1"), Reflector: netip.MustParseAddrPort("127.0.0.1:4433"), Session: uint16(session), Key: [32]byte(key)}
		poll(t, func() bool { got, ok := r.Path(); return ok && got == want })
	}
	r.awaitLanes(places)
	if got := len(r.Lanes()); got != places {
		t.Errorf("%d lanes are told of, %d live", got, places)
	}
	s.Say(measureOf(nil, 0, 0))
	poll(t, func() bool { _, ok := r.Path(); return !ok })

	s.Say(measureOf(make([]byte, 32), 7, 443))
	poll(t, func() bool { _, ok := r.Path(); return ok })
	n.Kill()
	poll(t, func() bool { _, ok := r.Path(); return !ok && r.Lanes() == nil })
}

func TestMeasureWithoutSenseEndsTheLink(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	key := make([]byte, 32)
	for name, m := range map[string]*controlv1.FromCentralNode{
		"short key":       measureOf(key[:31], 1, 443),
		"long key":        measureOf(append(key, 0), 1, 443),
		"no session":      measureOf(key, 0, 443),
		"session too big": measureOf(key, 65536, 443),
		"no port":         measureOf(key, 1, 0),
		"port too big":    measureOf(key, 1, 65536),
	} {
		t.Run(name, func(t *testing.T) {
			n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there, Answer: func(s *uplinktest.Sensor) { s.Say(m) }})
			r := run(t, target(n, pair), options{})
			r.awaitDetail(acts.LinkUnreachable, "makes no sense")
			if p, ok := r.Path(); ok {
				t.Errorf("path %+v", p)
			}
		})
	}
}

func TestEachLinkCarriesTheMinutesOnce(t *testing.T) {
	const each, all = 200, 450
	begin := time.Unix(60, 0)
	quality := func(since time.Time) (*controlv1.Quality, time.Time) {
		m := &controlv1.Quality{Copying: true}
		for i := range all {
			if at := begin.Add(time.Duration(i) * time.Minute); at.After(since) && len(m.Minutes) < each {
				m.Minutes = append(m.Minutes, &controlv1.Quality_Minute{Start: at.Unix()})
			}
		}
		if n := len(m.Minutes); n > 0 {
			since = time.Unix(m.Minutes[n-1].Start, 0)
		}
		return m, since
	}
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	r := run(t, target(n, pair), options{quality: quality})
	for range 2 {
		r.await(acts.LinkAccepted)
		s := n.Sensor()
		next := begin
		for reports, empty := 0, 0; empty < 3; {
			select {
			case m := <-s.Said:
				if m.GetReport() != nil {
					reports++
				}
				q := m.GetQuality()
				if q == nil {
					continue
				}
				if reports == 0 || !q.Copying {
					t.Fatalf("after %d reports: %v", reports, q)
				}
				if len(q.Minutes) == 0 {
					empty++
				}
				for _, minute := range q.Minutes {
					if minute.Start != next.Unix() {
						t.Fatalf("minute %d, want %d", minute.Start, next.Unix())
					}
					next = next.Add(time.Minute)
				}
			case <-time.After(patience):
				t.Fatal("nothing comes")
			}
		}
		if next != begin.Add(all*time.Minute) {
			t.Errorf("minutes until %v", next)
		}
		r.awaitLanes(places) // a lane that comes while others are cut would keep the link
		poll(t, func() bool { return n.Connections() == places })
		n.KillLanes()
	}
}
