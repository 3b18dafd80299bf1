package clamd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/centralnode/scan/engine"
)

const (
	// checkFor is how long it is believed that one clamd reports what it passes
	// over.
	checkFor = 10 * time.Second
	// thoroughFor is the same for the probe that makes clamd unpack MaxFileSize.
	thoroughFor = time.Hour
)

// state is what is known of clamd.
type state struct {
	version version
	at      time.Time // zero: nothing is known
	trouble string    // why an OK is not believed
	watch   *watch    // on the clamd that this is known of; nil: none was met

	cut   bool      // large members of archives are cut in silence
	cutAt time.Time // zero: that is not known
	cutOf string    // the version it is known of
}

// young reports whether something noted at a time is still believed; a clock
// that was set back ends it.
func young(now, at time.Time, most time.Duration) bool {
	return !at.IsZero() && !now.Before(at) && now.Sub(at) < most
}

// check finds out which version clamd is and whether its OK is to be believed.
// fresh asks again even when that was known a moment ago.
func (e *Engine) check(ctx context.Context, fresh bool) (state, error) {
	if err := e.checking.Enter(ctx); err != nil {
		return state{}, e.failed(ctx, "wait for", err)
	}
	defer e.checking.Leave()
	e.mu.Lock()
	known, forgotten := e.state, e.forgotten
	e.mu.Unlock()
	now := e.c.Now()
	if !fresh && young(now, known.at, checkFor) && known.watch.same() {
		return known, nil
	}
	next, err := e.probeAll(ctx, known, now)
	if errors.Is(err, context.Canceled) {
		return state{}, err // nobody waits any more
	}
	if err != nil {
		e.forget(err)
		e.tell(unreachable, err)
		return state{}, err
	}
	e.mu.Lock()
	if e.forgotten == forgotten {
		e.state = next
	} else { // a connection failed meanwhile: ask again
		e.state.watch = next.watch
	}
	e.mu.Unlock()
	e.tell(next.trouble, nil)
	return next, nil
}

// probeAll asks clamd for its version and sends it what it should report, and
// makes sure that it was one process that was asked.
func (e *Engine) probeAll(ctx context.Context, known state, now time.Time) (state, error) {
	conn, err := e.open(ctx)
	if err != nil {
		return state{}, err
	}
	next, err := e.probeOne(ctx, known, now)
	if err == nil && !silent(conn) {
		err = e.another()
	}
	if err != nil {
		return state{}, errors.Join(err, conn.Close())
	}
	if next.watch == nil || !next.watch.renew(conn) {
		next.watch = &watch{conn: conn}
	}
	return next, nil
}

// another is the error of an answer that may be of a clamd with other settings
// than those that were tried out.
func (e *Engine) another() error {
	return fmt.Errorf("clamd at %s was restarted, or its ReadTimeout is shorter than an object takes", e.address)
}

// probeOne is probeAll while a connection is open. The watch is kept when the
// clamd is the one that is known.
func (e *Engine) probeOne(ctx context.Context, known state, now time.Time) (state, error) {
	a, err := e.ask(ctx, "VERSION")
	if err != nil {
		return state{}, err
	}
	next := state{at: now}
	if known.watch.same() { // then it has taken the open connection too
		next.watch, next.cut, next.cutAt, next.cutOf = known.watch, known.cut, known.cutAt, known.cutOf
	}
	if next.version, err = parseVersion(a.text, now.Location()); err != nil {
		return state{}, err
	}
	p, err := e.probes()
	if err != nil {
		return state{}, err
	}
	var m manners
	if m.limits, _, err = e.reports(ctx, p.nested, limitsPrefix); err != nil {
		return state{}, err
	}
	if m.secrets, m.low, err = e.reports(ctx, p.encrypted, encryptedPrefix); err != nil {
		return state{}, err
	}
	for _, d := range p.documents {
		if !m.secrets || m.low != "" || slices.Contains(m.closed, d.needs) {
			continue // it would show nothing
		}
		var opened bool
		if opened, m.low, err = e.reports(ctx, d.object, encryptedPrefix); err != nil {
			return state{}, err
		} else if !opened && m.low == "" {
			m.closed = append(m.closed, d.setting)
		}
	}
	if m.limits && (!young(now, next.cutAt, thoroughFor) || next.cutOf != next.version.raw) {
		reported, _, err := e.reports(ctx, p.oversized, limitsPrefix)
		if err != nil {
			return state{}, err
		}
		next.cut, next.cutAt, next.cutOf = !reported, now, next.version.raw
	}
	m.cut = next.cut
	next.trouble = e.trouble(m)
	return next, nil
}

// reports sends a probe and tells whether clamd reports it by a name with this
// prefix, or else the limit that it reports to have reached.
func (e *Engine) reports(ctx context.Context, probe []byte, prefix string) (reported bool, limit string, err error) {
	a, err := e.stream(ctx, bytes.NewReader(probe), int64(len(probe)))
	if err != nil {
		return false, "", err
	}
	v, err := parseVerdict(a)
	if err != nil {
		return false, "", err
	}
	if v.tooLong {
		return false, "", fmt.Errorf("clamd takes no object of %d bytes: raise StreamMaxLength in clamd.conf", len(probe))
	}
	for _, name := range v.passed {
		if strings.HasPrefix(name, prefix) {
			return true, "", nil
		}
		limit, _ = strings.CutPrefix(name, limitsPrefix+".")
	}
	return false, limit, nil
}

// manners are what the probes showed.
type manners struct {
	limits, secrets bool     // are reported
	low             string   // the limit that even a probe reached
	closed          []string // settings whose documents are not opened
	cut             bool     // large members are cut in silence
}

// trouble says what to change so that an OK can be believed; nothing when it
// can.
func (e *Engine) trouble(m manners) string {
	var set []string
	if !m.limits {
		set = append(set, "AlertExceedsMax yes")
	}
	if !m.secrets && m.low == "" {
		set = append(set, "AlertEncrypted yes")
	}
	for _, setting := range m.closed {
		set = append(set, setting+" yes")
	}
	if m.low != "" {
		set = append(set, m.low+" higher")
	}
	if m.limits && m.cut {
		set = append(set, "MaxFileSize and MaxScanSize to one value that is not more than max_file_size ("+size(e.c.MaxFileSize)+")")
	}
	if len(set) == 0 {
		return ""
	}
	text := "clamd may pass over parts of objects in silence: set " + strings.Join(set, ", ") + " in clamd.conf, then restart clamd"
	if !m.limits {
		text += fmt.Sprintf(" (ScanArchive has to be yes and MaxRecursion at most %d, as they are by default)", maxRecursion)
	}
	return text
}

// size is a number of bytes as clamd.conf writes it.
func size(n int64) string {
	switch {
	case n%(1<<20) == 0:
		return fmt.Sprintf("%dM", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%dK", n>>10)
	}
	return fmt.Sprint(n)
}

// forget makes the next check ask again, for everything when this may be another
// clamd, with other settings. One that is only slow is the same, and the largest
// probe would make it slower.
func (e *Engine) forget(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	next := state{watch: e.state.watch}
	if errors.Is(err, engine.ErrTimeout) {
		next.cut, next.cutAt, next.cutOf = e.state.cut, e.state.cutAt, e.state.cutOf
	}
	e.state = next
	e.forgotten++
}

// unreachable is the trouble of a clamd that cannot be asked, whatever the error.
const unreachable = "clamd cannot be asked"

// tell logs what is wrong with clamd when that changes.
func (e *Engine) tell(trouble string, err error) {
	e.mu.Lock()
	same := e.asked && e.told == trouble
	e.told, e.asked = trouble, true
	e.mu.Unlock()
	switch {
	case same:
	case err != nil:
		e.c.Logger.Warn(trouble, "address", e.address, "error", err)
	case trouble != "":
		e.c.Logger.Warn("what clamd calls clean is not believed", "address", e.address, "trouble", trouble)
	default:
		e.c.Logger.Info("clamd answers, and reports what it does not look at", "address", e.address)
	}
}
