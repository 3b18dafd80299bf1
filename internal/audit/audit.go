// Package audit keeps the record of every administrative act: who did what,
// from where, through which face, and what came of it. Records are only ever
// added, in the transaction of the act itself, and each one carries the hash of
// the one before, so that a changed or removed record is found and named.
//
// The chain protects against changes by those who can write the file but not
// rewrite all that follows; against those who can, note the head (Trail.Head)
// elsewhere from time to time.
//
// Texts are kept as they came, only bounded; who shows them passes them
// through package foreign.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"vedette/internal/foreign"
	"vedette/internal/kv"
)

// What came of an act.
const (
	Done    = "done"
	Refused = "refused" // not allowed, or a rule of the product forbade it
	Failed  = "failed"
)

// Bounds of a record's texts in bytes; what is longer is cut.
const (
	maxWord    = 256
	maxSubject = 512
	maxDetail  = 4096

	// maxSubjects is the bound on all subjects of a record together.
	maxSubjects = 256 << 10
)

// version of the stored form.
const version = 1

// Record is one note.
type Record struct {
	Seq     uint64    `json:"seq"` // from 1, without gaps
	Time    time.Time `json:"time"`
	Account string    `json:"account"`
	Role    string    `json:"role"`
	Face    string    `json:"face"` // menu, command, web
	From    string    `json:"from"` // address
	Act     string    `json:"act"`
	Subject []string  `json:"subject"` // what the act was about: fingerprints, names
	Result  string    `json:"result"`  // Done, Refused, Failed
	Detail  string    `json:"detail"`
	Prev    string    `json:"prev"` // hash of the record before, in hex
	Hash    string    `json:"-"`    // SHA-256 of the stored form without it, in hex

	// Revision of the store that the act and this record made together.
	Revision kv.Revision `json:"-"`
}

// Head is the end of the chain.
type Head struct {
	Seq  uint64
	Hash string
}

// BrokenError names the first record that does not fit into the chain.
type BrokenError struct {
	Seq  uint64
	Text string
}

func (e *BrokenError) Error() string { return fmt.Sprintf("audit record %d: %s", e.Seq, e.Text) }

// Keys. Records sort by number; the head sorts behind them.
const (
	prefix  = "audit/"
	headKey = prefix + "head"
)

func recordKey(seq uint64) string { return fmt.Sprintf("%s%020d", prefix, seq) }

// stored is a record, or the head, as it lies in the store.
type stored struct {
	Version int `json:"v"`
	Record
}

type storedHead struct {
	Version int    `json:"v"`
	Seq     uint64 `json:"seq"`
	Hash    string `json:"hash"`
}

// seal computes the hash and returns the stored form: the record as JSON with
// the hash as its last field.
func seal(r *Record) ([]byte, error) {
	body, err := json.Marshal(stored{Version: version, Record: *r})
	if err != nil {
		return nil, fmt.Errorf("encode audit record: %w", err)
	}
	sum := sha256.Sum256(body)
	r.Hash = hex.EncodeToString(sum[:])
	return append(body[:len(body)-1], `,"hash":"`+r.Hash+`"}`...), nil
}

// sealLength is how many bytes seal adds: the hash as the last field.
const sealLength = len(`,"hash":""`) + 2*sha256.Size

// open reads the stored form. A byte that is not as seal wrote it is an error.
func open(value []byte) (Record, error) {
	cut := len(value) - sealLength - len("}")
	if cut < 0 {
		return Record{}, errors.New("not readable")
	}
	body := append(value[:cut:cut], '}') // a copy
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if string(value[cut:]) != `,"hash":"`+hash+`"}` {
		return Record{}, errors.New("was changed: its content does not match its hash")
	}
	var s stored
	if err := json.Unmarshal(body, &s); err != nil {
		return Record{}, errors.New("not readable")
	}
	if s.Version != version {
		return Record{}, fmt.Errorf("unknown version %d", s.Version)
	}
	s.Record.Hash = hash
	return s.Record, nil
}

// genesis is what the first record has as Prev. It holds the store's name, so
// that a chain cannot be moved into another store.
func genesis(store *kv.Store) string {
	sum := sha256.Sum256([]byte("vedette audit " + store.ID()))
	return hex.EncodeToString(sum[:])
}

// Trail adds and reads records of one store.
type Trail struct {
	store *kv.Store
	now   func() time.Time
	turn  chan struct{} // holds a token: one commit at a time in this process
	spans spans
}

// New returns the trail kept in the store.
func New(store *kv.Store, now func() time.Time) *Trail {
	return &Trail{store: store, now: now, turn: make(chan struct{}, 1)}
}

// Commit makes a change and its record in one transaction. Result is Done
// unless the record says otherwise; Seq, Time, Prev and Hash are filled here.
// Errors are those of kv.Store.Apply; a conflict is always on a key that the
// caller expected.
func (t *Trail) Commit(ctx context.Context, rec Record, ops []kv.Op, expect []kv.Expect) (kv.Revision, error) {
	if rec.Result == "" {
		rec.Result = Done
	}
	if rec.Act == "" {
		return 0, errors.New("audit record without an act")
	}
	if rec.Result != Done && rec.Result != Refused && rec.Result != Failed {
		return 0, fmt.Errorf("audit record with unknown result %q", rec.Result)
	}
	for _, op := range ops {
		if strings.HasPrefix(op.Key, prefix) {
			return 0, fmt.Errorf("key %q belongs to the audit trail", op.Key)
		}
	}
	rec = bounded(rec)
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	for {
		revision, err := t.attempt(ctx, rec, ops, expect)
		var conflict *kv.ConflictError
		if errors.As(err, &conflict) && conflict.Key == headKey {
			continue // somebody else added a record; the next try stands behind it
		}
		return revision, err
	}
}

// Note records an act that changed nothing because it was refused or failed.
func (t *Trail) Note(ctx context.Context, rec Record) error {
	_, err := t.Commit(ctx, rec, nil, nil)
	return err
}

func (t *Trail) attempt(ctx context.Context, rec Record, ops []kv.Op, expect []kv.Expect) (kv.Revision, error) {
	head, at, err := t.head(ctx)
	if err != nil {
		return 0, err
	}
	rec.Seq, rec.Prev = head.Seq+1, head.Hash
	rec.Time = t.now().UTC().Round(0) // without the monotonic reading
	value, err := seal(&rec)
	if err != nil {
		return 0, err
	}
	end, err := json.Marshal(storedHead{Version: version, Seq: rec.Seq, Hash: rec.Hash})
	if err != nil {
		return 0, fmt.Errorf("encode audit head: %w", err)
	}
	all := make([]kv.Op, 0, len(ops)+2)
	all = append(all, ops...)
	all = append(all, kv.Op{Key: recordKey(rec.Seq), Value: value}, kv.Op{Key: headKey, Value: end})
	guards := make([]kv.Expect, 0, len(expect)+1)
	guards = append(guards, expect...)
	guards = append(guards, kv.Expect{Key: headKey, Revision: at})
	return t.store.Apply(ctx, all, guards)
}

// Head returns the end of the chain; Seq is 0 when there are no records.
func (t *Trail) Head(ctx context.Context) (Head, error) {
	head, _, err := t.head(ctx)
	return head, err
}

func (t *Trail) head(ctx context.Context) (Head, kv.Revision, error) {
	e, err := t.store.Get(ctx, headKey)
	if errors.Is(err, kv.ErrNotFound) {
		return Head{Hash: genesis(t.store)}, 0, nil
	}
	if err != nil {
		return Head{}, 0, fmt.Errorf("read audit head: %w", err)
	}
	var h storedHead
	if err := json.Unmarshal(e.Value, &h); err != nil || h.Version != version {
		return Head{}, 0, errors.New("audit head is not readable")
	}
	return Head{Seq: h.Seq, Hash: h.Hash}, e.Revision, nil
}

// bounded cuts what is too long and replaces what is no text.
func bounded(r Record) Record {
	for _, s := range []*string{&r.Account, &r.Role, &r.Face, &r.From, &r.Act} {
		*s = cut(*s, maxWord)
	}
	r.Detail = cut(r.Detail, maxDetail)
	subjects, size := make([]string, 0, len(r.Subject)), 0
	for i, s := range r.Subject {
		s = cut(s, maxSubject)
		if size += len(s) + 3; size > maxSubjects {
			subjects = append(subjects, fmt.Sprintf("… and %d more", len(r.Subject)-i))
			break
		}
		subjects = append(subjects, s)
	}
	r.Subject = subjects
	return r
}

// cut bounds a text. JSON holds nothing but UTF-8, and the stored form must
// come out of reading and writing unchanged.
func cut(s string, max int) string {
	return foreign.Bounded(strings.ToValidUTF8(foreign.Bounded(s, 2*max), "\ufffd"), max)
}
