package sensors

import (
	"context"
	"errors"
	"sync"

	"vedette/centralnode/trust"
	"vedette/pki"
	"vedette/proto/capacity"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

const (
	// maxTests is how many links are tested at a time: each may fill the Central
	// Node's own line.
	maxTests = 4
	// maxRefusals is how many tests of a link are told at a time why they are not
	// made; more streams are reset without a word.
	maxRefusals = 4
)

// errWithdrawn ends the test of a Sensor that is not Accepted any more.
var errWithdrawn = errors.New("the Sensor is not Accepted any more")

// tests are the capacity tests that are under way.
type tests struct {
	mu      sync.Mutex // guards what follows
	running map[pki.Fingerprint]context.CancelCauseFunc
	refused map[*linked]int // refusals that are being told
}

// begin takes a place for a Sensor's test, or says why there is none.
func (t *tests) begin(id pki.Fingerprint, cancel context.CancelCauseFunc) (refused capacity.Refusal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.running[id] != nil:
		return capacity.RefusedBusy
	case len(t.running) >= maxTests:
		return capacity.RefusedCrowd
	}
	if t.running == nil {
		t.running = make(map[pki.Fingerprint]context.CancelCauseFunc)
	}
	t.running[id] = cancel
	return 0
}

func (t *tests) end(id pki.Fingerprint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.running, id)
}

// cut ends the test of a Sensor.
func (t *tests) cut(id pki.Fingerprint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if cancel := t.running[id]; cancel != nil {
		cancel(errWithdrawn)
	}
}

// mayRefuse takes a place for a refusal; done gives it back.
func (t *tests) mayRefuse(p *linked) (ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused[p] >= maxRefusals {
		return false
	}
	if t.refused == nil {
		t.refused = make(map[*linked]int)
	}
	t.refused[p]++
	return true
}

func (t *tests) toldRefusal(p *linked) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused[p]--; t.refused[p] == 0 {
		delete(t.refused, p)
	}
}

// test makes a capacity test of an Accepted Sensor's stream, or refuses it. It
// does not wait for either.
func (p *linked) test(ctx context.Context, s *link.Stream) {
	r := p.room
	ctx, cancel := context.WithCancelCause(ctx)
	refused := r.tests.begin(p.id, cancel)
	if refused != 0 {
		if !r.tests.mayRefuse(p) {
			cancel(nil)
			s.Reset(link.CodeBusy, "")
			return
		}
		r.running.Go(func() {
			defer cancel(nil)
			defer r.tests.toldRefusal(p)
			defer r.caught("refusal of a test ended by a panic")
			p.tested(s, capacity.Refuse(ctx, s, refused))
		})
		return
	}
	r.running.Go(func() {
		end := sync.OnceFunc(func() { r.tests.end(p.id) })
		defer cancel(nil)
		defer end()
		defer r.caught("test ended by a panic")
		// A decision about the Sensor that came before the test was known is seen
		// here, a later one ends it.
		if p.standing(r.c.Door.Trust()) != controlv1.Authorisation_STATE_ACCEPTED {
			s.Reset(link.CodeCancel, "")
			return
		}
		err := capacity.Serve(ctx, s, capacity.OverLanes(p.live, nil))
		end() // before the Sensor sees the end of the stream, and may begin another
		p.tested(s, err)
	})
}

// tested ends the stream of a test.
func (p *linked) tested(s *link.Stream, err error) {
	if err != nil {
		p.room.log.Info("test of a link not made to its end", "sensor", trust.SensorID(p.id), "error", err)
		s.Reset(link.CodeCancel, "")
		return
	}
	_ = s.Close() // both ends have said everything
}

// live are the lanes of the link now.
func (p *linked) live() []*link.Lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*link.Lane, len(p.lanes))
	for i, l := range p.lanes {
		out[i] = l.Lane
	}
	return out
}
