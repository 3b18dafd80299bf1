package certificates_test

import (
	"sync"
	"testing"
	"time"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/web/certificates"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
)

const (
	front        = "/settings/certificates"
	generate     = front + "/agent/generate"
	uploadAgents = front + "/agent/upload"
	upload       = front + "/server/upload"
)

// world is a whole Central Node with the pages over it, and a clock of its own
// for sessions.
type world struct {
	*admintest.World
	*pagetest.Browser // of a Local administrator
	t                 testing.TB
	nobody            *pagetest.Browser

	mu  sync.Mutex
	now time.Time
}

func start(t testing.TB) *world {
	t.Helper()
	return over(t, admintest.Start(t))
}

func over(t testing.TB, node *admintest.World) *world {
	t.Helper()
	w := &world{World: node, t: t, now: time.Now()}
	w.nobody = pagetest.New(t, func(k *page.Kit) error { return certificates.Register(k, node.Admin) },
		pagetest.With(func(c *page.Config) { c.Permit, c.May = node.Permit, node.May }), pagetest.Now(w.clock), pagetest.Table(node.Node.Sessions()))
	w.Browser = w.as(acts.LocalAdministrator)
	return w
}

// as is the browser of somebody else.
func (w *world) as(role acts.Role) *pagetest.Browser { w.t.Helper(); return w.nobody.SignedIn(role) }

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// list is what is on the list, by the acts themselves.
func (w *world) list() acts.AgentCertificateList {
	w.t.Helper()
	list, err := w.AgentCertificates(w.t.Context(), admintest.Local(), acts.AgentCertificateFilter{})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}
