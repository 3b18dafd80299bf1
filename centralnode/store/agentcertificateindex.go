package store

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"vedette/internal/kv"
	"vedette/pki"
)

// AgentRow is what tables show of an agent certificate, read out of it once.
type AgentRow struct {
	Fingerprint pki.Fingerprint
	Serial      pki.Serial
	Subject     string // foreign text, as the certificate has it
	NotBefore   time.Time
	NotAfter    time.Time
	Key         string // "ECDSA P-256"
	Origin      string
	Added       time.Time
	Version     kv.Revision
}

// AgentList is the list of agent certificates with its switch.
type AgentList struct {
	Revision   kv.Revision // that it was read at
	Validation bool
	// ValidationVersion is the revision at which the switch was last set.
	ValidationVersion kv.Revision
	// Rows are the entries, the oldest first. Others read the same ones: nobody
	// changes them.
	Rows []AgentRow
}

// AgentList reads the whole list. Only what has changed since it was read
// before is read from the state file, so tables may ask as often as they like.
func (s *Store) AgentList(ctx context.Context) (AgentList, error) {
	if err := ctx.Err(); err != nil {
		return AgentList{}, err
	}
	return s.agents.read(ctx, s.kv)
}

// agentIndex is the list of agent certificates in memory: some hundred bytes of
// each entry, where parsing them all takes a third of a second for 15,000. It
// follows the changes of the state file whenever it is read, so it is never
// older than what was committed before, whoever committed it and how. Nothing of
// it is kept: the first reader after a start makes it.
type agentIndex struct {
	mu         sync.Mutex
	watch      *kv.Watch           // behind what is in the index; nil: list first
	rows       map[string]AgentRow // by key
	list       AgentList
	unfinished bool // list.Rows is older than rows
}

func (x *agentIndex) read(ctx context.Context, state *kv.Store) (AgentList, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.follow(ctx, state); err != nil {
		x.watch = nil // nobody knows how far it came
		return AgentList{}, err
	}
	if x.unfinished {
		x.finish()
	}
	return x.list, nil
}

// follow takes in what has changed.
func (x *agentIndex) follow(ctx context.Context, state *kv.Store) error {
	if x.watch == nil {
		return x.load(ctx, state)
	}
	// A watch whose caller is gone gives what is there and waits for nothing.
	past, cancel := context.WithCancel(ctx)
	cancel()
	for {
		revision := state.Revision()
		changes, upTo, err := x.watch.Next(past)
		switch {
		case errors.Is(err, context.Canceled): // nothing until this revision at least
			x.list.Revision = revision
			return nil
		case errors.Is(err, kv.ErrListAgain):
			return x.load(ctx, state)
		case err != nil:
			return err
		}
		for _, c := range changes {
			if err := x.take(c); err != nil {
				return err
			}
		}
		x.list.Revision = upTo
	}
}

// load reads everything. What was read before and has not changed is not parsed
// again.
func (x *agentIndex) load(ctx context.Context, state *kv.Store) error {
	view, revision, err := state.View(ctx, agentCertificatePrefix, validationKey)
	if err != nil {
		return err
	}
	list := AgentList{Revision: revision}
	if list.Validation, list.ValidationVersion, err = readValidation(view[validationKey]); err != nil {
		return err
	}
	rows := make(map[string]AgentRow, len(view[agentCertificatePrefix]))
	for _, e := range view[agentCertificatePrefix] {
		row, known := x.rows[e.Key]
		if !known || row.Version != e.Revision {
			if row, err = readRow(e); err != nil {
				return err
			}
		}
		rows[e.Key] = row
	}
	x.rows, x.list, x.unfinished = rows, list, true
	x.watch = state.Watch(revision)
	return nil
}

func (x *agentIndex) take(c kv.Change) error {
	switch {
	case c.Key == validationKey && c.Deleted:
		x.list.Validation, x.list.ValidationVersion = false, 0
	case c.Key == validationKey:
		on, version, err := readValidation([]kv.Entry{{Key: c.Key, Value: c.Value, Revision: c.Revision}})
		if err != nil {
			return err
		}
		x.list.Validation, x.list.ValidationVersion = on, version
	case !strings.HasPrefix(c.Key, agentCertificatePrefix):
	case c.Deleted:
		delete(x.rows, c.Key)
		x.unfinished = true
	default:
		row, err := readRow(kv.Entry{Key: c.Key, Value: c.Value, Revision: c.Revision})
		if err != nil {
			return err
		}
		x.rows[c.Key] = row
		x.unfinished = true
	}
	return nil
}

// finish makes the rows that readers get. Those that they have stay as they are.
func (x *agentIndex) finish() {
	rows := make([]AgentRow, 0, len(x.rows))
	for _, row := range x.rows {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b AgentRow) int {
		if c := a.Added.Compare(b.Added); c != 0 {
			return c
		}
		return slices.Compare(a.Fingerprint[:], b.Fingerprint[:])
	})
	x.list.Rows, x.unfinished = rows, false
}

func readRow(e kv.Entry) (AgentRow, error) {
	a, err := decodeAgentCertificate(e)
	if err != nil {
		return AgentRow{}, err
	}
	row := RowOf(a.Leaf, a.Origin, a.Added)
	row.Version = a.Version
	return row, nil
}

// RowOf is the row of a leaf that is put on the list.
func RowOf(leaf *x509.Certificate, origin string, added time.Time) AgentRow {
	return AgentRow{
		Fingerprint: pki.FingerprintOf(leaf.Raw), Serial: pki.SerialOf(leaf), Subject: leaf.Subject.String(),
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, Key: pki.KeyText(leaf.PublicKey), Origin: origin, Added: added,
	}
}
