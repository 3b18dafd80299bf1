package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"

	"vedette/centralnode/gateway"
	"vedette/centralnode/trust"
	"vedette/pki"
	"vedette/pki/pkitest"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

// sensor is a link whose streams a gateway takes as callers.
type sensor struct {
	d    *door
	id   pki.Fingerprint
	link *link.Link
}

// behind makes a Sensor and carries what its link opens.
func behind(t *testing.T, d *door, name string) *sensor {
	t.Helper()
	s := &sensor{d: d, id: pkitest.Agent(t, name).Fingerprint(), link: link.NewDialing(link.Config{})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	near, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	acceptor := link.NewAccepting(link.Config{}, nil)
	var carrying sync.WaitGroup
	carrying.Go(func() {
		lane, err := acceptor.Join(context.Background(), far, s.id.String())
		if err != nil {
			t.Error(err)
			return
		}
		for {
			stream, err := lane.Link().Accept(context.Background())
			if err != nil {
				return
			}
			meta := stream.Meta()
			c := trust.Caller{Way: trust.SensorID(s.id), Sensor: s.id, Remote: meta.Address}
			if len(meta.Leaf) > 0 {
				c.Leaf = pki.FingerprintOf(meta.Leaf)
			}
			d.Carry(stream, c, controlv1.CodeWithdrawn)
		}
	})
	if _, err := s.link.AddLane(t.Context(), near, link.Small); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.link.Close(link.CodeShutdown, "")
		acceptor.Close(link.CodeShutdown, "")
		carrying.Wait()
	})
	return s
}

// decide sets the state of the Sensor's request, as an administrator does.
func (s *sensor) decide(state trust.Request) trust.Changed {
	s.d.t.Helper()
	return s.d.change(trust.Scope{Sensors: []pki.Fingerprint{s.id}}, func() { s.d.sensors[s.id] = state })
}

func (s *sensor) open(t *testing.T, leaf *pki.Pair) *link.Stream {
	t.Helper()
	meta := link.Meta{Address: netip.MustParseAddrPort("192.0.2.7:4711")}
	if leaf != nil {
		meta.Leaf = leaf.Leaf().Raw
	}
	stream, err := s.link.Open(t.Context(), meta)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// ask posts through a stream; a refusal or a cut is an error.
func ask(stream net.Conn) error {
	if _, err := io.WriteString(stream, "POST "+takePath+" HTTP/1.1\r\nHost: cn\r\nContent-Length: 7\r\n\r\npackage"); err != nil {
		return err
	}
	r, err := http.ReadResponse(bufio.NewReader(stream), nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	if err == nil && !bytes.Equal(body, []byte("taken")) {
		err = errors.New(r.Status + " " + string(body))
	}
	return err
}

func isReset(err error, code link.Code) bool {
	var reset *link.ResetError
	return errors.As(err, &reset) && reset.Code == code && reset.Remote
}

func TestStreamIsACallerLikeAConnection(t *testing.T) {
	listed, unknown := pkitest.Agent(t, "listed"), pkitest.Agent(t, "unknown")
	d := open(t, gateway.Limits{}, listed)
	s := behind(t, d, "sensor")
	s.decide(trust.Accepted)
	stream := s.open(t, listed)
	for range 2 {
		if err := ask(stream); err != nil {
			t.Fatal(err)
		}
	}
	if n := d.Carried()[s.id]; n != 1 || d.Connected(listed.Fingerprint()) != 1 {
		t.Errorf("%d connections through the Sensor, %d of the leaf", n, d.Connected(listed.Fingerprint()))
	}
	for name, leaf := range map[string]*pki.Pair{"unknown": unknown, "none": nil} {
		if err := ask(s.open(t, leaf)); err == nil || isReset(err, controlv1.CodeWithdrawn) {
			t.Errorf("leaf %s: %v, want a refusal with its reason", name, err)
		}
	}
	// The end of the stream ends the caller.
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the closed stream is no connection", func() bool { return d.Carried()[s.id] == 0 })
	d.check()
}

func TestWithdrawalCutsStreamsOfTheLeafAndNoOthers(t *testing.T) {
	gone, stays := pkitest.Agent(t, "gone"), pkitest.Agent(t, "stays")
	d := open(t, gateway.Limits{}, gone, stays)
	s := behind(t, d, "sensor")
	s.decide(trust.Accepted)
	cut, kept := s.open(t, gone), s.open(t, stays)
	for _, stream := range []net.Conn{cut, kept} {
		if err := ask(stream); err != nil {
			t.Fatal(err)
		}
	}
	if done := d.withdraw(gone.Fingerprint()); done.Cut != 1 {
		t.Errorf("%d were cut", done.Cut)
	}
	if _, err := cut.Read(make([]byte, 1)); !isReset(err, controlv1.CodeWithdrawn) {
		t.Errorf("the stream of the withdrawn leaf ended with %v", err)
	}
	if err := ask(kept); err != nil {
		t.Error(err)
	}
	d.check()
}

func TestRejectedSensorIsCutAndNothingOfItsIsTakenAfterwards(t *testing.T) {
	leaf := pkitest.Agent(t, "agent")
	d := open(t, gateway.Limits{}, leaf)
	s, other := behind(t, d, "sensor"), behind(t, d, "other")
	s.decide(trust.Accepted)
	other.decide(trust.Accepted)
	const streams = 20
	var asking sync.WaitGroup
	for range streams {
		stream := s.open(t, leaf)
		if err := ask(stream); err != nil {
			t.Fatal(err)
		}
		asking.Go(func() {
			for ask(stream) == nil {
			}
		})
	}
	silent, kept := s.open(t, leaf), other.open(t, leaf)
	if err := ask(kept); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all streams are known", func() bool { return d.Carried()[s.id] == streams+1 })
	done := s.decide(trust.Rejected)
	d.mu.Lock()
	before := d.order
	d.mu.Unlock()
	if done.Cut != streams+1 {
		t.Errorf("%d were cut, want %d", done.Cut, streams+1)
	}
	asking.Wait()
	if _, err := silent.Read(make([]byte, 1)); !isReset(err, controlv1.CodeWithdrawn) {
		t.Errorf("the stream that had asked for nothing ended with %v", err)
	}
	// A stream that comes now is nobody's.
	if err := ask(s.open(t, leaf)); err == nil {
		t.Error("something was taken through a rejected Sensor")
	}
	if err := ask(kept); err != nil {
		t.Errorf("through the other Sensor: %v", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if late := d.order - before; late != 1 {
		t.Errorf("%d things happened after the rejection, want the one through the other Sensor", late)
	}
}

func TestStreamsTakePlacesOfThoseLetIn(t *testing.T) {
	d := open(t, gateway.Limits{Connections: 2, Strangers: 10, StrangersPerAddress: 10})
	d.validate(false)
	s := behind(t, d, "sensor")
	s.decide(trust.Accepted)
	for range 2 {
		if err := ask(s.open(t, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if err := ask(s.open(t, nil)); err == nil {
		t.Error("a third one was let in")
	}
	s.decide(trust.Rejected)
	if admitted, _ := d.Counts(); admitted != 0 {
		t.Errorf("%d places are still taken", admitted)
	}
}

func TestOtherProtocolsGoToWhoSpeaksThem(t *testing.T) {
	d := open(t, gateway.Limits{})
	negotiate := func(protocols ...string) string {
		t.Helper()
		config := pki.ClientConfig(pki.PinTo(d.server.Fingerprint()), nil)
		config.NextProtos = protocols
		c := tls.Client(dial(t, d, "127.0.0.1"), config)
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		return c.ConnectionState().NegotiatedProtocol
	}
	if got := negotiate(otherProtocol, "http/1.1"); got != otherProtocol {
		t.Fatalf("negotiated %q", got)
	}
	c := <-d.others
	if c.Admitted() {
		t.Error("one who speaks another protocol is let in before anybody asked")
	}
	c.Cut()
	if got := negotiate("http/1.1"); got != "http/1.1" {
		t.Errorf("negotiated %q", got)
	}
}
