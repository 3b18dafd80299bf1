package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// outFile is a local file in the making: it appears whole, with mode 0600, or
// not at all.
type outFile struct {
	*os.File
	path  string
	force bool
}

// createOut begins a file. That it exists, or that its folder cannot be written
// to, shows here, before the command is sent.
func createOut(path string, force bool) (*outFile, error) {
	if _, err := os.Lstat(path); err == nil && !force {
		return nil, fileExists(path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look at %s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	return &outFile{File: f, path: path, force: force}, nil
}

func fileExists(path string) error {
	return &Error{Exit: ExitRefused, Text: path + " exists", Hint: "choose another name, or add --force to replace it"}
}

// commit puts the file in its place.
func (f *outFile) commit() error {
	err := f.Sync()
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = f.place()
	}
	if err != nil {
		return errors.Join(err, f.discard())
	}
	return nil
}

func (f *outFile) place() error {
	if f.force {
		return os.Rename(f.Name(), f.path)
	}
	// A link, unlike a rename, replaces nothing that came meanwhile.
	if err := os.Link(f.Name(), f.path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fileExists(f.path)
		}
		return fmt.Errorf("make %s: %w", f.path, err)
	}
	return os.Remove(f.Name())
}

// discard removes what was written.
func (f *outFile) discard() error {
	if err := f.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return err
	}
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
