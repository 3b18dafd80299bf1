package link

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// stranger speaks frames by hand to an Acceptor.
type stranger struct {
	t    *testing.T
	conn net.Conn
	lane chan *Lane
	errs chan error
}

func newStranger(t *testing.T, a *Acceptor, m []byte) *stranger {
	t.Helper()
	c, s := net.Pipe()
	st := &stranger{t: t, conn: c, lane: make(chan *Lane, 1), errs: make(chan error, 1)}
	go func() {
		lane, err := a.Join(context.Background(), s, "stranger")
		st.lane <- lane
		st.errs <- err
	}()
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write(m); err != nil {
		t.Fatal(err)
	}
	return st
}

// frames reads frames until one that stop wants, the end of the connection or a fault.
func (s *stranger) frames(stop func(frame) bool) (frame, bool) {
	var b [maxFrame]byte
	for {
		if _, err := io.ReadFull(s.conn, b[:headerSize]); err != nil {
			return frame{}, false
		}
		h, err := parseHeader(b[:])
		if err != nil {
			return frame{}, false
		}
		body := b[headerSize : headerSize+h.length]
		if _, err := io.ReadFull(s.conn, body); err != nil {
			return frame{}, false
		}
		f, _, err := decode(h, body)
		if h.kind == typeWelcome {
			f.kind, err = typeWelcome, nil
		}
		if err == nil && stop(f) {
			return f, true
		}
	}
}

func firstHello() hello {
	return hello{minVersion: 1, maxVersion: 1, link: ID{1}, lane: 1, limits: limits{1 << 20, 1 << 20, 255}}
}

func TestEachBrokenLimitHasItsCloseReason(t *testing.T) {
	cfg := Config{MaxStreams: 50}
	open := appendOpen(nil, 1, nil, nil)
	repeat := func(n int, f func(i int) []byte) (b []byte) {
		for i := range n {
			b = append(b, f(i)...)
		}
		return b
	}
	for name, c := range map[string]struct {
		frames []byte
		code   Code
	}{
		"frame of 64 KiB":          {[]byte{byte(typeData), 0, 0xff, 0xff, 0, 0, 0, 1}, CodeProtocol},
		"unknown type":             {appendHeader(nil, 0x44, 0, 0, 0), CodeProtocol},
		"stream never opened":      {appendData(nil, 9, 0, false, []byte("x")), CodeProtocol},
		"data beyond the end":      {append(append(open, appendData(nil, 1, 0, true, nil)...), appendData(nil, 1, 0, false, []byte("x"))...), CodeProtocol},
		"second end":               {append(append(append([]byte(nil), open...), appendData(nil, 1, 3, true, nil)...), appendData(nil, 1, 4, true, nil)...), CodeProtocol},
		"acknowledged but unsent":  {append(append([]byte(nil), open...), appendWindow(nil, 1, 5, 9)...), CodeProtocol},
		"malformed metadata":       {appendOpen(nil, 1, []byte{1, 0, 9}, nil), CodeProtocol},
		"huge control message":     {appendData(nil, 0, 0, false, []byte{0, 1, 0, 1}), CodeProtocol},
		"credit by highest offset": {append(append([]byte(nil), open...), appendData(nil, 1, 32<<10, false, []byte("x"))...), CodeFlow},
		"control stream's credit":  {appendData(nil, 0, controlWindow, false, []byte("x")), CodeFlow},
		"33 gaps": {append(append([]byte(nil), open...), repeat(33, func(i int) []byte {
			return appendData(nil, 1, uint64(2*i+1), false, []byte("x"))
		})...), CodeFlow},
		"opens":            {repeat(1000, func(i int) []byte { return appendOpen(nil, uint32(i+1), nil, nil) }), CodeFlood},
		"copies of opens":  {repeat(3000, func(i int) []byte { return appendOpen(nil, 1, nil, nil) }), CodeFlood},
		"resets":           {append(append([]byte(nil), open...), repeat(9000, func(int) []byte { return appendReset(nil, 1, 0, "") })...), CodeFlood},
		"pings":            {repeat(400, func(i int) []byte { return appendPing(nil, uint64(i), false) }), CodeFlood},
		"empty data":       {append(append([]byte(nil), open...), repeat(400, func(int) []byte { return appendData(nil, 1, 0, false, nil) })...), CodeFlood},
		"hello once more":  {firstHello().append(nil), CodeProtocol},
		"reset never seen": {appendReset(nil, 5, 0, ""), CodeProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			a := NewAccepting(cfg, nil)
			s := newStranger(t, a, firstHello().append(nil))
			s.frames(func(f frame) bool { return f.kind == typeWelcome })
			lane := <-s.lane
			go func() { _, _ = s.conn.Write(c.frames) }()
			f, ok := s.frames(func(f frame) bool { return f.kind == typeClose })
			if !ok || f.code != c.code {
				t.Errorf("closed with %v %q, want %v", f.code, f.reason, c.code)
			}
			_ = s.conn.Close()
			lane.Link().Wait()
			var e *Error
			if !errors.As(lane.Link().Err(), &e) || e.Code != c.code || e.Remote {
				t.Errorf("link: %v", lane.Link().Err())
			}
		})
	}
}

func TestBadHandshakeIsRefusedByName(t *testing.T) {
	future, unknown := firstHello(), firstHello()
	future.minVersion, future.maxVersion = 7, 9
	unknown.epoch = ID{1, 2, 3}
	long := firstHello().append(nil)
	binary.BigEndian.PutUint16(long[2:], maxHello)
	for name, c := range map[string]struct {
		hello []byte
		code  Code
	}{
		"version":     {future.append(nil), CodeVersion},
		"gone":        {unknown.append(nil), CodeGone},
		"long hello":  {long[:headerSize], CodeProtocol},
		"other frame": {appendDrain(nil), CodeProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStranger(t, NewAccepting(Config{}, nil), c.hello)
			f, ok := s.frames(func(f frame) bool { return f.kind == typeClose })
			if err := <-s.errs; !ok || f.code != c.code || err == nil {
				t.Errorf("closed with %v, want %v; join: %v", f.code, c.code, err)
			}
		})
	}
}

func TestStreamsOverTheLimitAreRefusedAndHoldNoMemory(t *testing.T) {
	a := NewAccepting(Config{MaxStreams: 32}, nil)
	s := newStranger(t, a, firstHello().append(nil))
	s.frames(func(f frame) bool { return f.kind == typeWelcome })
	lane := <-s.lane
	const limit = 32 + 32/16 + 16
	go func() {
		for i := range uint32(limit + 20) {
			_, _ = s.conn.Write(appendOpen(nil, i+1, nil, make([]byte, 100)))
		}
	}()
	refused := 0
	s.frames(func(f frame) bool {
		if f.kind == typeReset {
			refused++
			if f.code != CodeBusy || f.stream <= limit {
				t.Errorf("stream %d: %v", f.stream, f.code)
			}
		}
		return refused == 20
	})
	l := lane.Link()
	l.mu.Lock()
	live := len(l.end.streams) - l.end.resetting
	l.mu.Unlock()
	if live != limit {
		t.Errorf("%d streams live, the limit is %d", live, limit)
	}
	_ = s.conn.Close()
	l.Wait()
}

func TestLanesOverTheLimitAreRefused(t *testing.T) {
	r := newRig(t, overTCP, Config{MaxLanes: 2}, Small, Bulk)
	var e *Error
	if err := r.add(Bulk); !errors.As(err, &e) || e.Code != CodeBusy {
		t.Errorf("third lane of two: %v", err)
	}
	if r.dial.Err() != nil || r.dial.Stats().Lanes != 2 {
		t.Errorf("the link suffered: %v", r.dial.Err())
	}
}

func TestNewLinkTakesOverAndTheThirdIsAnAlarm(t *testing.T) {
	alarms := make(chan string, 4)
	a := NewAccepting(Config{}, func(peer string) { alarms <- peer })
	var links []*Link
	for i := range 4 {
		c, s := overTCP(t)
		joined := make(chan error, 1)
		go func() { _, err := a.Join(context.Background(), s, "one identity"); joined <- err }()
		l := NewDialing(Config{})
		_, err := l.AddLane(context.Background(), c, Small)
		if err := errors.Join(err, <-joined); err != nil {
			t.Fatal(err)
		}
		links = append(links, l)
		if i > 0 {
			old := links[i-1]
			old.Wait()
			var e *Error
			if !errors.As(old.Err(), &e) || e.Code != CodeDuplicate || !e.Remote {
				t.Errorf("link %d: %v", i-1, old.Err())
			}
		}
	}
	if len(alarms) != 1 || <-alarms != "one identity" {
		t.Error("three take-overs in a minute raised no alarm")
	}
	links[3].Close(CodeShutdown, "")
	a.Close(CodeShutdown, "")
}

func TestSilentStrangerIsCutAfterFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s := net.Pipe()
		start := time.Now()
		_, err := NewAccepting(Config{}, nil).Join(t.Context(), s, "stranger")
		if err == nil || time.Since(start) != handshakeTime {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestSilentLaneDiesAfterFifteenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStranger(t, NewAccepting(Config{}, nil), firstHello().append(nil))
		_ = s.conn.SetDeadline(time.Time{})
		start, pings := time.Now(), 0
		s.frames(func(f frame) bool {
			if f.kind == typePing {
				pings++
			}
			return false
		})
		lane := <-s.lane
		lane.Link().Wait()
		if d := time.Since(start); d < silence || d > silence+2*time.Second || pings < 3 {
			t.Errorf("dead after %v and %d pings: %v", d, pings, lane.Err())
		}
	})
}

func TestStalledWriteKillsTheLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStranger(t, NewAccepting(Config{}, nil), firstHello().append(nil))
		_ = s.conn.SetDeadline(time.Time{})
		s.frames(func(f frame) bool { return f.kind == typeWelcome })
		start := time.Now() // from now on the stranger writes, but reads nothing
		lane := <-s.lane
		for range 14 {
			select {
			case <-lane.Done():
			case <-time.After(time.Second):
				_ = s.conn.SetWriteDeadline(time.Now().Add(time.Millisecond))
				_, _ = s.conn.Write(appendPing(nil, 1, true))
			}
		}
		lane.Link().Wait()
		if d := time.Since(start); d < writeTime || d > silence {
			t.Errorf("dead after %v: %v", d, lane.Err())
		}
	})
}
