package sensors

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"vedette/centralnode/trust"
	"vedette/internal/budget"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

// TestLinkEndsWhenNothingMoves shows how long a Sensor is waited for that reads
// nothing, or answers nothing.
func TestLinkEndsWhenNothingMoves(t *testing.T) {
	for name, c := range map[string]struct {
		reads bool
		want  error
	}{"deaf": {false, errUnread}, "mute": {true, errUntaken}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, far := accepted(t, 10_000)
				if c.reads {
					go func() {
						for {
							if _, err := far.Receive(t.Context()); err != nil {
								return
							}
						}
					}()
				}
				began := time.Now()
				if err := p.tell(t.Context()); !errors.Is(err, c.want) {
					t.Errorf("told until %v", err)
				}
				if took := time.Since(began); took < 30*time.Second || took > 2*time.Minute {
					t.Errorf("it was waited for %s", took)
				}
			})
		})
	}
}

// TestNewerPolicyWaitsForTheAnswer shows that a line carries the newest list
// and not all of them.
func TestNewerPolicyWaitsForTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, far := accepted(t, 1)
		began := func() (revisions int) {
			for {
				limited, cancel := context.WithTimeout(t.Context(), time.Second)
				raw, err := far.Receive(limited)
				cancel()
				if err != nil {
					return revisions
				}
				revisions += begins(t, raw)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		told := make(chan error, 1)
		go func() { told <- p.tell(ctx) }()
		if n := began(); n != 1 {
			t.Errorf("%d policies at first", n)
		}
		door := p.room.c.Door.(*movingDoor)
		for revision := uint64(2); revision < 10; revision++ {
			door.set(lists(1, revision))
			p.poke()
			synctest.Wait()
		}
		if n := began(); n != 0 {
			t.Errorf("%d policies before the first was answered", n)
		}
		if err := p.took(taken(1)); err != nil {
			t.Fatal(err)
		}
		p.poke()
		if n := began(); n != 1 {
			t.Errorf("%d policies after the answer", n)
		}
		if err := p.took(taken(9)); err != nil {
			t.Errorf("the newest one: %v", err)
		}
		cancel()
		<-told
	})
}

// TestPolicyIsNotTakenBeforeItsEnd has a Sensor answer what it knows the
// beginning of.
func TestPolicyIsNotTakenBeforeItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := accepted(t, 10_000) // more than a control stream holds unread
		ctx, cancel := context.WithCancel(t.Context())
		told := make(chan error, 1)
		go func() { told <- p.tell(ctx) }()
		synctest.Wait()
		var e *ending
		if err := p.took(taken(1)); !errors.As(err, &e) || e.code != controlv1.CodeControl {
			t.Errorf("an answer in the middle of a policy: %v", err)
		}
		if took, _ := p.await(canceled(), 1); took {
			t.Error("it counts")
		}
		cancel()
		<-told
	})
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func taken(revision uint64) *controlv1.PolicyTaken {
	return &controlv1.PolicyTaken{Version: &controlv1.PolicyVersion{StoreId: "store", Revision: revision}}
}

var theSensor = pki.Fingerprint{1}

func lists(listed int, policy uint64) *trust.Snapshot {
	l := trust.Lists{Policy: policy, Sensors: map[pki.Fingerprint]trust.Request{theSensor: trust.Accepted}}
	for i := range listed {
		l.Withdrawn = append(l.Withdrawn, pki.Fingerprint{byte(i >> 8), byte(i), 1})
	}
	return trust.NewSnapshot(l)
}

// movingDoor is a door whose lists change.
type movingDoor struct {
	Door
	mu       sync.Mutex
	snapshot *trust.Snapshot
}

func (d *movingDoor) Trust() *trust.Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.snapshot
}

func (d *movingDoor) set(s *trust.Snapshot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.snapshot = s
}

// accepted is the link of a Sensor that was accepted and has introduced itself,
// over a pipe, with the Sensor's end of it.
func accepted(t *testing.T, withdrawn int) (p *linked, far *link.Link) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	r := &Room{
		c:   Config{Door: &movingDoor{snapshot: lists(withdrawn, 1)}, StoreID: "store", Logger: quiet, Now: time.Now},
		log: quiet, sensors: map[pki.Fingerprint]*sensor{theSensor: {}},
	}
	near, distant := net.Pipe()
	acceptor := link.NewAccepting(link.Config{}, nil)
	far = link.NewDialing(link.Config{})
	joined := make(chan *link.Lane, 1)
	go func() {
		lane, err := acceptor.Join(t.Context(), near, theSensor.String())
		if err != nil {
			t.Error(err)
		}
		joined <- lane
	}()
	if _, err := far.AddLane(t.Context(), distant, link.Small); err != nil {
		t.Fatal(err)
	}
	p = &linked{
		room: r, id: theSensor, link: (<-joined).Link(), introduced: make(chan struct{}), poked: make(chan struct{}, 1), moved: make(chan struct{}),
		messages: budget.NewRate[struct{}](messagePeriod, messageBurst, 1, time.Now), spare: maxEarly,
	}
	close(p.introduced)
	t.Cleanup(func() {
		acceptor.Close(link.CodeShutdown, "")
		far.Close(link.CodeShutdown, "")
	})
	return p, far
}

// begins is 1 for a message that begins a policy.
func begins(t *testing.T, raw []byte) int {
	t.Helper()
	m := new(controlv1.FromCentralNode)
	if err := proto.Unmarshal(raw, m); err != nil {
		t.Fatal(err)
	}
	if m.GetPolicyBegin() != nil {
		return 1
	}
	return 0
}
