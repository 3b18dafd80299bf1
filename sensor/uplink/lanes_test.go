package uplink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
	"vedette/proto/problem"
	"vedette/sensor/uplink/uplinktest"
)

func TestLinkIsCompletedToTwoSmallAndTwoBulkLanes(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	r := run(t, target(n, pair), options{})
	look := r.awaitLanes(4)
	classes := make(map[string]int)
	local := make(map[string]bool)
	for _, lane := range look.Lanes {
		classes[lane.Class]++
		local[lane.Local] = true
		if lane.Remote != n.Addr() || lane.Since.IsZero() || lane.Congestion == "" {
			t.Errorf("lane %+v", lane)
		}
	}
	if classes["small"] != 2 || classes["bulk"] != 2 || len(local) != 4 {
		t.Errorf("lanes %+v", look.Lanes)
	}
	for _, lane := range look.Lanes {
		if warned := strings.Contains(strings.Join(look.Warnings, " "), lane.Congestion); warned == (lane.Congestion == "bbr") {
			t.Errorf("with %s the warnings are %q", lane.Congestion, look.Warnings)
		}
	}
	poll(t, func() bool { return r.Look().Stats.Lanes == 4 })
}

func TestRefusedCongestionControlIsWarnedOfOnce(t *testing.T) {
	l := &life{turn: newTurn(Target{}), link: link.NewDialing(link.Config{})}
	u := &Uplink{life: l}
	for i := range l.places {
		l.places[i] = place{lane: new(link.Lane), shown: acts.Lane{Congestion: "cubic"}}
	}
	l.places[3].shown.Congestion = "bbr"
	look := u.Look()
	if len(look.Warnings) != 1 || !strings.Contains(look.Warnings[0], "cubic") || !strings.Contains(look.Warnings[0], "modprobe tcp_bbr") {
		t.Errorf("warnings %q", look.Warnings)
	}
}

func TestKilledLanesAreReplacedAndAnOpenStreamSurvives(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	r := run(t, target(n, pair), options{})
	state := r.await(acts.LinkAccepted)
	stream, err := r.Open(t.Context(), meta)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	block := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	for range 8 { // each lane, and each of those that took their places
		r.awaitLanes(4)
		poll(t, func() bool { return n.Connections() == 4 })
		before := r.Look().Lanes
		if !n.KillOldest() {
			t.Fatal("there is no lane")
		}
		back := make([]byte, len(block))
		sent := make(chan error, 1)
		go func() { _, err := stream.Write(block); sent <- err }()
		_, err := io.ReadFull(stream, back)
		if err := errors.Join(err, <-sent); err != nil || !bytes.Equal(back, block) {
			t.Fatalf("the stream broke with a lane: %v", err)
		}
		poll(t, func() bool { // the dead one is noticed
			for i, lane := range r.Look().Lanes {
				if lane.Local != before[i].Local {
					return true
				}
			}
			return false
		})
	}
	r.awaitLanes(4)
	if err := errors.Join(stream.CloseWrite(), stream.Close()); err != nil {
		t.Error(err)
	}
	n.Sensor()
	n.NoSensor()
	if now := r.State(); now != state {
		t.Errorf("state went from %+v to %+v", state, now)
	}
}

func TestStreamsEndWithAnErrorWhenAllLanesDieAndTheLinkComesBack(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	r := run(t, target(n, pair), options{})
	r.awaitLanes(4)
	r.await(acts.LinkAccepted)
	stream, err := r.Open(t.Context(), meta)
	if err != nil {
		t.Fatal(err)
	}
	n.Sensor()
	kill := func() { // replacements may come while others are being cut
		n.KillLanes()
		if r.Look().Stats.Lanes > 0 {
			n.KillLanes()
		}
	}
	ended := make(chan error, 1)
	go func() { _, err := stream.Read(make([]byte, 1)); ended <- err }()
	deadline := time.After(patience)
	for over := false; !over; {
		kill()
		select {
		case err := <-ended:
			if err == nil || errors.Is(err, io.EOF) {
				t.Errorf("a cut stream ends with %v", err)
			}
			over = true
		case <-time.After(time.Millisecond):
		case <-deadline:
			t.Fatal("the stream does not end")
		}
	}
	n.Sensor()
	r.await(acts.LinkAccepted)
	r.ask()
}

func TestCentralNodeThatForgotTheLinkIsNoticedAtTheNextLane(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	front := newRelay(t, n.Addr())
	to := target(n, pair)
	to.Address = front.listener.Addr().String()
	r := run(t, to, options{})
	r.await(acts.LinkAccepted)
	r.awaitLanes(4)
	poll(t, func() bool { return front.count() == 4 })
	n.Sensor()
	again := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	front.point(again.Addr())
	front.cutOne() // the other three hang in the air
	again.Sensor()
	r.await(acts.LinkAccepted)
	r.ask()
}

func TestRestartOfTheCentralNodeIsSurvived(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	listen := func(address string) *uplinktest.CentralNode {
		return uplinktest.Listen(t, uplinktest.Options{Address: address, Certificate: pair, Server: there})
	}
	n := listen("")
	to := target(n, pair)
	r := run(t, to, options{})
	for _, end := range []func(){n.Stop, func() { n.Kill() }} {
		r.await(acts.LinkAccepted)
		r.ask()
		end()
		r.await(acts.LinkUnreachable)
		r.refuses(problem.LinkDown, 5*time.Second)
		n = listen(to.Address)
	}
	r.await(acts.LinkAccepted)
	r.ask()
}

func TestDrainLetsStreamsGoOnAndNoneIn(t *testing.T) {
	for name, drain := range map[string]func(*uplinktest.Sensor){
		"message": func(s *uplinktest.Sensor) {
			s.Say(&controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_Drain{Drain: &controlv1.Drain{}}})
		},
		"frame": func(s *uplinktest.Sensor) { s.Link.GoAway(link.CodeShutdown) },
	} {
		t.Run(name, func(t *testing.T) {
			pair := pkitest.Pair(t, pki.KeyECDSAP256)
			times := quick
			times.drain = 2 * time.Second // in which all that is looked at below has to happen
			n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
			r := run(t, target(n, pair), options{times: times})
			s := n.Sensor()
			r.await(acts.LinkAccepted)
			stream, err := r.Open(t.Context(), meta)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Write([]byte("before ")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(stream, make([]byte, len("before "))); err != nil {
				t.Fatal(err)
			}
			drain(s)
			poll(t, func() bool { // the frame shows with the next stream only
				if stream, err := r.Open(t.Context(), meta); err == nil {
					stream.Reset(link.CodeCancel, "")
				}
				return r.Refusal() != nil
			})
			r.awaitDetail(acts.LinkUnreachable, "takes no new agents")
			if err := exchange(stream, []byte("goes on")); err != nil {
				t.Error(err)
			}
			n.Sensor() // a Central Node that does not end the link is left in the end
			r.await(acts.LinkAccepted)
		})
	}
}

// relay forwards connections, can point new ones elsewhere, and cut old ones.
type relay struct {
	listener net.Listener
	running  sync.WaitGroup

	mu    sync.Mutex
	to    string
	pairs [][2]net.Conn
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, to: to}
	r.running.Go(r.accept)
	t.Cleanup(func() {
		_ = l.Close()
		for r.cutOne() {
		}
		r.running.Wait()
	})
	return r
}

func (r *relay) accept() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		to := r.to
		r.mu.Unlock()
		out, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", to)
		if err != nil {
			_ = in.Close()
			continue
		}
		r.mu.Lock()
		r.pairs = append(r.pairs, [2]net.Conn{in, out})
		r.mu.Unlock()
		for _, p := range [][2]net.Conn{{in, out}, {out, in}} {
			r.running.Go(func() {
				_, _ = io.Copy(p[0], p[1]) // one side ended, or was cut
				_, _ = p[0].Close(), p[1].Close()
			})
		}
	}
}

func (r *relay) point(to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = to
}

func (r *relay) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pairs)
}

func (r *relay) cutOne() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pairs) == 0 {
		return false
	}
	_, _ = r.pairs[0][0].Close(), r.pairs[0][1].Close()
	r.pairs = r.pairs[1:]
	return true
}
