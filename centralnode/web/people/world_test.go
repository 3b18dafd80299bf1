package people_test

import (
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"vedette/centralnode/admin"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/centralnode/web/people"
	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/conduct"
	"vedette/internal/kv"
	"vedette/internal/sessions"
)

// The Central Node's acts are what the pages work on.
var _ people.Backend = (*admin.Admin)(nil)

const password = "Correct-horse7"

// world is the real acts on accounts, with admin and anna.
type world struct {
	*accounts.Acts
	t       *testing.T
	list    *accounts.Accounts
	trail   *audit.Trail
	table   *sessions.Table
	browser *pagetest.Browser // of nobody
	admin   *pagetest.Browser

	mu  sync.Mutex // guards now
	now time.Time
}

// may is the Central Node's table as far as accounts go.
func may(r acts.Role, act string) bool {
	switch act {
	case accounts.ActOwn, accounts.ActChangePassword:
		return slices.Contains(acts.Roles(), r)
	case accounts.ActView:
		return r == acts.LocalAdministrator || r == acts.Administrator || r == acts.SecurityAuditor
	}
	return r == acts.LocalAdministrator || r == acts.Administrator
}

// May asks the table.
func (w *world) May(actor acts.Actor, act string) bool { return may(actor.Role, act) }

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func start(t *testing.T) *world {
	t.Helper()
	state, err := kv.Open(filepath.Join(t.TempDir(), "state.db"), kv.Options{Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { state.Close() })
	w := &world{t: t, table: sessions.NewTable(), now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	log := slog.New(slog.DiscardHandler)
	w.list, w.trail = accounts.NewCheap(state, w.clock), audit.New(state, w.clock)
	w.Acts = accounts.NewActs(w.list, conduct.New(w.trail, w.table, may, log), w.table, log)
	w.make("admin", acts.LocalAdministrator)
	w.make("anna", acts.SecurityOfficer)
	w.browser = pagetest.New(t, func(k *page.Kit) error { return people.Register(k, w) }, pagetest.May(may), pagetest.Now(w.clock), pagetest.Table(w.table))
	w.admin = w.as("admin", acts.LocalAdministrator)
	return w
}

func (w *world) make(name string, role acts.Role) {
	w.t.Helper()
	if _, err := w.list.Create(w.t.Context(), name, string(role), password, accounts.Own); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) as(name string, role acts.Role) *pagetest.Browser {
	return w.browser.As(acts.Actor{Account: name, Role: role})
}

// account reads one as it is now.
func (w *world) account(name string) accounts.Account {
	w.t.Helper()
	a, err := w.list.Get(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}
