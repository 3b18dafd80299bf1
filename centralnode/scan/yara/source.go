package yara

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"vedette/internal/foreign"
)

const (
	maxFiles      = 5000     // included ones too
	maxPathBytes  = 1 << 20  // of all, since the compiler gets them as arguments
	maxSourceSize = 64 << 20 // of all files together
)

// stamp is what a file's change shows in; the zero one is of no file.
type stamp struct {
	device, inode uint64
	size          int64
	written, meta syscall.Timespec
}

func stampOf(path string) stamp {
	i, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	s, ok := i.Sys().(*syscall.Stat_t)
	if !ok {
		return stamp{size: i.Size()}
	}
	return stamp{uint64(s.Dev), s.Ino, s.Size, s.Mtim, s.Ctim}
}

// stamps are those of everything that a compilation depends on.
type stamps map[string]stamp

// sources are rules as they are on disk.
type sources struct {
	files  []string // what the compiler is given
	digest [sha256.Size]byte
	newest time.Time
	stamps stamps
}

// list finds the files that the configuration means.
func list(named []string) ([]string, error) {
	var files []string
	length := 0
	add := func(path string) error {
		files = append(files, path)
		if length += len(path) + 64; len(files) > maxFiles || length > maxPathBytes {
			return fmt.Errorf("more than %d files of rules, or than %d bytes of their names", maxFiles, maxPathBytes)
		}
		return nil
	}
	for _, path := range named {
		i, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !i.IsDir() {
			if err := add(path); err != nil {
				return nil, err
			}
			continue
		}
		entries, err := os.ReadDir(path) // sorted
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			name := e.Name()
			if e.IsDir() || strings.HasPrefix(name, ".") || !strings.HasSuffix(name, ".yar") && !strings.HasSuffix(name, ".yara") {
				continue
			}
			if err := add(filepath.Join(path, name)); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

// include is where a file may ask for another. It may stand in a comment; then
// one file too many is watched.
var include = regexp.MustCompile(`\binclude[ \t]+"([^"\n]+)"`)

// read reads all files and those that they include.
func read(ctx context.Context, files []string) (*sources, error) {
	s := &sources{files: files, stamps: make(stamps)}
	sum := sha256.New()
	left := int64(maxSourceSize)
	for queue := files; len(queue) > 0; queue = queue[1:] {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		path := queue[0]
		if _, known := s.stamps[path]; known {
			continue
		}
		if len(s.stamps) >= maxFiles {
			return nil, fmt.Errorf("more than %d files of rules, with those that they include", maxFiles)
		}
		s.stamps[path] = stampOf(path)
		text, when, err := readFile(path, left)
		if errors.Is(err, os.ErrNotExist) && len(s.stamps) > len(files) {
			continue // an include of a comment; the compiler says when it is not
		}
		if err != nil {
			return nil, err
		}
		left -= int64(len(text))
		fmt.Fprintf(sum, "%s\x00%d\x00", filepath.Base(path), len(text))
		sum.Write(text)
		if when.After(s.newest) {
			s.newest = when
		}
		for _, m := range include.FindAllSubmatch(text, -1) {
			other := string(m[1])
			if !filepath.IsAbs(other) {
				other = filepath.Join(filepath.Dir(path), other)
			}
			queue = append(queue[:len(queue):len(queue)], other)
		}
	}
	sum.Sum(s.digest[:0])
	return s, nil
}

func readFile(path string, limit int64) ([]byte, time.Time, error) {
	// A pipe in a folder of rules must hold nobody up.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	if !i.Mode().IsRegular() {
		return nil, time.Time{}, fmt.Errorf("%s is not a regular file", foreign.Line(path))
	}
	var text bytes.Buffer
	n, err := text.ReadFrom(io.LimitReader(f, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("%s: more than %d bytes of rules in all files", foreign.Line(path), maxSourceSize)
	}
	return text.Bytes(), i.ModTime(), err
}

// programStamp changes when a program does.
func programStamp(program string) string {
	path, err := exec.LookPath(program)
	if err != nil {
		return ""
	}
	return fmt.Sprint(path, stampOf(path))
}
