package builtin

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"vedette/centralnode/scan/engine"
)

// bufferSize is how much of an object is in memory at a time.
const bufferSize = 64 << 10

// maxDetections are noted of one object.
const maxDetections = 100

// ruleSet is all that objects are compared with. It never changes.
type ruleSet struct {
	version         string
	dataBaseVersion int64
	count           int
	lists           []*hashList
	rules           []compiledRule
	matcher         *matcher // nil: nothing is looked for
	horizon         int64    // how much of an object the patterns ask for; anywhere: all
	// missing says which file was never read; nothing is clean while it is there.
	missing string
}

type compiledRule struct {
	detection engine.Detection
	typ       string
	fixed     []condition
	found     []place
}

// place is where a pattern of the matcher has to end.
type place struct {
	pattern int
	within  int64
}

// compile makes rules ready for use.
func (s *ruleSet) compile(rules []rule) {
	var patterns [][]byte
	for _, r := range rules {
		for _, c := range r.conditions {
			if !c.fixed {
				patterns = append(patterns, c.bytes)
			}
		}
	}
	slices.SortFunc(patterns, bytes.Compare)
	patterns = slices.CompactFunc(patterns, bytes.Equal)
	if len(patterns) > 0 {
		s.matcher = newMatcher(patterns)
	}
	s.rules = make([]compiledRule, 0, len(rules))
	for _, r := range rules {
		c := compiledRule{detection: r.detection, typ: r.typ}
		for _, cond := range r.conditions {
			if cond.fixed {
				c.fixed = append(c.fixed, cond)
				continue
			}
			i, _ := slices.BinarySearchFunc(patterns, cond.bytes, bytes.Compare)
			c.found = append(c.found, place{i, cond.at})
			switch {
			case cond.at == anywhere:
				s.horizon = anywhere
			case s.horizon != anywhere:
				s.horizon = max(s.horizon, cond.at)
			}
		}
		s.rules = append(s.rules, c)
	}
}

// object is what is open for one look.
type object struct {
	r    io.ReaderAt
	size int64
	head []byte // all of it, or its first bufferSize bytes
	typ  fileType
}

// look compares an object with everything, and reads of it what that needs.
func (s *ruleSet) look(ctx context.Context, o object, md5Sum [md5.Size]byte, sha256Sum [sha256.Size]byte) ([]engine.Detection, error) {
	var all []engine.Detection
	found := func(d engine.Detection) {
		same := slices.IndexFunc(all, func(other engine.Detection) bool { return other.Name == d.Name })
		if same < 0 && len(all) < maxDetections {
			all = append(all, d)
		}
	}
	if isEICAR(o.head) {
		found(engine.Detection{Name: eicarName, Importance: engine.High})
	}
	for _, l := range s.lists {
		l.find(md5Sum, sha256Sum, found)
	}
	var ends []int64
	if s.matcher != nil {
		var err error
		if ends, err = s.find(ctx, o); err != nil {
			return nil, err
		}
	}
	for i := range s.rules {
		if i%linesAtOnce == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		match, err := s.rules[i].match(o, ends)
		if err != nil {
			return nil, err
		}
		if match {
			found(s.rules[i].detection)
		}
	}
	return all, nil
}

// find goes through the object with the matcher.
func (s *ruleSet) find(ctx context.Context, o object) ([]int64, error) {
	search := s.matcher.search()
	end := o.size
	if s.horizon != anywhere {
		end = min(end, s.horizon)
	}
	search.write(o.head[:min(int64(len(o.head)), end)])
	if end <= int64(len(o.head)) {
		return search.ends, nil
	}
	buffer := make([]byte, bufferSize)
	for at := int64(len(o.head)); at < end; at += int64(len(buffer)) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		buffer = buffer[:min(end-at, bufferSize)]
		if _, err := o.r.ReadAt(buffer, at); err != nil { // also io.EOF: it became shorter
			return nil, fmt.Errorf("read the object: %w", err)
		}
		search.write(buffer)
	}
	return search.ends, nil
}

func (r *compiledRule) match(o object, ends []int64) (bool, error) {
	if r.typ != "" && !slices.Contains(o.typ, r.typ) {
		return false, nil
	}
	for _, p := range r.found {
		if end := ends[p.pattern]; end == 0 || p.within != anywhere && end > p.within {
			return false, nil
		}
	}
	for _, c := range r.fixed {
		end := c.at + int64(len(c.bytes))
		switch {
		case end > o.size:
			return false, nil
		case end <= int64(len(o.head)):
			if !bytes.Equal(o.head[c.at:end], c.bytes) {
				return false, nil
			}
		default:
			var there [maxPattern]byte
			if _, err := o.r.ReadAt(there[:len(c.bytes)], c.at); err != nil {
				return false, fmt.Errorf("read the object: %w", err)
			}
			if !bytes.Equal(there[:len(c.bytes)], c.bytes) {
				return false, nil
			}
		}
	}
	return true, nil
}

// parseSum reads a hash of an object, as engine.Object has it.
func parseSum(sum []byte, s string) error {
	if n, err := hex.Decode(sum, []byte(s)[:min(len(s), 2*len(sum))]); err != nil || n != len(sum) || len(s) != 2*len(sum) {
		return fmt.Errorf("the object came with the hash %q", s)
	}
	return nil
}
