package link

import (
	"bytes"
	"context"
	"io"
	"slices"
	"testing"
	"time"
)

// TestControlGoesAheadOfAllBulkAndCopies has half a gigabyte wait on every kind of lane, with copies on top, and looks
// where a policy's frames come.
func TestControlGoesAheadOfAllBulkAndCopies(t *testing.T) {
	const streams, each = 128, 4 << 20
	var ends [2]*end
	var lanes [2][]*lane
	for i := range ends {
		ends[i] = newEnd(i == 0, limits{initWindow: each, maxStreams: streams + 100, maxLanes: 8}, 4<<30, 4<<30)
		for n, class := range []Class{Small, Small, Bulk, Bulk} {
			lanes[i] = append(lanes[i], ends[i].laneUp(uint16(n+1), class, 0))
		}
	}
	gather := func(l *lane) []byte {
		b, held := ends[0].gather(l, 0)
		if held != nil {
			defer held.release()
		}
		return bytes.Clone(b)
	}
	ends[0].copying = true
	for range streams {
		ends[0].open(nil, 1, 0)
	}
	for i, l := range lanes[0] {
		for b := gather(l); len(b) > 0; b = gather(l) {
			receiveAll(t, ends[1], lanes[1][i], b)
		}
	}
	for b := []byte{0}; len(b) > 0; {
		b, _ = ends[1].gather(lanes[1][0], 0)
		receiveAll(t, ends[0], lanes[0][0], b)
	}
	block := make([]byte, 1<<20)
	waiting := 0
	for _, s := range ends[0].inOrder() {
		for range each / len(block) {
			n, err := ends[0].write(s, block, 0)
			if err != nil {
				t.Fatal(err)
			}
			waiting += n
		}
	}
	for range 60 { // and small ones
		s := ends[0].open(make([]byte, 900), 2, 0)
		if _, err := ends[0].write(s, block[:1000], 0); err != nil {
			t.Fatal(err)
		}
	}
	gather(lanes[0][0])
	lanes[0][0].copied = bytes.Clone(lanes[0][1].copied)
	if waiting != 512<<20 || len(lanes[0][1].copied) == 0 || ends[0].shared[Small].first() == nil {
		t.Fatalf("%d bytes wait, and %d of copies", waiting, len(lanes[0][1].copied))
	}
	policy := bytes.Repeat([]byte("p"), 40<<10)
	if !ends[0].control.send(policy) {
		t.Fatal("no room for a policy")
	}
	for i := range 2 { // both small lanes, each alone
		for got := 0; got < 4+len(policy); {
			b := gather(lanes[0][i])
			h, err := parseHeader(b)
			if err != nil || h.kind != typeData || h.stream != 0 {
				t.Fatalf("lane %d has a frame of type %d for stream %d before the policy's %d bytes", i, h.kind, h.stream, len(policy))
			}
			got += h.length - 8
		}
	}
}

// TestControlIsFastBesideBulk sends messages while bulk fills every lane, over real connections.
func TestControlIsFastBesideBulk(t *testing.T) {
	r := newRig(t, overTLS(t), Config{}, Small, Small, Bulk, Bulk)
	r.dial.mu.Lock()
	r.dial.losses.lossy = true // as after losses: copies stay for half a minute
	r.dial.mu.Unlock()
	var sinks []*Stream
	for range 8 {
		a, b := r.open(Meta{})
		sinks = append(sinks, a)
		go func() { _, _ = io.Copy(io.Discard, b) }()
		go func() {
			block := make([]byte, 1<<20)
			for {
				if _, err := a.Write(block); err != nil {
					return
				}
			}
		}()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var took []time.Duration
	for range 50 {
		began := time.Now()
		if err := r.dial.Send(ctx, bytes.Repeat([]byte("w"), 32<<10)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.accept.Receive(ctx); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	for _, s := range sinks {
		s.Reset(CodeCancel, "")
	}
	// Bulk that goes ahead would hold up each message; a busy machine, which has
	// eight streams to feed besides, holds up one or the other.
	slices.Sort(took)
	half, slowest := took[len(took)/2], took[len(took)-1]
	if half > 2*time.Second {
		t.Errorf("half of the messages took more than %v beside bulk", half)
	}
	t.Logf("half of the messages took %v or less, the slowest %v", half, slowest)
}
