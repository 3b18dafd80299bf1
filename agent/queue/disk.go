package queue

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// disk is where a queue keeps its files; tests put a failing one in its place.
type disk interface {
	packages() ([]packageFile, error) // by number
	read(number uint64) ([]byte, error)
	write(number uint64, data []byte) error // durable when it returns nil, absent when it fails
	remove(number uint64)                   // may come back after a crash: the server knows such packages
	readNamed(name string) ([]byte, error)
	writeNamed(name string, data []byte) error // atomic and durable
	setAside(name string) error
}

type packageFile struct {
	number uint64
	size   int64
	head   []byte // up to headerSize bytes
}

const packageSuffix = ".pkg"

// folder is a disk in a real folder.
type folder string

func (f folder) path(number uint64) string {
	return filepath.Join(string(f), fmt.Sprintf("%020d%s", number, packageSuffix))
}

func (f folder) packages() ([]packageFile, error) {
	list, err := os.ReadDir(string(f))
	if err != nil {
		return nil, err
	}
	var files []packageFile
	for _, e := range list {
		digits, ok := strings.CutSuffix(e.Name(), packageSuffix)
		number, err := strconv.ParseUint(digits, 10, 64)
		if !ok || err != nil || number == 0 || !e.Type().IsRegular() {
			continue
		}
		p, err := f.stat(number)
		if err != nil {
			return nil, err
		}
		files = append(files, p)
	}
	slices.SortFunc(files, func(a, b packageFile) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	return files, nil
}

func (f folder) stat(number uint64) (packageFile, error) {
	file, err := os.Open(f.path(number))
	if err != nil {
		return packageFile{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return packageFile{}, err
	}
	head := make([]byte, headerSize)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return packageFile{}, err
	}
	return packageFile{number: number, size: info.Size(), head: head[:n]}, nil
}

func (f folder) read(number uint64) ([]byte, error) { return readBounded(f.path(number), maxFile) }

func (f folder) write(number uint64, data []byte) error {
	path := f.path(number)
	err := writeSynced(path, os.O_EXCL, data)
	if errors.Is(err, os.ErrExist) {
		// Left by a write that failed and could not be undone.
		err = writeSynced(path, os.O_TRUNC, data)
	}
	if err == nil {
		err = syncFolder(string(f))
	}
	if err != nil {
		_ = os.Remove(path) // when that fails too, the checksum tells at the next start
	}
	return err
}

func (f folder) remove(number uint64) { _ = os.Remove(f.path(number)) }

func (f folder) readNamed(name string) ([]byte, error) {
	return readBounded(filepath.Join(string(f), name), 64<<10)
}

func (f folder) writeNamed(name string, data []byte) error {
	path := filepath.Join(string(f), name)
	if err := writeSynced(path+".new", os.O_TRUNC, data); err != nil {
		_ = os.Remove(path + ".new")
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncFolder(string(f))
}

func (f folder) setAside(name string) error {
	path := filepath.Join(string(f), name)
	return os.Rename(path, path+".damaged")
}

func writeSynced(path string, flag int, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flag, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func readBounded(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", errDamaged, limit)
	}
	return data, nil
}
