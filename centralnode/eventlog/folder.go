package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Names in the folder of the embedded store.
const (
	lockName   = "lock"
	markerName = "store.json"
	probeName  = "probe.tmp"
	settleName = "settle.tmp"
	// jetstreamName is the server's own choice.
	jetstreamName = "jetstream"

	markerFormat = 1
	// freeAtLeast is what must be free for the server to be started: a block of
	// messages and room to write it anew.
	freeAtLeast = 16 << 20
)

// marker says whose folder this is. It is written before the stream is made
// and completed after that, so that a vanished stream is never taken for one
// that has not been made yet.
type marker struct {
	Format int    `json:"format"`
	Store  string `json:"store"`
	Ready  bool   `json:"ready"`
}

// folder is the embedded store's folder, locked against other processes.
type folder struct {
	path string
	lock *os.File
}

// openFolder creates or checks the folder and locks it.
func openFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	own := len(entries) == 0
	for _, e := range entries {
		switch e.Name() {
		case lockName, markerName, probeName, settleName, markerName + ".tmp":
			own = true
		case jetstreamName, "lost+found":
		default:
			return nil, fmt.Errorf("%w: %s has %q in it", errForeign, path, e.Name())
		}
	}
	if !own && len(entries) > 0 && entries[0].Name() == jetstreamName {
		return nil, fmt.Errorf("%w: the JetStream store in %s has no %s", errForeign, path, markerName)
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close() // nothing was written
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s", errLocked, path)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &folder{path: path, lock: lock}, nil
}

// close gives the lock back.
func (f *folder) close() error { return f.lock.Close() }

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

// readMarker returns the marker, or fs.ErrNotExist.
func (f *folder) readMarker() (marker, error) {
	var m marker
	b, err := os.ReadFile(f.file(markerName))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil || m.Store == "" {
		return m, fmt.Errorf("%w: %s is unreadable", errDamaged, f.file(markerName))
	}
	if m.Format != markerFormat {
		return m, fmt.Errorf("%w: %s has format %d, known is %d", errForeign, f.file(markerName), m.Format, markerFormat)
	}
	return m, nil
}

// writeMarker replaces the marker durably.
func (f *folder) writeMarker(m marker) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return f.replace(f.file(markerName), f.file(markerName+".tmp"), func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}

// replace writes a file beside its place and moves it there, durably.
func (f *folder) replace(path, temporary string, write func(io.Writer) error) (err error) {
	w, err := os.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary))
		}
	}()
	if err = errors.Join(write(w), w.Sync(), w.Close()); err != nil {
		return err
	}
	if err = os.Rename(temporary, path); err != nil {
		return err
	}
	return syncPath(filepath.Dir(path))
}

// probe proves that the folder takes data, and gives the plain reason when not.
func (f *folder) probe() error {
	path := f.file(probeName)
	w, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(w.Fd()), 0, 0, freeAtLeast)
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = nil // then the write has to tell
	}
	if err == nil {
		_, err = w.Write(make([]byte, 4096))
	}
	return errors.Join(err, w.Sync(), w.Close(), os.Remove(path))
}

// settle makes durable whatever an earlier process left in the page cache: a
// package that reads back after a crash must not vanish in a later power cut.
func (f *folder) settle() error {
	return filepath.WalkDir(f.file(jetstreamName), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || (!d.IsDir() && !d.Type().IsRegular()) {
			return err
		}
		return syncPath(path)
	})
}

// rewriteNewest writes the newest block of messages anew. After a failed sync
// the kernel may take pages for written that are not: what can be read has to
// be written again before it is believed.
func (f *folder) rewriteNewest() error {
	blocks, err := filepath.Glob(filepath.Join(f.file(jetstreamName), "*", "streams", streamName, "msgs", "*.blk"))
	if err != nil {
		return err
	}
	newest, index := "", -1
	for _, b := range blocks {
		if i, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(b), ".blk")); err == nil && i > index {
			newest, index = b, i
		}
	}
	if newest == "" {
		return nil
	}
	r, err := os.Open(newest)
	if err != nil {
		return err
	}
	err = f.replace(newest, f.file(settleName), func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
	return errors.Join(err, r.Close())
}

// syncPath syncs a file or a folder.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
