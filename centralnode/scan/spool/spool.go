// Package spool keeps objects that wait to be scanned as files under a quota.
//
// Every name in it is a number that this program chose; nothing that a caller
// sent becomes a path. A file grows in the folder incoming, is synced, and gets
// its number in the folder objects; it stays there over a crash once Sync has
// returned. Copies of objects that are kept elsewhere are laid out in the folder
// scratch, without a sync, for as long as somebody looks at them. What a crash
// leaves in incoming and scratch is of no value and goes when the spool is
// opened. Objects that nobody knows any more are kept in the folder aside, which
// no quota bounds and nothing empties.
package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
)

// Names in the folder of the spool.
const (
	incomingName = "incoming"
	objectsName  = "objects"
	scratchName  = "scratch"
	asideName    = "aside"
)

// probeSize is what must fit for a disk to count as not full.
const probeSize = 1 << 20

// Spool is an open spool. Its methods may be called concurrently.
type Spool struct {
	dir     string
	objects *os.File // the folder, for syncing it
	next    atomic.Uint64
}

// Open makes the folders where there are none, for their owner only, and clears
// what a crash left. The caller sees to it that no other process has the folder.
func Open(dir string) (*Spool, error) {
	s := &Spool{dir: dir}
	for _, name := range []string{"", incomingName, objectsName, scratchName, asideName} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, err
		}
		if err := os.Chmod(path, 0o700); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{incomingName, scratchName} {
		if err := sweep(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	// The folders' own names must be safe before a file in them can be.
	for _, path := range []string{dir, filepath.Dir(dir)} {
		if err := syncFolder(path); err != nil {
			return nil, err
		}
	}
	objects, err := os.Open(filepath.Join(dir, objectsName))
	if err != nil {
		return nil, err
	}
	s.objects = objects
	return s, nil
}

// sweep removes the files of a folder.
func sweep(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Remove(filepath.Join(folder, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Close lets go of the folder. Files stay.
func (s *Spool) Close() error { return s.objects.Close() }

// Path is where object n is.
func (s *Spool) Path(n uint64) string {
	return filepath.Join(s.dir, objectsName, fmt.Sprintf("%016x", n))
}

// Objects lists the objects that are there, with their sizes in bytes, and what
// else lies in their folder and is not the spool's.
func (s *Spool) Objects() (sizes map[uint64]int64, strange []string, err error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, objectsName))
	if err != nil {
		return nil, nil, err
	}
	sizes = make(map[uint64]int64, len(entries))
	for _, e := range entries {
		n, err := strconv.ParseUint(e.Name(), 16, 64)
		if err != nil || len(e.Name()) != 16 || !e.Type().IsRegular() {
			strange = append(strange, e.Name())
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, nil, err
		}
		sizes[n] = info.Size()
	}
	return sizes, strange, nil
}

// Remove removes object n; one that is not there is no error.
func (s *Spool) Remove(n uint64) error {
	if err := os.Remove(s.Path(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// AsideDir is the folder of what is kept aside.
func (s *Spool) AsideDir() string { return filepath.Join(s.dir, asideName) }

// PutAside moves object n there. When there is another of that number already
// the name gets a suffix.
func (s *Spool) PutAside(n uint64) error {
	path := filepath.Join(s.AsideDir(), filepath.Base(s.Path(n)))
	to := path
	for i := 2; ; i++ {
		_, err := os.Lstat(to)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		to = fmt.Sprintf("%s.%d", path, i)
	}
	return os.Rename(s.Path(n), to)
}

// SyncAside makes durable what PutAside moved.
func (s *Spool) SyncAside() error { return errors.Join(syncFolder(s.AsideDir()), s.objects.Sync()) }

// Aside counts what is kept there.
func (s *Spool) Aside() (int, error) {
	entries, err := os.ReadDir(s.AsideDir())
	return len(entries), err
}

// Sync makes the names of all objects durable that File.Keep gave before.
func (s *Spool) Sync() error { return s.objects.Sync() }

// create makes an empty file in one of the folders.
func (s *Spool) create(folder string) (*os.File, error) {
	name := filepath.Join(s.dir, folder, fmt.Sprintf("%016x", s.next.Add(1)))
	return os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// Lay writes a passing copy of an object and returns where it is. The caller
// removes it with os.Remove.
func (s *Spool) Lay(content []byte) (path string, err error) {
	f, err := s.create(scratchName)
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// Probe tries whether the disk takes files again.
func (s *Spool) Probe() error {
	f, err := s.Create()
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, probeSize))
	if err == nil {
		err = f.file.Sync()
	}
	return errors.Join(err, f.Discard())
}

// File is an object that is still arriving. It is for one goroutine at a time.
type File struct {
	spool *Spool
	file  *os.File
	path  string
}

// Create begins a file.
func (s *Spool) Create() (*File, error) {
	f, err := s.create(incomingName)
	if err != nil {
		return nil, err
	}
	return &File{spool: s, file: f, path: f.Name()}, nil
}

// Write appends to the file.
func (f *File) Write(p []byte) (int, error) { return f.file.Write(p) }

// Settle makes the content durable and closes the file.
func (f *File) Settle() error {
	return errors.Join(f.file.Sync(), f.file.Close())
}

// Keep makes the settled file object n. The name is durable after Spool.Sync.
func (f *File) Keep(n uint64) error {
	return os.Rename(f.path, f.spool.Path(n))
}

// Discard ends the file, if Keep has not moved it away; nothing of it stays.
func (f *File) Discard() error {
	err := f.file.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	if gone := os.Remove(f.path); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}
