package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"time"

	agentv1 "vedette/proto/agent/v1"
)

const (
	// maxStarts bounds what the TTL rule remembers; beyond it the start that
	// was reported longest ago is forgotten, so it would be reported again.
	maxStarts = 1 << 15
	ttlMagic  = "VTT1"
)

// startKey names a start: executable, arguments and user.
type startKey [16]byte

func keyOf(s *agentv1.ProcessStart) startKey {
	h := sha256.New()
	var n [4]byte
	part := func(text string) {
		binary.LittleEndian.PutUint32(n[:], uint32(len(text)))
		h.Write(n[:])
		h.Write([]byte(text))
	}
	part(s.Executable)
	part(s.UserId)
	for _, a := range s.Args {
		part(a)
	}
	var sum [sha256.Size]byte
	return startKey(h.Sum(sum[:0])[:16])
}

// TTL suppresses a process start that was reported within the period before.
// The period runs from the report; suppressed starts do not prolong it. It is
// not safe for concurrent use.
type TTL struct {
	path     string
	reported map[startKey]int64 // unix seconds
	changed  bool
}

// OpenTTL reads what an earlier run remembered. A missing or damaged file only
// means that starts are reported once more; err then says so, beside a TTL that
// works.
func OpenTTL(path string) (*TTL, error) {
	t := &TTL{path: path, reported: make(map[startKey]int64)}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, fmt.Errorf("read reported starts: %w", err)
	}
	body := len(data) - len(ttlMagic) - 4
	if body < 0 || body%24 != 0 || body/24 > maxStarts || string(data[:len(ttlMagic)]) != ttlMagic ||
		crc32.ChecksumIEEE(data[:len(data)-4]) != binary.LittleEndian.Uint32(data[len(data)-4:]) {
		return t, fmt.Errorf("read reported starts: %s is damaged", path)
	}
	for b := data[len(ttlMagic) : len(data)-4]; len(b) > 0; b = b[24:] {
		t.reported[startKey(b[:16])] = int64(binary.LittleEndian.Uint64(b[16:]))
	}
	return t, nil
}

// Repeated reports whether a start is to be suppressed. Starts whose executable or arguments could not be read are
// never suppressed: nobody knows that they are the same.
func (t *TTL) Repeated(s *agentv1.ProcessStart, now time.Time, period time.Duration) bool {
	if s.Incomplete {
		return false
	}
	key, at := keyOf(s), now.Unix()
	// A report in the future is of a clock that was set back since: it counts
	// for nothing.
	if last, ok := t.reported[key]; ok && last <= at && at-last < int64(period/time.Second) {
		return true
	}
	return false
}

// Note remembers that a start is reported now.
func (t *TTL) Note(s *agentv1.ProcessStart, now time.Time, period time.Duration) {
	if s.Incomplete {
		return
	}
	if len(t.reported) >= maxStarts {
		t.makeRoom(now.Unix(), period)
	}
	t.reported[keyOf(s)] = now.Unix()
	t.changed = true
}

// makeRoom forgets what is over, and the older half when that is not enough.
func (t *TTL) makeRoom(now int64, period time.Duration) {
	t.forget(func(last int64) bool { return last > now || now-last >= int64(period/time.Second) })
	if len(t.reported) < maxStarts {
		return
	}
	var sum int64
	for _, last := range t.reported {
		sum += now - last
	}
	mean := sum / int64(len(t.reported))
	t.forget(func(last int64) bool { return now-last >= mean })
}

func (t *TTL) forget(f func(last int64) bool) {
	for key, last := range t.reported {
		if f(last) {
			delete(t.reported, key)
		}
	}
}

// Save makes what is remembered survive a restart. Call it only when all
// reported starts are queued durably.
func (t *TTL) Save() error {
	if !t.changed {
		return nil
	}
	data := make([]byte, 0, len(ttlMagic)+24*len(t.reported)+4)
	data = append(data, ttlMagic...)
	for key, last := range t.reported {
		data = append(data, key[:]...)
		data = binary.LittleEndian.AppendUint64(data, uint64(last))
	}
	data = binary.LittleEndian.AppendUint32(data, crc32.ChecksumIEEE(data))
	if err := writePrivate(t.path, data); err != nil {
		return fmt.Errorf("save reported starts: %w", err)
	}
	t.changed = false
	return nil
}
