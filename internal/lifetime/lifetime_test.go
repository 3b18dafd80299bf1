package lifetime_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"vedette/internal/lifetime"
)

// notes collects what happened, in its order.
type notes struct {
	mu   sync.Mutex
	said []string
}

func (n *notes) add(s string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, s)
}

// until is a part that says when it ends.
func (n *notes) until(name string) lifetime.Part {
	return func(ctx context.Context) error {
		<-ctx.Done()
		n.add(name)
		return nil
	}
}

func TestKeepersOutliveDoors(t *testing.T) {
	var n notes
	ctx, cancel := context.WithCancel(t.Context())
	started := func(context.Context) error { cancel(); return nil }
	if err := lifetime.Run(ctx, []lifetime.Part{n.until("door"), started, n.until("door")}, []lifetime.Part{n.until("keeper")}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(n.said, []string{"door", "door", "keeper"}) {
		t.Fatalf("ended in the order %v", n.said)
	}
}

func TestWhoeverBreaksTakesTheOthersDown(t *testing.T) {
	broken := errors.New("broken")
	breaks := func(context.Context) error { return broken }
	for name, run := range map[string]func(*notes) error{
		"a door": func(n *notes) error {
			return lifetime.Run(t.Context(), []lifetime.Part{n.until("door"), breaks}, []lifetime.Part{n.until("keeper")})
		},
		"a keeper": func(n *notes) error {
			return lifetime.Run(t.Context(), []lifetime.Part{n.until("door")}, []lifetime.Part{breaks, n.until("keeper")})
		},
	} {
		var n notes
		if err := run(&n); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
		slices.Sort(n.said)
		if !slices.Equal(n.said, []string{"door", "keeper"}) {
			t.Errorf("%s: ended %v", name, n.said)
		}
	}
}

func TestWhatWasOpenedIsClosedTheNewestFirst(t *testing.T) {
	var n notes
	var o lifetime.Opened
	bad := errors.New("bad")
	for i, err := range []error{nil, bad, fmt.Errorf("wrapped: %w", net.ErrClosed)} {
		o.Add(func() error { n.add(fmt.Sprint(i)); return err })
	}
	if err := o.Close(); !errors.Is(err, bad) || errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err := o.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if !slices.Equal(n.said, []string{"2", "1", "0"}) {
		t.Errorf("order %v", n.said)
	}
}
