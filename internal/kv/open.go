package kv

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Open opens the state file, and makes it, with its folder, when there is none.
// Every refusal is an *OpenError with the next step: the file is in use, was
// written by a newer version or another program, is not a state file, is
// damaged, or can be read by others. A refused file is left as it was.
func Open(path string, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = defaultLockTimeout
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, &OpenError{Path: path, Text: "cannot be found", Cause: err, Next: "give the absolute path"}
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(path, o); err != nil {
			return nil, &OpenError{Path: path, Text: "cannot be made", Cause: err,
				Next: "check space and permissions of " + filepath.Dir(path)}
		}
		o.Logger.Info("state file made", "path", path)
	}
	if err := inspect(path); err != nil {
		return nil, err
	}
	// Whoever made the file may have been killed before its name was safe.
	if err := syncFile(filepath.Dir(path)); err != nil {
		return nil, &OpenError{Path: path, Text: "its folder cannot be synced", Cause: err,
			Next: "check the disk and the permissions of " + filepath.Dir(path)}
	}
	s := &Store{
		path:    path,
		logger:  o.Logger,
		writing: make(chan struct{}, 1),
		changed: make(chan struct{}),
	}
	if err := s.openEngine(o); err != nil {
		return nil, err
	}
	if err := s.load(o); err != nil {
		_ = guard(s.db.Close) // the reason for closing is what matters
		return nil, err
	}
	return s, nil
}

// inspect refuses what the engine would mistake or overwrite.
func inspect(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return &OpenError{Path: path, Text: "cannot be looked at", Cause: err,
			Next: "check the permissions of " + filepath.Dir(path)}
	}
	switch {
	case !info.Mode().IsRegular():
		return &OpenError{Path: path, Kind: ErrForeign, Text: "is not a regular file",
			Next: "point the configuration at the state file itself"}
	case info.Mode().Perm()&0o077 != 0:
		return &OpenError{Path: path, Kind: ErrExposed,
			Text: fmt.Sprintf("others may read it (mode %04o)", info.Mode().Perm()),
			Next: "find out who may have read it, then run: chmod 600 " + path}
	case info.Size() == 0:
		return &OpenError{Path: path, Kind: ErrForeign, Text: "is empty",
			Next: "put a backup in its place, or move it away to begin with an empty state"}
	}
	return nil
}

// openEngine opens the file with bbolt.
func (s *Store) openEngine(o Options) error {
	engine := engineOptions(o)
	engine.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		// The file exists; one that vanished must not be made anew here.
		f, err := os.OpenFile(name, flag&^os.O_CREATE, mode)
		s.file = f
		return f, err
	}
	err := guard(func() error {
		var err error
		s.db, err = bbolt.Open(s.path, 0o600, engine)
		return err
	})
	if err == nil {
		s.db.AllocSize = growStep
		return nil
	}
	var fault *faultError
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		text := "another process uses it"
		if pid := holder(s.path); pid > 0 {
			text = fmt.Sprintf("process %d uses it", pid)
		}
		return &OpenError{Path: s.path, Kind: ErrInUse, Text: text,
			Next: "stop that process first, or wait until it has ended"}
	case errors.As(err, &fault):
		// The engine's mapping stays and with it the lock, unless it is taken
		// off. Both calls can only fail for a file that is gone anyway.
		_ = syscall.Flock(int(s.file.Fd()), syscall.LOCK_UN)
		_ = s.file.Close()
		return damaged(s.path, err)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum):
		return &OpenError{Path: s.path, Kind: ErrForeign, Text: "is not a state file",
			Next: "put a backup in its place, or correct the path in the configuration"}
	}
	return &OpenError{Path: s.path, Text: "cannot be opened", Cause: err,
		Next: "check the disk and the permissions of the file"}
}

func damaged(path string, cause error) error {
	return &OpenError{Path: path, Kind: ErrDamaged, Text: "is damaged", Cause: cause,
		Next: "check the disk, then put a backup in its place"}
}

// load checks what the file is, brings it up to date and begins to read it.
func (s *Store) load(o Options) error {
	var schema int
	var refusal error
	err := guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			schema, refusal = s.identify(tx, o)
			return nil
		})
	})
	if err != nil {
		return damaged(s.path, err)
	}
	if refusal != nil {
		return refusal
	}
	if schema < len(o.Migrations) {
		if err := s.upgrade(schema, o); err != nil {
			return err
		}
	}
	err = guard(func() error {
		var err error
		s.view, err = newView(s.db)
		return err
	})
	if err != nil {
		return damaged(s.path, err)
	}
	s.history.floor, s.history.latest = s.view.revision, s.view.revision
	s.reserve()
	return nil
}

// identify reads the description of the file. What it refuses it refuses
// before anything is written.
func (s *Store) identify(tx *bbolt.Tx, o Options) (schema int, refusal error) {
	if info, err := s.file.Stat(); err != nil || info.Size() < tx.Size() {
		return 0, damaged(s.path, fmt.Errorf("the file should have %d bytes", tx.Size()))
	}
	meta, data := tx.Bucket(metaBucket), tx.Bucket(dataBucket)
	if meta == nil || data == nil || meta.Get(metaProgram) == nil {
		return 0, &OpenError{Path: s.path, Kind: ErrForeign, Text: "is a database, but not a state file",
			Next: "correct the path in the configuration"}
	}
	if have := string(meta.Get(metaProgram)); have != o.Program {
		return 0, &OpenError{Path: s.path, Kind: ErrForeign,
			Text: fmt.Sprintf("belongs to %q, not to %q", have, o.Program),
			Next: "give each daemon a state folder of its own"}
	}
	n, err := parseNumber(meta.Get(metaSchema))
	if err != nil {
		return 0, damaged(s.path, fmt.Errorf("read schema: %w", err))
	}
	if know := uint64(len(o.Migrations)); n > know {
		return 0, &OpenError{Path: s.path, Kind: ErrNewer,
			Text: fmt.Sprintf("was written by a newer version (schema %d, this one knows %d)", n, know),
			Next: "install the newer version again, or put back the copy kept as " + kept(s.path, len(o.Migrations))}
	}
	s.id = string(meta.Get(metaID))
	return int(n), nil
}

// kept is where the file of an old schema stays when it is migrated.
func kept(path string, schema int) string { return fmt.Sprintf("%s.schema-%d", path, schema) }

// upgrade keeps a copy of the file and migrates it.
func (s *Store) upgrade(schema int, o Options) error {
	copyPath := kept(s.path, schema)
	if err := s.keep(copyPath); err != nil {
		return &OpenError{Path: s.path, Kind: ErrMigrated, Cause: err,
			Text: "cannot be brought up to date: the copy " + copyPath + " cannot be written; nothing was changed",
			Next: "make room in " + filepath.Dir(s.path) + " for a copy of the file and start again"}
	}
	if err := guard(func() error { return migrate(s.db, schema, o.Migrations) }); err != nil {
		return &OpenError{Path: s.path, Kind: ErrMigrated, Cause: err,
			Text: "cannot be brought up to date; nothing was changed",
			Next: "install the version that wrote it, and report this error"}
	}
	s.logger.Info("state file brought up to date", "path", s.path, "from", schema, "to", len(o.Migrations), "copy", copyPath)
	return nil
}

// keep writes a copy of the file beside it.
func (s *Store) keep(path string) error {
	temporary := path + unfinished
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			// Written at offsets, as the engine writes, so that what makes
			// those calls fail in tests reaches the copy too.
			_, err := tx.WriteTo(io.NewOffsetWriter(f, 0))
			return err
		})
	})
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary) // of no value
		return err
	}
	return syncFile(filepath.Dir(path))
}

func engineOptions(o Options) *bbolt.Options {
	return &bbolt.Options{
		Timeout:         o.LockTimeout,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: maxFile,
		MaxSize:         maxFile,
		NoStatistics:    true,
	}
}
