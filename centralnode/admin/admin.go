package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"vedette/centralnode/agents"
	"vedette/centralnode/eventlog"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/kv"
	"vedette/pki"
)

// Door is the gateway as the acts see it.
type Door interface {
	Change(ctx context.Context, scope trust.Scope, commit func() (*trust.Snapshot, error)) (trust.Changed, error)
	Trust() *trust.Snapshot
	Connected(leaf pki.Fingerprint) int
	Live(connection uint64) bool
	Affected(s *trust.Snapshot) int
	Counts() (admitted, strangers int)
}

// Hosts is the table of hosts.
type Hosts interface {
	Hosts() []agents.Host
	Len() int
}

// Events is the event log.
type Events interface {
	List(ctx context.Context, f eventlog.Filter, yield func(eventlog.Record) bool) error
	Watch(ctx context.Context, f eventlog.Filter, yield func(eventlog.Record) bool) error
	State() eventlog.State
}

// Serving is the certificate that the daemon shows to those who connect.
type Serving interface {
	Swap(p *pki.Pair) (old *pki.Pair)
}

// Config is what the acts work on.
type Config struct {
	Store   *store.Store
	Trail   *audit.Trail
	Door    Door
	Hosts   Hosts
	Events  Events
	Serving Serving
	// Names are the configured names and addresses that a generated server
	// certificate carries beside the local ones.
	Names []string
	// StateDegraded says why the state file takes no writes, or nothing.
	StateDegraded func() string
	// RefusedPackages counts packages that were answered "try again".
	RefusedPackages func() uint64
	StoreID         string
	Address         string // where agents connect
	Version         string
	Logger          *slog.Logger
	Now             func() time.Time
}

// Admin performs acts.
type Admin struct {
	c       Config
	started time.Time
	// replacingMu orders replacements of the server certificate.
	replacingMu sync.Mutex
}

// New makes an Admin.
func New(c Config) *Admin { return &Admin{c: c, started: c.Now()} }

// permit checks the actor's role for an act and leaves an audit record when it
// is refused.
func (a *Admin) permit(ctx context.Context, actor acts.Actor, act string, subject ...string) error {
	if mayDo(actor.Role, act) {
		return nil
	}
	err := &acts.Error{
		Code: acts.NotAllowed,
		Text: fmt.Sprintf("the role %s may not do this (%s)", actor.Role, act),
		Hint: "ask a local administrator",
	}
	a.note(ctx, actor, act, subject, err)
	return err
}

// commit writes a change together with its audit record.
func (a *Admin) commit(ctx context.Context, actor acts.Actor, act string, subject []string, detail string, c store.Change) (kv.Revision, error) {
	r := a.record(actor, act, subject)
	r.Result, r.Detail = audit.Done, detail
	return a.c.Trail.Commit(ctx, r, c.Ops, c.Expect)
}

// failed leaves an audit record of an act that was not done, and gives its
// error the form that a person reads.
func (a *Admin) failed(ctx context.Context, actor acts.Actor, act string, subject []string, err error) error {
	var known *acts.Error
	var moved *kv.ConflictError
	var disk *kv.StorageError
	switch {
	case errors.As(err, &known):
	case errors.As(err, &moved):
		known = stale()
		known.Err = err
	case errors.As(err, &disk):
		// Whether anything was changed is the store's to say: after a failed sync
		// nobody knows until the next start.
		known = &acts.Error{Code: acts.Unavailable, Text: disk.Error(), Hint: disk.Hint(), Err: err}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		known = &acts.Error{Code: acts.Unavailable, Text: "the act was interrupted", Hint: "look at the present state and repeat it if needed", Err: err}
	default:
		known = &acts.Error{Code: acts.Failed, Text: act + " failed", Hint: "the daemon's log has the cause", Err: err}
	}
	a.note(ctx, actor, act, subject, known)
	a.c.Logger.Warn("act not done", "act", act, "account", actor.Account, "code", known.Code, "error", err)
	return known
}

func (a *Admin) note(ctx context.Context, actor acts.Actor, act string, subject []string, err *acts.Error) {
	r := a.record(actor, act, subject)
	r.Result, r.Detail = audit.Refused, err.Text
	if err.Code == acts.Failed || err.Code == acts.Unavailable {
		r.Result = audit.Failed
	}
	if noteErr := a.c.Trail.Note(context.WithoutCancel(ctx), r); noteErr != nil {
		a.c.Logger.Error("write audit record", "act", act, "error", noteErr)
	}
}

func (a *Admin) record(actor acts.Actor, act string, subject []string) audit.Record {
	return audit.Record{
		Account: actor.Account, Role: string(actor.Role), Face: string(actor.Face), From: actor.From,
		Act: act, Subject: subject,
	}
}

// stale refuses an act whose administrator saw something that has changed.
func stale() *acts.Error {
	return &acts.Error{Code: acts.Stale, Text: "what you saw has changed since: nothing was done", Hint: "look at it again, then repeat the act if it is still right"}
}

// seen refuses when an entity was written after the revision that the
// administrator saw; 0 means that nothing was previewed.
func seen(revision uint64, written kv.Revision) error {
	if revision != 0 && uint64(written) > revision {
		return stale()
	}
	return nil
}
