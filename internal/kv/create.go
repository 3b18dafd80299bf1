package kv

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

// suffix of a file that is being made. One found at start is the rest of a
// crash and of no value.
const unfinished = ".new"

// create makes an empty state file: written under another name, synced,
// renamed, and the folder synced, so that a crash at any moment leaves either
// no state file or a whole one.
func create(path string, o Options) error {
	folder := filepath.Dir(path)
	if err := makeFolder(folder); err != nil {
		return err
	}
	// The folder is locked while the file is made, so that of two processes
	// that start together only one does it.
	dir, err := lockFolder(folder, o.LockTimeout)
	if err != nil {
		return err
	}
	defer dir.Close() // lets go of the lock too
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err // made by the other one meanwhile, or not to be looked at
	}
	temporary := path + unfinished
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeEmpty(temporary, o); err != nil {
		_ = os.Remove(temporary) // the next start would remove it too
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return dir.Sync()
}

// writeEmpty makes a synced state file without entries.
func writeEmpty(path string, o Options) (err error) {
	db, err := bbolt.Open(path, 0o600, engineOptions(o))
	if err != nil {
		return err
	}
	db.AllocSize = growStep
	defer func() {
		if cerr := db.Close(); err == nil {
			err = cerr
		}
	}()
	id := make([]byte, 16)
	rand.Read(id) // never fails
	err = db.Update(func(tx *bbolt.Tx) error {
		if _, err := tx.CreateBucket(dataBucket); err != nil {
			return err
		}
		meta, err := tx.CreateBucket(metaBucket)
		if err != nil {
			return err
		}
		return errors.Join(
			meta.Put(metaProgram, []byte(o.Program)),
			meta.Put(metaSchema, number(uint64(len(o.Migrations)))),
			meta.Put(metaID, []byte(hex.EncodeToString(id))),
			meta.Put(metaCreated, []byte(o.Now().UTC().Format(time.RFC3339))),
			meta.Put(metaCurrent, number(0)),
		)
	})
	if err != nil {
		return err
	}
	// The engine has synced its data; this makes the file's own record
	// (size, mode) durable too.
	return syncFile(path)
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// makeFolder makes the folder, for its owner only, and syncs the folders above
// it. It does so for those that were there too: one of them may have been made
// by a process that was killed before it could sync.
func makeFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for above := filepath.Dir(folder); ; above = filepath.Dir(above) {
		err := syncFile(above)
		// Folders that are not ours to open were not made by us, and some
		// file systems cannot sync folders.
		if err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EINVAL) {
			return err
		}
		if above == filepath.Dir(above) {
			return nil
		}
	}
}

// lockFolder opens a folder and takes its advisory lock.
func lockFolder(folder string, timeout time.Duration) (*os.File, error) {
	dir, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(timeout)
	for {
		err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(deadline) {
			dir.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				err = ErrInUse
			}
			return nil, fmt.Errorf("lock folder %s: %w", folder, err)
		}
		<-time.After(10 * time.Millisecond)
	}
}
