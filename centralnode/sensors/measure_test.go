package sensors_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode"
	"vedette/centralnode/sensors/sensortest"
	"vedette/internal/health/healthtest"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/stamp"
)

func metrics(c *centralnode.Config) { c.LocalAddress = "127.0.0.1:0" }

// metric reads one number of /metrics, by its name with labels.
func (w *world) metric(name string) float64 {
	w.t.Helper()
	value, found := w.tryMetric(name)
	if !found {
		w.t.Fatalf("there is no metric %s", name)
	}
	return value
}

func (w *world) tryMetric(name string) (value float64, found bool) {
	w.t.Helper()
	return healthtest.Value(w.t, w.scrape(), name)
}

func (w *world) scrape() string {
	w.t.Helper()
	_, body := healthtest.Get(w.t, w.LocalAddress(), "/metrics")
	return body
}

// prober sends measuring packets from one address.
type prober struct {
	w      *world
	conn   *net.UDPConn
	sender *stamp.Sender
}

// prober measures with what a Sensor was given, or with another key.
func (w *world) prober(from string, m *controlv1.Measure, key [32]byte) *prober {
	w.t.Helper()
	host, err := netip.ParseAddrPort(w.Address().String())
	if err != nil {
		w.t.Fatal(err)
	}
	conn, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)),
		net.UDPAddrFromAddrPort(netip.AddrPortFrom(host.Addr(), uint16(m.GetPort()))))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	return &prober{w, conn, stamp.NewSender(stamp.Session{ID: uint16(m.GetSession()), Key: &key})}
}

func (p *prober) send() {
	p.w.t.Helper()
	if _, err := p.conn.Write(p.sender.Next(nil, time.Now())); err != nil {
		p.w.t.Fatal(err)
	}
}

// answered sends a packet and takes its answer.
func (p *prober) answered() stamp.Answer {
	p.w.t.Helper()
	p.send()
	_ = p.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	buf := make([]byte, 512)
	n, err := p.conn.Read(buf)
	if err != nil {
		p.w.t.Fatal(err)
	}
	a, ok := p.sender.Answer(buf[:n], time.Now())
	if !ok {
		p.w.t.Fatal("the answer is not that of this session")
	}
	return a
}

// refused sends a packet that is refused for a reason, and makes sure that
// nothing comes back.
func (p *prober) refused(why stamp.Refusal) {
	p.w.t.Helper()
	name := fmt.Sprintf("vedette_stamp_refused_packets_total{reason=%q}", why)
	before := p.w.metric(name)
	p.send()
	eventually(p.w.t, "the packet is refused for its "+why.String(), func() bool { return p.w.metric(name) > before })
	_ = p.conn.SetReadDeadline(time.Now().Add(5 * time.Millisecond)) // one that has passed has nothing read at all
	if n, err := p.conn.Read(make([]byte, 512)); !errors.Is(err, os.ErrDeadlineExceeded) {
		p.w.t.Fatalf("%d octets came back, %v", n, err)
	}
}

func keyOf(t *testing.T, m *controlv1.Measure) (key [32]byte) {
	t.Helper()
	if len(m.GetKey()) != 32 || m.GetSession() == 0 || m.GetSession() > 65_535 || m.GetPort() == 0 || m.GetPort() > 65_535 {
		t.Fatalf("measure with %d octets of key, session %d, port %d", len(m.GetKey()), m.GetSession(), m.GetPort())
	}
	return [32]byte(m.GetKey())
}

func TestAnAcceptedSensorMeasuresThePathFromItsOwnAddressWithItsOwnKey(t *testing.T) {
	t.Parallel()
	w := start(t, metrics)
	s := w.joined("branch")
	m := s.AwaitMeasure(1)
	key := keyOf(t, m)
	p := w.prober("127.0.0.1", m, key)
	for i := range uint32(3) {
		if a := p.answered(); a.Sequence != i || a.Reflected != i {
			t.Fatalf("answer %+v", a)
		}
	}
	w.prober("127.0.0.2", m, key).refused(stamp.WrongAddress)
	w.prober("127.0.0.1", m, [32]byte{1}).refused(stamp.WrongMAC)
	other := w.joined("other")
	if k := keyOf(t, other.AwaitMeasure(1)); k == key {
		t.Error("two links have one key")
	} else {
		w.prober("127.0.0.1", m, k).refused(stamp.WrongMAC)
	}
	if n := w.metric("vedette_stamp_reflected_packets_total"); n != 3 {
		t.Errorf("%v packets are counted as answered", n)
	}
	eventually(t, "two sessions", func() bool { return w.metric("vedette_stamp_sessions") == 2 })
}

func TestNothingIsReflectedAfterADecisionOrTheLinksEnd(t *testing.T) {
	t.Parallel()
	w := start(t, metrics)
	s := w.sensor("branch")
	w.connect(s)
	s.AwaitState(pending)
	w.accept(s)
	first := s.AwaitMeasure(1)
	if len(s.States()) != 2 || len(s.Measures()) != 1 {
		t.Fatalf("states %v, %d measures", s.States(), len(s.Measures()))
	}
	p := w.prober("127.0.0.1", first, keyOf(t, first))
	p.answered()
	w.reject(s) // it returns when the decision is in force
	p.refused(stamp.UnknownSession)
	if m := s.AwaitMeasure(2); len(m.GetKey()) != 0 || m.GetSession() != 0 {
		t.Errorf("a rejected Sensor is given %v", m)
	}
	w.accept(s)
	again := s.AwaitMeasure(3)
	if keyOf(t, again) == [32]byte(first.GetKey()) {
		t.Error("the key is used again")
	}
	p = w.prober("127.0.0.1", again, keyOf(t, again))
	if a := p.answered(); a.Reflected != 0 {
		t.Errorf("the session goes on: %+v", a)
	}
	s.Close()
	eventually(t, "the session ends with the link", func() bool { return w.metric("vedette_stamp_sessions") == 0 })
	p.refused(stamp.UnknownSession)

	w.connect(s)
	m := s.AwaitMeasure(1)
	p = w.prober("127.0.0.1", m, keyOf(t, m))
	p.answered()
	w.remove(s)
	p.refused(stamp.UnknownSession)
}

func TestSessionsFollowDecisionsHoweverFastTheyAre(t *testing.T) {
	t.Parallel()
	w := start(t, metrics)
	s := w.joined("branch")
	first := keyOf(t, s.AwaitMeasure(1))
	for range 10 {
		w.reject(s)
		if n := w.metric("vedette_stamp_sessions"); n != 0 {
			t.Fatalf("%v sessions of a rejected Sensor", n)
		}
		w.accept(s)
	}
	eventually(t, "it measures again", func() bool {
		given := s.Measures()
		return given[len(given)-1].GetSession() != 0 && w.metric("vedette_stamp_sessions") == 1
	})
	given := s.Measures()
	m := given[len(given)-1]
	if keyOf(t, m) == first {
		t.Error("the first key is used again")
	}
	w.prober("127.0.0.1", m, keyOf(t, m)).answered()
}

func TestASensorThatIsNotAcceptedHasNothingToMeasureWith(t *testing.T) {
	t.Parallel()
	w := start(t, metrics)
	waits, here := w.sensor("waits"), w.sensor("here")
	server(t, here)
	for _, s := range []*sensortest.Sensor{waits, here} {
		w.connect(s)
		s.AwaitState(pending)
	}
	w.accept(here)
	here.AwaitState(same)
	yes := w.joined("yes") // what was said to the others has been said by now
	yes.AwaitMeasure(1)
	if n := len(waits.Measures()) + len(here.Measures()); n != 0 || w.metric("vedette_stamp_sessions") != 1 {
		t.Errorf("%d were given something to measure with", n)
	}
}

func TestNothingIsHandedOutWhereReflectingIsOff(t *testing.T) {
	t.Parallel()
	w := start(t, metrics, func(c *centralnode.Config) { c.Stamp.Address = centralnode.StampOff })
	s := w.joined("branch")
	say(t, s, &controlv1.Quality{})
	eventually(t, "the reason is said", func() bool {
		q := w.row(s).Quality
		return q != nil && strings.Contains(q.Unmeasured, "stamp.listen")
	})
	if len(s.Measures()) != 0 {
		t.Errorf("%v", s.Measures())
	}
	if n := w.metric("vedette_stamp_sessions"); n != 0 {
		t.Errorf("%v sessions", n)
	}
}

func TestWhyNothingIsMeasuredIsSaid(t *testing.T) {
	t.Parallel()
	var later atomic.Int64
	w := start(t, func(c *centralnode.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	})
	s := w.joined("branch")
	m := s.AwaitMeasure(1)
	say(t, s, &controlv1.Quality{})
	eventually(t, "it has just begun", func() bool {
		q := w.row(s).Quality
		return q != nil && strings.Contains(q.Unmeasured, "less than a minute ago")
	})
	later.Store(int64(2 * time.Minute))
	say(t, s, &controlv1.Quality{})
	eventually(t, "no packet arrives", func() bool {
		q := w.row(s).Quality
		return q != nil && strings.Contains(q.Unmeasured, fmt.Sprintf("No measuring packet of the Sensor arrives: let UDP from the Sensor to port %d ", m.GetPort()))
	})
	because := func(what, reason string) {
		t.Helper()
		eventually(t, what, func() bool {
			q := w.row(s).Quality
			return q != nil && strings.Contains(q.Unmeasured, reason)
		})
	}
	mark := uint64(0)
	pass := func() { // time, in which the Sensor says what it finds
		t.Helper()
		for range 2 {
			mark++
			later.Add(int64(11 * time.Second))
			say(t, s, &controlv1.Quality{Capacity: mark})
			eventually(t, "the Sensor's word has come", func() bool { return w.row(s).Quality.Capacity == mark })
		}
	}
	w.prober("127.0.0.1", m, keyOf(t, m)).answered()
	because("the answers do not arrive", "back to the Sensor")
	pass()
	because("no packet arrives any more", "No measuring packet of the Sensor arrives")
	because("they may go elsewhere", "if the Sensor measures to another reflector ([quality] reflector), its `link status` says what is missing.")
	w.prober("127.0.0.2", m, keyOf(t, m)).send()
	because("they come from elsewhere", "another address than the link's, 127.0.0.1,")
	pass()
	because("they do not either", "No measuring packet of the Sensor arrives")
	say(t, s, &controlv1.Quality{Judgements: []*controlv1.Judgement{{Limit: controlv1.Judgement_LIMIT_LOSS, Verdict: controlv1.Judgement_VERDICT_OK}}})
	eventually(t, "it is measured", func() bool { return w.row(s).Quality.Unmeasured == "" })
}
