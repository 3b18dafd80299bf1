package home

import (
	"io"
	"io/fs"
	"path"
	"time"
)

// entry describes a file or folder as SFTP lists it.
type entry struct {
	name string
	size int64
	mode fs.FileMode
	at   time.Time
}

func (e entry) Name() string       { return e.name }
func (e entry) Size() int64        { return e.size }
func (e entry) Mode() fs.FileMode  { return e.mode }
func (e entry) ModTime() time.Time { return e.at }
func (e entry) IsDir() bool        { return e.mode.IsDir() }
func (e entry) Sys() any           { return nil }

// What files and folders are listed with.
const (
	uploadMode   fs.FileMode = 0o600
	downloadMode fs.FileMode = 0o444
	folderMode               = fs.ModeDir | 0o555
	homeMode                 = fs.ModeDir | 0o755
)

func uploadEntry(size int64, at time.Time) entry {
	return entry{Upload, size, uploadMode, at}
}

func downloadEntry(size int, since time.Time) entry {
	return entry{path.Base(Download), int64(size), downloadMode, since}
}

// listing is an open folder, or the one entry of a stat.
type listing struct {
	entries []fs.FileInfo
	release func() // nil for a stat
}

// ListAt gives the entries from offset on.
func (l *listing) ListAt(to []fs.FileInfo, offset int64) (int, error) {
	if offset < 0 || offset >= int64(len(l.entries)) {
		return 0, io.EOF
	}
	n := copy(to, l.entries[offset:])
	if n < len(to) {
		return n, io.EOF
	}
	return n, nil
}

// Close makes room for another open file.
func (l *listing) Close() error {
	if l.release != nil {
		l.release()
		l.release = nil
	}
	return nil
}
