package quality

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// spans reads what came in on the interfaces that mirrored traffic comes in on.
type spans struct {
	total uint64 // bytes since start
	each  []span
}

type span struct {
	name, file string
	last       uint64
	known      bool // last is of the reading before
	fault      error
}

func newSpans(folder string, names []string) *spans {
	s := new(spans)
	for _, n := range names {
		s.each = append(s.each, span{name: n, file: filepath.Join(folder, n, "statistics", "rx_bytes")})
	}
	return s
}

// read is how many bytes came in since the last time; false: no interface
// counted. A counter that is less than before began anew: at zero, as when its
// driver was loaded again or it has only 32 bits. An interface that was away is
// counted from its return.
func (s *spans) read() (n uint64, ok bool) {
	for i := range s.each {
		one := &s.each[i]
		now, err := readCounter(one.file)
		one.fault = err
		if err == nil && one.known {
			n += since(now, one.last)
			ok = true
		}
		one.last, one.known = now, err == nil
	}
	s.total += n
	return n, ok
}

func readCounter(file string) (uint64, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(raw)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", file, err)
	}
	return n, nil
}

// warnings are sentences about interfaces that do not count.
func (s *spans) warnings() (out []string) {
	for _, one := range s.each {
		switch {
		case one.fault == nil:
		case os.IsNotExist(one.fault):
			out = append(out, fmt.Sprintf("There is no interface %s, so its SPAN traffic is not counted. See `ip link`, and span_interfaces in the configuration.", one.name))
		default:
			out = append(out, fmt.Sprintf("The SPAN traffic of the interface %s is not counted: %v.", one.name, one.fault))
		}
	}
	return out
}
