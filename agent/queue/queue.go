package queue

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"sync"

	agentv1 "vedette/proto/agent/v1"
)

// Reasons why events were dropped, as in AgentState.dropped.
const (
	DroppedFull    = "queue-full"        // the bound on disk or memory was reached
	DroppedDamaged = "damaged"           // a package failed its checksum
	DroppedCloned  = "cloned-disk"       // events of the machine that this disk was copied from
	DroppedRefused = "refused-by-server" // the Central Node called the package malformed
)

// Defaults of Options.
const (
	DefaultMaxBytes  = 64 << 20
	DefaultMaxMemory = 4 << 20
)

// reserveBlock is how many numbers one write of the identity file reserves. A
// crash skips at most that many; the Central Node accepts jumps of 1,000,000.
const reserveBlock = 1024

// fileUnit is what a file takes from the disk at least, and is counted as.
const fileUnit = 4 << 10

// ErrClosed says that the queue was closed.
var ErrClosed = errors.New("queue is closed")

// Options say how much a queue may hold.
type Options struct {
	MaxBytes  int64        // bound on disk in bytes; 0 means DefaultMaxBytes
	MaxMemory int64        // bound on packages that wait for disk space; 0 means DefaultMaxMemory
	Machine   string       // what tells this machine from its clones, see MachineHash; empty: unknown
	Log       *slog.Logger // required
}

// Stats is a queue at one moment.
type Stats struct {
	Packages    int
	Bytes       int64 // on disk, in whole file units
	Unsaved     int   // packages in memory only, because the disk took no more
	UnsavedSize int64
	Dropped     map[string]uint64 // events, by reason, since Open
	Fault       error             // why the disk takes no more; nil when it does
}

// Package is one package as it is sent.
type Package struct {
	Number  uint64 // for Forget and Drop
	Request *agentv1.SendEventsRequest
}

type entry struct {
	number uint64
	events int
	size   int64  // on disk; of data when unsaved
	data   []byte // nil once the file is durable
}

// Queue is safe for concurrent use.
type Queue struct {
	log       *slog.Logger
	maxBytes  int64
	maxMemory int64
	codec     *codec
	changed   chan struct{}

	mu       sync.Mutex
	disk     disk
	identity identity
	dirty    bool // the identity on disk is older than the one in memory
	next     uint64
	entries  []entry // by number
	bytes    int64
	unsaved  int64
	sending  uint64 // number that Next handed out last, 0 if none
	dropped  map[string]uint64
	fault    error
	closed   bool
}

// Open opens the queue in a folder and makes it (mode 0700) when missing. The
// caller makes sure that no other process uses the folder.
func Open(dir string, o Options) (*Queue, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make queue folder: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("protect queue folder: %w", err)
	}
	return open(folder(dir), o)
}

func open(d disk, o Options) (*Queue, error) {
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	q := &Queue{
		log: o.Log, maxBytes: o.MaxBytes, maxMemory: o.MaxMemory,
		codec: c, changed: make(chan struct{}, 1), disk: d, dropped: make(map[string]uint64),
	}
	if q.maxBytes <= 0 {
		q.maxBytes = DefaultMaxBytes
	}
	if q.maxMemory <= 0 {
		q.maxMemory = DefaultMaxMemory
	}
	if err := q.load(o.Machine); err != nil {
		c.close()
		return nil, err
	}
	if len(q.entries) > 0 {
		q.signal()
	}
	return q, nil
}

// load reads identity and packages, and reserves the first numbers.
func (q *Queue) load(machine string) error {
	id, found, err := readIdentity(q.disk, q.log)
	if err != nil {
		return err
	}
	if err := q.scan(); err != nil {
		return err
	}
	q.next = max(q.next, id.Reserved+1)
	switch {
	case !found:
		id = newIdentity(machine)
		id.Base = q.firstNumber() - 1
	case id.Machine != "" && machine != "" && id.Machine != machine:
		q.log.Warn("this disk was copied from another machine: new agent and queue identities, unsent events of that machine are dropped",
			"packages", len(q.entries))
		for len(q.entries) > 0 {
			q.dropAt(0, DroppedCloned)
		}
		id = newIdentity(machine)
		id.Base = q.next - 1
	case id.Machine == "":
		id.Machine = machine
	}
	id.Reserved = q.next - 1 + reserveBlock
	q.identity = id
	if err := writeIdentity(q.disk, id); err != nil {
		if !found {
			return err
		}
		// A full disk must not stop the agent: without a reservation nothing
		// is numbered until there is room, see Append.
		q.identity.Reserved = q.next - 1
		q.setFault(err)
	}
	return nil
}

func (q *Queue) scan() error {
	files, err := q.disk.packages()
	if err != nil {
		return fmt.Errorf("list queued packages: %w", err)
	}
	for _, f := range files {
		q.next = max(q.next, f.number+1)
		h, err := readHeader(f.head)
		if err == nil && h.number != f.number {
			err = fmt.Errorf("%w: its name and its number differ", errDamaged)
		}
		if err == nil && int64(headerSize)+int64(h.length) != f.size {
			err = fmt.Errorf("%w: %d bytes instead of %d", errDamaged, f.size, int64(headerSize)+int64(h.length))
		}
		if err != nil {
			q.log.Warn("queued package dropped", "package", f.number, "reason", DroppedDamaged, "error", err)
			q.dropped[DroppedDamaged] += uint64(max(h.events, 1))
			q.disk.remove(f.number)
			continue
		}
		q.entries = append(q.entries, entry{number: f.number, events: h.events, size: roundUp(f.size)})
		q.bytes += roundUp(f.size)
	}
	return nil
}

func (q *Queue) firstNumber() uint64 {
	if len(q.entries) > 0 {
		return q.entries[0].number
	}
	return q.next
}

// AgentID is the installation's identity: 32 lower-case hexadecimal digits.
func (q *Queue) AgentID() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.identity.AgentID
}

// QueueID is the queue's present identity: 32 lower-case hexadecimal digits.
// It is a secret between the agent and the Central Node: never log or show it.
func (q *Queue) QueueID() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.identity.QueueID
}

// Append queues one package of at most 1,024 events. It returns nil when the
// package is durable, and the disk's error when it is kept in memory or was
// dropped for lack of room; Stats tells which.
func (q *Queue) Append(events []*agentv1.Event) error {
	if len(events) == 0 {
		return nil
	}
	if len(events) > MaxEvents {
		return fmt.Errorf("append package: %d events are more than %d", len(events), MaxEvents)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if err := q.reserve(); err != nil {
		q.dropped[DroppedFull] += uint64(len(events))
		return fmt.Errorf("append package: %w", err)
	}
	number := q.next
	data, err := q.codec.encode(number, events)
	if err != nil {
		return fmt.Errorf("append package: %w", err)
	}
	q.next++
	q.entries = append(q.entries, entry{number: number, events: len(events), size: int64(len(data)), data: data})
	q.unsaved += int64(len(data))
	q.settle()
	q.signal()
	return q.fault
}

// reserve makes sure that the next number is covered by the identity on disk.
func (q *Queue) reserve() error {
	if q.next+reserveBlock/2 <= q.identity.Reserved && !q.dirty {
		return nil
	}
	id := q.identity
	id.Reserved = q.next - 1 + reserveBlock
	if err := writeIdentity(q.disk, id); err != nil {
		q.setFault(err)
		if q.next <= q.identity.Reserved {
			return nil
		}
		return err
	}
	q.identity, q.dirty = id, false
	return nil
}

// Settle tries again to write what only memory holds.
func (q *Queue) Settle() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed && (q.unsaved > 0 || q.dirty || q.fault != nil) {
		if q.reserve() == nil {
			q.settle()
		}
	}
}

// settle writes unsaved packages, oldest first, and enforces the bounds.
func (q *Queue) settle() {
	for i := range q.entries {
		e := &q.entries[i]
		if e.data == nil {
			continue
		}
		if err := q.disk.write(e.number, e.data); err != nil {
			q.setFault(err)
			q.bound(func() bool { return q.unsaved > q.maxMemory }, func(e entry) bool { return e.data != nil })
			return
		}
		q.unsaved -= e.size
		e.size, e.data = roundUp(e.size), nil
		q.bytes += e.size
	}
	q.setFault(nil)
	q.bound(func() bool { return q.bytes > q.maxBytes }, func(e entry) bool { return e.data == nil })
}

// bound drops the oldest of its kind while over says so. Neither the package
// that is being sent nor the newest one goes.
func (q *Queue) bound(over func() bool, kind func(entry) bool) {
	for i := 0; over() && i < len(q.entries)-1; {
		if e := q.entries[i]; e.number == q.sending || !kind(e) {
			i++
			continue
		}
		q.dropAt(i, DroppedFull)
	}
}

func (q *Queue) setFault(err error) {
	switch {
	case err != nil && q.fault == nil:
		q.log.Error("the queue cannot write to its disk, events stay in memory", "error", err)
	case err == nil && q.fault != nil:
		q.log.Info("the queue writes to its disk again")
	}
	q.fault = err
}

// Changed yields a value after packages were appended.
func (q *Queue) Changed() <-chan struct{} { return q.changed }

func (q *Queue) signal() {
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

// Next returns the oldest package, the same one until Forget or Drop, or nil
// when the queue is empty.
func (q *Queue) Next() *Package {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.entries) > 0 && !q.closed {
		e := q.entries[0]
		req, err := q.read(e)
		if errors.Is(err, errDamaged) || errors.Is(err, os.ErrNotExist) {
			q.log.Warn("queued package dropped", "package", e.number, "reason", DroppedDamaged, "error", err)
			q.dropAt(0, DroppedDamaged)
			continue
		}
		if err != nil {
			q.setFault(err)
			return nil
		}
		q.sending = e.number
		req.AgentId, req.QueueId = q.identity.AgentID, q.identity.QueueID
		req.Seq = e.number - q.identity.Base
		return &Package{Number: e.number, Request: req}
	}
	return nil
}

func (q *Queue) read(e entry) (*agentv1.SendEventsRequest, error) {
	data := e.data
	if data == nil {
		var err error
		if data, err = q.disk.read(e.number); err != nil {
			return nil, fmt.Errorf("read queued package: %w", err)
		}
	}
	return q.codec.decode(e.number, data)
}

// Forget removes a package that the Central Node has made durable.
func (q *Queue) Forget(number uint64) { q.take(number, "") }

// Drop removes a package that will never be sent and counts its events.
func (q *Queue) Drop(number uint64, reason string) { q.take(number, reason) }

func (q *Queue) take(number uint64, reason string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sending = 0
	for i, e := range q.entries {
		if e.number == number {
			q.dropAt(i, reason)
			return
		}
		if e.number > number {
			return
		}
	}
}

func (q *Queue) dropAt(i int, reason string) {
	e := q.entries[i]
	if e.data == nil {
		q.bytes -= e.size
		q.disk.remove(e.number)
	} else {
		q.unsaved -= e.size
	}
	if reason != "" {
		q.dropped[reason] += uint64(e.events)
	}
	if i == 0 {
		q.entries = q.entries[1:]
	} else {
		q.entries = append(q.entries[:i], q.entries[i+1:]...)
	}
	if len(q.entries) == 0 {
		q.entries = nil
	}
}

// Renew gives the queue a new identity and numbers what it holds from 1 on,
// after the Central Node said that it knows the old identity differently.
func (q *Queue) Renew() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.identity.QueueID = randomID()
	q.identity.Base = q.firstNumber() - 1
	q.sending = 0
	if err := writeIdentity(q.disk, q.identity); err != nil {
		// Should the agent end before Settle writes it, the old identity comes
		// back and is renewed again.
		q.dirty = true
		q.setFault(err)
	}
}

// Stats describes the queue now.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := Stats{Packages: len(q.entries), Bytes: q.bytes, UnsavedSize: q.unsaved, Dropped: make(map[string]uint64, len(q.dropped)), Fault: q.fault}
	for _, e := range q.entries {
		if e.data != nil {
			s.Unsaved++
		}
	}
	for reason, n := range q.dropped {
		s.Dropped[reason] = n
	}
	return s
}

// Close gives back the numbers that were reserved and not used. Packages that
// only memory holds are tried once more; an error says that some were lost.
func (q *Queue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	q.settle()
	q.closed = true
	q.codec.close()
	id := q.identity
	id.Reserved = q.next - 1
	err := writeIdentity(q.disk, id)
	if q.unsaved > 0 {
		err = errors.Join(fmt.Errorf("packages that were never written to disk are lost (%d bytes)", q.unsaved), q.fault, err)
	}
	return err
}

func roundUp(n int64) int64 {
	if n > math.MaxInt64-fileUnit {
		return n
	}
	return (n + fileUnit - 1) / fileUnit * fileUnit
}
