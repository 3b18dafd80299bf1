package external_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode/external"
	"vedette/centralnode/gateway"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/kv"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

// The documented bounds (docs/security.md).
const (
	perAddress = 32
	inAll      = 256
	burst      = 20
)

// crowd is a room at a gateway that does not run, whose callers need no
// handshake: it calls what the gateway would call.
type crowd struct {
	*gateway.Gateway
	w       *world
	room    *external.Room
	refused func(*http.Request, trust.Caller, string, trust.Verdict) *problem.Problem
	leaves  []*x509.Certificate
}

type certificateKey struct{}

func (c *crowd) HandleSystem(_ string, _ http.Handler, refused func(*http.Request, trust.Caller, string, trust.Verdict) *problem.Problem) {
	c.refused = refused
}

func (c *crowd) Certificate(ctx context.Context) *x509.Certificate {
	return ctx.Value(certificateKey{}).(*x509.Certificate)
}

// brokenTrail is a crowd whose changes the disk refuses.
type brokenTrail struct {
	*crowd
	works   bool
	changes int
}

func (b *brokenTrail) Change(ctx context.Context, scope trust.Scope, commit func() (*trust.Snapshot, error)) (trust.Changed, error) {
	b.changes++
	if b.works {
		return b.crowd.Change(ctx, scope, commit)
	}
	return trust.Changed{}, &kv.StorageError{Path: b.w.path, Text: "the disk is full, nothing was changed"}
}

func gather(t *testing.T, leaves int) *crowd {
	t.Helper()
	w := newWorld(t)
	w.assemble()
	c := &crowd{Gateway: w.gateway, w: w}
	for range leaves {
		c.leaves = append(c.leaves, pkitest.Agent(t, "crowd").Leaf())
	}
	var err error
	c.room, err = external.New(t.Context(), external.Config{
		Door: c, Store: w.store, Trail: w.trail, Certificate: pki.NewHolder(w.server), Logger: discard(), Now: w.now.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// call is a call with an ID and a leaf from an address.
func (c *crowd) call(id string, leaf *x509.Certificate, address netip.Addr) *problem.Problem {
	caller := trust.Caller{Way: trust.Direct, Remote: netip.AddrPortFrom(address, 4711), Leaf: pki.FingerprintOf(leaf.Raw)}
	v := c.Trust().JudgeSystem(id, caller)
	if v.Allowed {
		return &problem.Problem{}
	}
	req := httptest.NewRequestWithContext(context.WithValue(c.w.t.Context(), certificateKey{}, leaf), http.MethodGet, connection(id), nil)
	return c.refused(req, caller, id, v)
}

func address(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }

func (c *crowd) pending() (n int) {
	c.w.t.Helper()
	kept, _, err := c.w.store.ExternalSystems(c.w.t.Context())
	if err != nil {
		c.w.t.Fatal(err)
	}
	for _, v := range kept {
		if v.State == store.Pending {
			n++
		}
	}
	return n
}

func TestRequestsOfOneAddressAreBounded(t *testing.T) {
	c := gather(t, 1)
	for name, at := range map[string]func(i int) netip.Addr{
		"IPv4":   func(int) netip.Addr { return netip.MustParseAddr("192.0.2.1") },
		"mapped": func(int) netip.Addr { return netip.MustParseAddr("::ffff:192.0.2.3") },
		"one /64": func(i int) netip.Addr {
			return netip.MustParseAddr(fmt.Sprintf("2001:db8:1:2:%x::%x", i, i+1))
		},
	} {
		before := c.pending()
		var last *problem.Problem
		for i := range perAddress + 10 {
			last = c.call(fmt.Sprintf("%s-%d", strings.ReplaceAll(name, " /", "-"), i), c.leaves[0], at(i))
		}
		if n := c.pending() - before; n != perAddress {
			t.Errorf("%s: %d requests wait", name, n)
		}
		if last.Code != problem.CertificateUnknown || last.Status != http.StatusUnauthorized || !strings.Contains(last.Detail, "Too many requests") {
			t.Errorf("%s: the next one reads %+v", name, last)
		}
	}
	if p := c.call("elsewhere", c.leaves[0], netip.MustParseAddr("192.0.2.2")); p.Code != problem.Pending {
		t.Errorf("another address reads %+v", p)
	}
}

// TestAHundredThousandIDsCostLittle is threats A5.
func TestAHundredThousandIDsCostLittle(t *testing.T) {
	c := gather(t, 4)
	var number atomic.Int64
	flood := func(calls int) (refused int64) {
		var n atomic.Int64
		var calling sync.WaitGroup
		for worker := range 8 {
			calling.Go(func() {
				for range calls / 8 {
					i := number.Add(1)
					if p := c.call(fmt.Sprintf("random-%x", i*2654435761), c.leaves[worker%4], address(int(i)%500)); p.Code == problem.CertificateUnknown {
						n.Add(1)
					}
				}
			})
		}
		calling.Wait()
		return n.Load()
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	flood(4 * inAll)
	if n := c.pending(); n != inAll {
		t.Fatalf("%d requests wait, want %d", n, inAll)
	}
	full, before := c.w.revision(), heap()
	if n := flood(100_000); n != 100_000 {
		t.Errorf("%d of 100,000 were told that they are not known", n)
	}
	after := heap()
	if c.w.revision() != full || c.pending() != inAll {
		t.Errorf("the state file went from revision %d to %d; %d requests wait", full, c.w.revision(), c.pending())
	}
	if after > before+1<<20 {
		t.Errorf("memory grew from %d to %d bytes", before, after)
	}
}

func TestOldestIdleRequestMakesRoomAtABoundedRate(t *testing.T) {
	c := gather(t, 1)
	leaf := c.leaves[0]
	for i := range inAll {
		if p := c.call(fmt.Sprintf("old-%03d", i), leaf, address(i)); p.Code != problem.Pending {
			t.Fatalf("%d: %+v", i, p)
		}
		c.w.now.advance(time.Second)
	}
	system := func(i int) trust.System {
		return trust.System{ID: fmt.Sprintf("old-%03d", i), Leaf: pki.FingerprintOf(leaf.Raw)}
	}
	if p := c.call("new", leaf, address(1000)); p.Code != problem.CertificateUnknown {
		t.Fatalf("nobody is idle, and a newcomer reads %+v", p)
	}
	c.w.now.advance(10 * time.Minute)
	// The first one calls still: the second yields.
	if p := c.call("old-000", leaf, address(0)); p.Code != problem.Pending {
		t.Fatalf("%+v", p)
	}
	if p := c.call("new-0", leaf, address(1000)); p.Code != problem.CertificateChanged && p.Code != problem.Pending {
		t.Fatalf("a newcomer reads %+v", p)
	}
	snapshot := c.Trust()
	if snapshot.System(system(0)) != trust.Pending || snapshot.System(system(1)) != trust.Unknown || snapshot.PendingSystems() != inAll {
		t.Errorf("first %v, second %v, %d wait", snapshot.System(system(0)), snapshot.System(system(1)), snapshot.PendingSystems())
	}
	records, err := c.w.trail.List(t.Context(), auditOf(external.ActRequest))
	if err != nil || !strings.Contains(records[0].Detail, "old-001") {
		t.Errorf("the record does not say who made room: %+v, %v", records[0], err)
	}
	before := c.w.revision()
	for i := range 3 * burst {
		c.call(fmt.Sprintf("newer-%d", i), leaf, address(2000+i))
	}
	if n := int(c.w.revision() - before); n != burst-1 {
		t.Errorf("%d requests made room at once, want %d", n, burst-1)
	}
	c.w.now.advance(time.Minute)
	before = c.w.revision()
	for i := range 3 * burst {
		c.call(fmt.Sprintf("newest-%d", i), leaf, address(3000+i))
	}
	if n := int(c.w.revision() - before); n != 6 {
		t.Errorf("%d requests made room in a minute, want 6", n)
	}
	// Whoever made room asks again like anybody.
	if n := c.pending(); n != inAll {
		t.Errorf("%d wait", n)
	}
}

// TestRequestsAndDecisionsAtOnce has administrators decide about systems that
// make room for others at the same time.
func TestRequestsAndDecisionsAtOnce(t *testing.T) {
	c := gather(t, 1)
	leaf := c.leaves[0]
	who := func(id string) trust.System { return trust.System{ID: id, Leaf: pki.FingerprintOf(leaf.Raw)} }
	for i := range inAll {
		c.call(fmt.Sprintf("old-%03d", i), leaf, address(i))
	}
	c.w.now.advance(time.Hour)
	var both sync.WaitGroup
	both.Go(func() {
		for i := range 40 {
			c.w.now.advance(10 * time.Second)
			c.call(fmt.Sprintf("new-%03d", i), leaf, address(1000+i))
		}
	})
	both.Go(func() {
		for i := range inAll {
			id := fmt.Sprintf("old-%03d", i)
			kept, found, err := c.w.store.ExternalSystem(t.Context(), who(id))
			if err != nil {
				t.Error(err)
			}
			if !found || i%3 == 0 {
				continue
			}
			kept.State, kept.Type, kept.Confirmed = store.Rejected, acts.OtherSystem, true
			var change store.Change
			change.PutExternalSystem(kept)
			_, err = c.Change(t.Context(), trust.Scope{Systems: []trust.System{who(id)}}, func() (*trust.Snapshot, error) {
				revision, err := c.w.state.Apply(t.Context(), change.Ops, change.Expect)
				return c.Trust().WithSystem(who(id), trust.Rejected).At(uint64(revision), false), err
			})
			if err == nil {
				c.room.Changed(t.Context(), who(id))
			}
		}
	})
	both.Wait()
	kept, _, err := c.w.store.ExternalSystems(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range kept {
		want, _ := v.State.Trust()
		if got := c.Trust().System(v.System()); got != want {
			t.Errorf("%s is %v on disk and %v at the door", v.ID, want, got)
		}
	}
	if n := c.pending(); n != c.Trust().PendingSystems() || n < 40 {
		t.Errorf("%d wait on disk, %d at the door", n, c.Trust().PendingSystems())
	}
}
