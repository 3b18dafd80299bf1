package sensors_test

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode"
	"vedette/centralnode/sensors/sensortest"
	"vedette/internal/acts"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

func TestLeafThatIsNoIdentityResetsTheStream(t *testing.T) {
	t.Parallel()
	w := start(t)
	listed := w.generate("listed")
	w.validation(true)
	s := w.joined("hostile")
	der := listed.Leaf().Raw
	for name, meta := range map[string]link.Meta{
		"no certificate":            {Leaf: []byte("this is none")},
		"a listed one and more":     {Leaf: append(slices.Clone(der), 0)},
		"a listed one, cut":         {Leaf: der[:len(der)-1]},
		"a listed one, one bit off": {Leaf: flipped(der)},
		"a weak key":                {Leaf: weak(t).Certificate[0]},
		"no address":                {Leaf: der},
	} {
		if name != "no address" {
			meta.Address = s.From
		}
		stream, err := s.Link().Open(t.Context(), meta)
		if err != nil {
			t.Fatal(err)
		}
		if name == "a listed one, one bit off" { // it parses, and is another identity
			a := s.HTTP(stream)
			if err := (&agent{AgentServiceClient: client(a), id: hexID(1)}).send(t.Context()); !refused(err) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		resetBy(t, stream, link.CodeProtocol)
	}
	if err := behind(s, listed, 1).send(t.Context()); err != nil {
		t.Errorf("the link does not go on: %v", err)
	}
	if n := len(w.events()); n != 1 {
		t.Errorf("%d events", n)
	}
}

// flipped changes the last bit of a certificate's signature.
func flipped(der []byte) []byte {
	out := slices.Clone(der)
	out[len(out)-1] ^= 1
	return out
}

func TestStreamsOfAPendingSensorAreResetAndEndItsLink(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.sensor("eager")
	w.connect(s)
	s.AwaitState(pending)
	for range 200 {
		stream, err := s.Open(nil)
		if err != nil {
			break
		}
		_, _ = stream.Write([]byte("POST / HTTP/1.1\r\n\r\n")) // it may be reset by now
	}
	if e := s.AwaitEnd(); e.Code != controlv1.CodeNotAccepted || !e.Remote {
		t.Errorf("the link ended with %v", e)
	}
	if w.logs.has("caller refused") {
		t.Error("something reached the HTTP server")
	}
}

func TestRequestsAreBoundedAndWrittenOnce(t *testing.T) {
	t.Parallel()
	w := start(t)
	ask := func(source string) *sensortest.Sensor {
		t.Helper()
		s := w.sensor("one of many")
		s.Name, s.Source = strings.Repeat("x", 10_000), source
		w.connect(s)
		return s
	}
	stranger := func(s *sensortest.Sensor) {
		t.Helper()
		if e := s.AwaitEnd(); e.Code != controlv1.CodeStranger || !e.Remote {
			t.Fatalf("the link ended with %v", e)
		}
	}
	var waiting, turnedAway []*sensortest.Sensor
	for address := range 13 {
		for i := range 9 {
			s := ask(fmt.Sprintf("127.0.7.%d", address+1))
			if i < 8 && len(waiting) < 100 {
				s.AwaitState(pending)
				waiting = append(waiting, s)
			} else {
				stranger(s)
				turnedAway = append(turnedAway, s)
			}
		}
	}
	if n := len(w.rows()); n != 100 {
		t.Fatalf("%d requests wait", n)
	}
	revision, size := w.revision(), w.stateSize()
	for _, s := range waiting {
		w.connect(s)
		s.AwaitState(pending)
	}
	for _, s := range turnedAway {
		w.connect(s)
		stranger(s)
	}
	stranger(ask("127.0.8.1"))
	if now := w.revision(); now != revision || w.stateSize() != size {
		t.Errorf("coming again wrote revision %d, before %d; %d bytes, before %d", now, revision, w.stateSize(), size)
	}
	status, err := w.Admin().Status(t.Context(), local)
	if err != nil || status.Sensors.Pending != 100 || !slices.Contains(status.Problems, "100 Sensor servers wait for Accept or Reject.") {
		t.Errorf("status %+v, %v", status, err)
	}
	if name := w.rows()[0].Name; len(name) > 64 {
		t.Errorf("a name of %d bytes", len(name))
	}
}

func (w *world) stateSize() int64 {
	w.t.Helper()
	info, err := os.Stat(filepath.Join(w.config.StateDir, "state.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	return info.Size()
}

func TestLinkThatSaysNothingEnds(t *testing.T) {
	t.Parallel()
	w := start(t)
	var all []*sensortest.Sensor
	for range 8 {
		s := w.sensor("silent")
		s.Silent = true
		w.connect(s)
		all = append(all, s)
	}
	ninth := w.sensor("ninth")
	if err := ninth.Connect(); err == nil {
		t.Error("an address has more lanes without introduction than it may have")
	}
	for _, s := range all {
		if e := s.AwaitEnd(); e.Code != link.CodeTimeout || !e.Remote {
			t.Errorf("the link ended with %v", e)
		}
	}
	w.connect(ninth)
	ninth.AwaitState(pending)
}

func TestNonsenseOnTheControlStreamEndsTheLink(t *testing.T) {
	t.Parallel()
	w := start(t)
	fields := func(edit func(*controlv1.Introduction)) *controlv1.FromSensor {
		in := &controlv1.Introduction{Name: "x", Server: make([]byte, 32), Request: make([]byte, 16)}
		edit(in)
		return &controlv1.FromSensor{Message: &controlv1.FromSensor_Introduction{Introduction: in}}
	}
	for name, m := range map[string]*controlv1.FromSensor{
		"nothing":                    {},
		"another message first":      {Message: &controlv1.FromSensor_Report{Report: &controlv1.Report{}}},
		"a short request":            fields(func(in *controlv1.Introduction) { in.Request = in.Request[1:] }),
		"no server":                  fields(func(in *controlv1.Introduction) { in.Server = nil }),
		"a server certificate of 31": fields(func(in *controlv1.Introduction) { in.ServerCertificate = make([]byte, 31) }),
		"text that is none":          nil,
	} {
		s := w.sensor(name)
		s.Silent = true
		w.connect(s)
		if m == nil {
			if err := s.Link().Send(t.Context(), []byte{0xff, 0xff, 0xff}); err != nil {
				t.Fatal(err)
			}
		} else if err := s.Say(m); err != nil {
			t.Fatal(err)
		}
		if e := s.AwaitEnd(); e.Code != controlv1.CodeControl || !e.Remote {
			t.Errorf("%s: the link ended with %v", name, e)
		}
	}
	if rows := w.rows(); len(rows) != 0 {
		t.Errorf("rows %+v", rows)
	}
	s := w.joined("liar")
	if err := s.Say(&controlv1.FromSensor{Message: &controlv1.FromSensor_PolicyTaken{PolicyTaken: &controlv1.PolicyTaken{
		Version: &controlv1.PolicyVersion{StoreId: s.Policy().StoreID, Revision: s.Policy().Revision + 1}}}}); err != nil {
		t.Fatal(err)
	}
	if e := s.AwaitEnd(); e.Code != controlv1.CodeControl {
		t.Errorf("a policy that was not sent: %v", e)
	}
}

func TestFloodOfMessagesEndsTheLink(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.joined("talkative")
	for s.Link().Err() == nil {
		if s.Say(&controlv1.FromSensor{Message: &controlv1.FromSensor_Report{Report: &controlv1.Report{IngressBytes: 1}}}) != nil {
			break
		}
	}
	if e := s.AwaitEnd(); e.Code != controlv1.CodeControl || !e.Remote {
		t.Errorf("the link ended with %v", e)
	}
}

func TestIdentityOfTwoMachinesIsSaidAndForgotten(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	w := start(t, func(c *centralnode.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	one := w.joined("branch")
	two := w.sensor("branch")
	two.Identity = one.Identity
	records := func() (n int) {
		t.Helper()
		all, err := w.Admin().Audit(t.Context(), local, acts.AuditFilter{Act: "sensor duplicate-identity"})
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	for range 5 {
		for _, s := range []*sensortest.Sensor{two, one} {
			w.connect(s)
			s.AwaitState(accepted)
		}
	}
	if row := w.row(one); !strings.Contains(row.Problem, "Two machines use this link identity: links take over from each other. Delete this Sensor, make a new identity on one of the machines, and accept what asks again.") || records() != 1 {
		t.Fatalf("row %+v, %d records", row, records())
	}
	ahead.Store(int64(61 * time.Minute))
	if row := w.row(one); strings.Contains(row.Problem, "Two machines") {
		t.Errorf("after an hour: %q", row.Problem)
	}
}

func TestReplacedServerCertificateEndsEveryLink(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.joined("branch")
	_, wait := load(t, s, 2, 1)
	preview, err := w.Admin().PreviewGenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{})
	if err != nil || !slices.ContainsFunc(preview.Consequences, func(c acts.Consequence) bool {
		return strings.HasPrefix(c.Text, "Every Sensor stops until") && c.Count == 1
	}) {
		t.Errorf("preview %+v, %v", preview, err)
	}
	after, err := w.Admin().GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{})
	if err != nil {
		t.Fatal(err)
	}
	if e := s.AwaitEnd(); e.Code != link.CodeShutdown || !e.Remote {
		t.Errorf("the link ended with %v", e)
	}
	wait()
	if err := s.Connect(); err == nil {
		t.Fatal("the old pin still fits")
	}
	s.Pin = after.Fingerprint
	w.connect(s)
	s.AwaitState(accepted)
	s.AwaitPolicy(0)
	if err := behind(s, nil, 3).send(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLaneOfBeforeTheReplacementIsNotKept(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.joined("branch")
	s.Close()
	raw, err := net.Dial("tcp", w.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	eventually(t, "the connection is taken in", func() bool {
		status, err := w.Admin().Status(t.Context(), local)
		return err == nil && status.Agents.Strangers == 1
	})
	after, err := w.Admin().GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{})
	if err != nil {
		t.Fatal(err)
	}
	c := s.Identity.TLS()
	config := pki.ClientConfig(pki.PinTo(after.Fingerprint), &c)
	config.NextProtos = []string{link.ALPN}
	l := link.NewDialing(link.Config{})
	if lane, err := l.AddLane(t.Context(), tls.Client(raw, config), link.Small); err == nil {
		eventually(t, "the lane is cut", func() bool { return lane.Err() != nil })
		var ended *link.Error
		if !errors.As(l.Err(), &ended) || ended.Code != link.CodeLost {
			t.Errorf("the link ended with %v", l.Err())
		}
		l.Close(link.CodeShutdown, "")
	}
}

func TestStoppingNodeTellsItsSensors(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.joined("branch")
	_, wait := load(t, s, 3, 1)
	stopped := make(chan struct{})
	go func() { defer close(stopped); w.stop() }()
	s.AwaitDrain()
	wait()
	if e := s.AwaitEnd(); e.Code != link.CodeShutdown || !e.Remote {
		t.Errorf("the link ended with %v", e)
	}
	select {
	case <-stopped:
	case <-time.After(10 * time.Second):
		t.Error("the node does not stop")
	}
}

func TestLaneOfAStrangerMakesRoom(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *centralnode.Config) { c.Limits.Strangers, c.Limits.StrangersPerAddress = 2, 2 })
	waits := w.sensor("waits")
	w.connect(waits)
	waits.AwaitState(pending)
	known := w.joined("known")
	for range 3 {
		s := w.sensor("newcomer")
		_, _ = rand.Read(s.Request[:])
		w.connect(s)
		s.AwaitState(pending)
	}
	if e := waits.AwaitEnd(); e.Code != link.CodeLost {
		t.Errorf("the lane of the stranger that waited longest: %v", e)
	}
	if err := behind(known, nil, 1).send(t.Context()); err != nil {
		t.Errorf("through the accepted one: %v", err)
	}
}
