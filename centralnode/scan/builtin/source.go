package builtin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"vedette/internal/foreign"
)

const (
	maxHashFile = 1 << 30 // bytes
	maxRuleFile = 64 << 20
)

// source is one file of rules and what was last read from it.
type source struct {
	path  string
	list  bool // of hashes, not of byte rules
	stamp stamp
	// trouble says why the file as it is now is not in use.
	trouble string

	loaded bool
	when   time.Time // the file's own time, when it was loaded
	sum    [sha256.Size]byte
	hashes *hashList
	rules  []rule
}

// stamp is what a file's change shows in.
type stamp struct {
	device, inode uint64
	size          int64
	written, meta syscall.Timespec
}

func stampOf(i os.FileInfo) stamp {
	s, ok := i.Sys().(*syscall.Stat_t)
	if !ok {
		return stamp{size: i.Size()}
	}
	return stamp{uint64(s.Dev), s.Ino, s.Size, s.Mtim, s.Ctim}
}

// look reads the file when it is not the one that was read last, and says
// whether anything is different now.
func (s *source) look(ctx context.Context, hashes int, left room) (changed bool, err error) {
	i, err := os.Stat(s.path)
	if err == nil && stampOf(i) == s.stamp {
		return false, nil
	}
	if err == nil {
		err = s.read(ctx, hashes, left)
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if line := (*lineError)(nil); err != nil && !errors.As(err, &line) {
		s.stamp = stamp{} // what is not the file's own fault may end without a change of it
	}
	before := s.trouble
	if s.trouble = ""; err != nil {
		s.trouble = s.explain(err)
	}
	return err == nil || s.trouble != before, nil
}

func (s *source) read(ctx context.Context, hashes int, left room) error {
	// A pipe at this path must hold nobody up.
	f, err := os.OpenFile(s.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return err
	}
	s.stamp = stampOf(i)
	limit := int64(maxRuleFile)
	if s.list {
		limit = maxHashFile
	}
	switch {
	case !i.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case i.Size() > limit:
		return fmt.Errorf("it is longer than %d bytes", limit)
	}
	sum := sha256.New()
	in := io.TeeReader(io.LimitReader(f, limit), sum)
	if s.list {
		list, err := parseHashList(ctx, in, hashes)
		if err != nil {
			return err
		}
		s.hashes = list
	} else {
		rules, err := parseRules(ctx, in, left)
		if err != nil {
			return err
		}
		s.rules = rules
	}
	s.loaded, s.when = true, i.ModTime()
	sum.Sum(s.sum[:0])
	return nil
}

// explain makes a sentence for an administrator.
func (s *source) explain(err error) string {
	path := foreign.Line(s.path)
	rest := "; nothing is called clean until it is read"
	if s.loaded {
		rest = "; what it held before stays in use"
	}
	var line *lineError
	var system *os.PathError
	switch {
	case errors.As(err, &line):
		return fmt.Sprintf("%s line %d: %v%s: correct the line", path, line.line, line.err, rest)
	case errors.As(err, &system):
		return fmt.Sprintf("cannot %s %s: %v%s: put the file there, readable by the daemon", system.Op, path, system.Err, rest)
	}
	return fmt.Sprintf("cannot use %s: %v%s: correct the file", path, err, rest)
}

// patternBytes is what the rules of the file take of maxPatternBytes.
func (s *source) patternBytes() (n int) {
	for _, r := range s.rules {
		for _, c := range r.conditions {
			n += len(c.bytes)
		}
	}
	return n
}
