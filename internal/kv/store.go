package kv

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"go.etcd.io/bbolt"
)

// Revision counts the changes of a store. Every successful Apply with at least
// one operation makes exactly one new revision; the first is 1.
type Revision uint64

// Entry is one key with its value and the revision of its last write. Its
// bytes are the caller's own.
type Entry struct {
	Key      string
	Value    []byte
	Revision Revision
}

// Op is one operation of a change: it sets the key to the value, or deletes it.
type Op struct {
	Key    string
	Value  []byte
	Delete bool
	Quiet  bool // not shown to watchers: checkpoints of what lives in memory
}

// Expect is the revision that a key must have for a change to happen; zero
// means that it must not exist.
type Expect struct {
	Key      string
	Revision Revision
}

// Bounds on what one change may carry. They keep one caller from filling the
// history that all watchers share.
const (
	MaxKey    = 1 << 10  // bytes of a key
	MaxValue  = 1 << 20  // bytes of a value
	MaxOps    = 16384    // operations of one Apply
	MaxChange = 16 << 20 // bytes of one Apply, keys and values

	// maxFile bounds the state file. The mapping is that large from the
	// start (address space, no memory), because growing it would have to wait
	// for every reader.
	maxFile = 4 << 30

	// growStep is by how much the file grows beyond what is needed.
	growStep = 1 << 20

	defaultLockTimeout = 2 * time.Second
)

// Options says how to open a store.
type Options struct {
	// Program is written into a new file and must match in an old one, so
	// that no daemon opens another one's state.
	Program string

	// Migrations bring files of older versions up; see Migration. The number
	// of migrations is the schema that this program knows.
	Migrations []Migration

	// LockTimeout is how long to wait for another process to let go of the
	// file; zero means 2 seconds.
	LockTimeout time.Duration

	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: silent
}

// Store is an open state file. Its methods may be called concurrently.
type Store struct {
	path   string
	id     string
	logger *slog.Logger
	db     *bbolt.DB
	file   *os.File // the engine's; only looked at

	// writing holds one token: whoever has it may change the file. Taken
	// before mu.
	writing  chan struct{}
	reserved int64 // see reserve; guarded by the token

	mu      sync.Mutex
	view    *view         // what readers see: the newest acknowledged state
	history history       // recent changes, for watchers
	changed chan struct{} // closed and replaced at each change, and at Close
	state   State
	broken  bool // the engine panicked: do not touch it again
	closed  bool
}

// State is the health of a store, for status pages and readiness.
type State struct {
	// Degraded: changes are refused until the store is opened again, because
	// a write to disk had an unknown outcome. Reads go on.
	Degraded bool
	// Full: the last change was refused for lack of space. The next one is
	// tried again.
	Full bool
	// Reason says in one sentence what happened, when either is set.
	Reason string
	// Size of the file in bytes.
	Size int64
}

// ID is the random name that the store got when it was made: 32 hex digits.
// Revisions of stores with different names cannot be compared.
func (s *Store) ID() string { return s.id }

// Revision is the newest acknowledged revision.
func (s *Store) Revision() Revision {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.revision
}

// State says how the store is doing.
func (s *Store) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.state
	if !s.closed {
		if info, err := s.file.Stat(); err == nil {
			state.Size = info.Size()
		}
	}
	return state
}

// Close waits for a running change, wakes all watchers with ErrClosed and
// lets go of the file. Closing twice is allowed.
func (s *Store) Close() error {
	s.writing <- struct{}{}
	defer func() { <-s.writing }()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.changed)
	old := s.view.tx
	broken := s.broken
	s.mu.Unlock()
	if broken {
		// Locks inside the engine may be held for ever; the end of the
		// process releases the file.
		return nil
	}
	return guard(func() error {
		if err := old.Rollback(); err != nil {
			return err
		}
		return s.db.Close()
	})
}

// begin takes the writing token.
func (s *Store) begin(ctx context.Context) error {
	select {
	case s.writing <- struct{}{}:
		return nil
	default:
	}
	select {
	case s.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) end() { <-s.writing }

// Names inside the file. The meta bucket describes the file, the data bucket
// holds every key with its revision (8 bytes, big endian) before the value.
var (
	metaBucket  = []byte("meta")
	dataBucket  = []byte("data")
	metaProgram = []byte("program")
	metaSchema  = []byte("schema")
	metaID      = []byte("id")
	metaCreated = []byte("created")
	metaCurrent = []byte("revision")
)

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func parseNumber(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, fmt.Errorf("a number of %d bytes", len(b))
	}
	return binary.BigEndian.Uint64(b), nil
}

// encode puts the revision before the value.
func encode(r Revision, value []byte) []byte {
	b := make([]byte, 8, 8+len(value))
	binary.BigEndian.PutUint64(b, uint64(r))
	return append(b, value...)
}

// decode copies an entry out of the mapped file.
func decode(key, stored []byte) (Entry, error) {
	if len(stored) < 8 {
		return Entry{}, fmt.Errorf("key %q: value of %d bytes: %w", key, len(stored), ErrDamaged)
	}
	value := make([]byte, len(stored)-8)
	copy(value, stored[8:])
	return Entry{
		Key:      string(key),
		Value:    value,
		Revision: Revision(binary.BigEndian.Uint64(stored)),
	}, nil
}

func checkKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("empty key")
	case len(key) > MaxKey:
		return fmt.Errorf("key of %d bytes, at most %d", len(key), MaxKey)
	case !utf8.ValidString(key) || strings.ContainsRune(key, 0):
		return fmt.Errorf("key %q is not plain text", key)
	}
	return nil
}
