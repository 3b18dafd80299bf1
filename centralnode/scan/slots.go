package scan

import (
	"encoding/binary"
	"io"
	"os"
	"sync"
)

// mostCrashes is how often the daemon may die while it scans an object before the
// object gets the verdict error, so that no object can keep the daemon from
// staying up.
const mostCrashes = 4

// apartAfter is after how many deaths an object is scanned alone, so that what
// was only scanned beside it is not blamed any further.
const apartAfter = 2

// slots is a file that tells the next start which objects were being scanned
// when the process died. It is not synced: it has to outlive the process, not the
// machine.
type slots struct {
	file *os.File

	mu   sync.Mutex // guards what follows
	free []int64    // offsets
	end  int64
}

const slotSize = 8 // the number of an item plus one, big endian; 0: nothing

func openSlots(path string) (*slots, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &slots{file: f}, nil
}

// left are the objects that were being scanned when the last process died.
func (s *slots) left() (map[uint64]bool, error) {
	raw, err := io.ReadAll(io.LimitReader(s.file, 1<<20))
	if err != nil {
		return nil, err
	}
	left := make(map[uint64]bool)
	for ; len(raw) >= slotSize; raw = raw[slotSize:] {
		if n := binary.BigEndian.Uint64(raw); n > 0 {
			left[n-1] = true
		}
	}
	return left, nil
}

// reset empties the file.
func (s *slots) reset() error { return s.file.Truncate(0) }

// enter notes that an object is being scanned until leave is called.
func (s *slots) enter(number uint64) (leave func()) {
	s.mu.Lock()
	var at int64
	if n := len(s.free); n > 0 {
		at = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		at = s.end
		s.end += slotSize
	}
	s.mu.Unlock()
	s.write(at, number+1)
	return func() {
		s.write(at, 0)
		s.mu.Lock()
		s.free = append(s.free, at)
		s.mu.Unlock()
	}
}

// write sets a slot. Where that is not possible, on a full disk, a crash is not
// counted.
func (s *slots) write(at int64, value uint64) {
	_, _ = s.file.WriteAt(binary.BigEndian.AppendUint64(nil, value), at)
}

func (s *slots) close() error { return s.file.Close() }
