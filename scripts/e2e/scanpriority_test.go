package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// turnstile is a clamd that looks at nothing until it is opened.
type turnstile struct{ open chan struct{} }

func (s turnstile) answer(ctx context.Context, object []byte) string {
	select {
	case <-s.open:
	case <-ctx.Done():
	}
	return found(object)
}

// TestMaximumScanPriorityPutsMailFirst lets a system flood a Central Node, and
// looks at the order in which objects are scanned: without the switch the others
// take turns with it, with it those of confirmed mail sensors come before all
// that stands there.
func TestMaximumScanPriorityPutsMailFirst(t *testing.T) {
	const flood, few = 150, 10
	for _, on := range []bool{false, true} {
		t.Run(map[bool]string{false: "off", true: "on"}[on], func(t *testing.T) {
			socket := socketIn(t)
			gate := turnstile{make(chan struct{})}
			av := newFakeClamd(t, socket, gate.answer)
			n := newNode(t, clampedScan(t, socket, "workers = 1"))
			flooder, other := acceptedSystem(t, n, "flood").caller(), acceptedSystem(t, n, "other").caller()
			// Both claim to be mail sensors; an administrator confirms one of them.
			claim := func(id, kind string) *caller {
				t.Helper()
				s := newSystem(t, n, id)
				if status, body := s.curl(s.scanner("connection?sensorType=mail")); status != 401 {
					t.Fatalf("the first call of %s: %d %s", id, status, body)
				}
				s.accept("--type", kind)
				return s.caller()
			}
			mail, pretender := claim("mail", "mail"), claim("pretender", "other")
			if on {
				n.must("external-system", "priority", "on")
			}
			submit := func(c *caller, some int) {
				t.Helper()
				for i := range some {
					id := fmt.Sprintf("%s-%03d", c.id, i)
					c.takes(id, []byte(id+"; an object"))
				}
			}
			submit(flooder, flood)
			eventually(t, 30*time.Second, "the first is looked at", func() bool { return len(av.seen()) == 1 })
			submit(other, few)
			submit(pretender, few)
			submit(mail, few)
			if s := n.scanning(); s.MaximumScanPriority != on || s.Waiting+s.Running != flood+3*few {
				t.Fatalf("before the gate opens: %+v", s)
			}
			close(gate.open)
			n.clean()
			order := av.seen()
			if len(order) != flood+3*few {
				t.Fatalf("%d objects were looked at", len(order))
			}
			last := func(c *caller) (at int) {
				var own []string
				for i, id := range order {
					if strings.HasPrefix(id, c.id+"-") {
						own, at = append(own, id), i
					}
				}
				if !slices.IsSorted(own) {
					t.Errorf("the objects of %s were not looked at in their order: %v", c.id, own)
				}
				return at
			}
			last(flooder)
			// The first of the flood was being looked at already. Four take turns, or
			// the mail comes first and then three do.
			bound := map[*caller]int{other: 4 * few, pretender: 4 * few, mail: 4 * few}
			if on {
				bound[mail] = few
			}
			for c, most := range bound {
				if at := last(c); at > most {
					t.Errorf("the last object of %s was looked at as number %d, want at most %d", c.id, at, most)
				}
			}
			if on {
				for _, c := range []*caller{other, pretender} {
					first := slices.IndexFunc(order, func(id string) bool { return strings.HasPrefix(id, c.id+"-") })
					if first <= last(mail) {
						t.Errorf("%s came before the mail: %v", c.id, order[:4*few])
					}
				}
			}
			for _, c := range []*caller{flooder, other, mail, pretender} {
				for id, state := range c.states() {
					if state != "not detected" {
						t.Errorf("%s is %q", id, state)
					}
				}
			}
			n.stop()
		})
	}
}
