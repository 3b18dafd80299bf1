package scan

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"vedette/internal/kv"
)

// ownerName is a file that says which state file the spool belongs to: its ID,
// and a revision that it had. The revision was durable before, so a state file
// that has not reached it is an older one.
const ownerName = "spool.of"

// stranger reports whether the state file is not the one that the objects in the
// spool were taken with: it was made anew, or is an older one, as from a backup.
// Then a file without a record is not what a crash left of an upload or a
// deletion: somebody may have been told that it is safe.
func (r *Room) stranger(store *kv.Store, fresh bool) (bool, error) {
	raw, err := os.ReadFile(filepath.Join(r.cfg.Dir, ownerName))
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return false, fmt.Errorf("read whose the spool is: %w", err)
	}
	var id string
	var revision kv.Revision
	if _, err := fmt.Sscanf(string(raw), "%s %d\n", &id, &revision); err != nil {
		return fresh, nil // a crash cut it short, and the state file was its own then
	}
	return fresh || id != store.ID() || store.Revision() < revision, nil
}

// own notes that the spool belongs to the state file.
func (r *Room) own(store *kv.Store) error {
	path := filepath.Join(r.cfg.Dir, ownerName)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s %d\n", store.ID(), store.Revision())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// countAside counts what is kept aside, and notes whose the spool is.
func (r *Room) countAside() {
	n, err := r.disk.spool.Aside()
	if err == nil {
		r.mu.Lock()
		r.aside = n
		r.mu.Unlock()
	}
	r.noteOwner(r.disk.store)
}

// noteOwner notes whose the spool is. When the disk refuses that, which others
// tell of, it is noted later.
func (r *Room) noteOwner(store *kv.Store) {
	if err := r.own(store); err != nil {
		r.cfg.Logger.Debug("whose the spool is was not noted", "error", err)
	}
}

// asideText says what is kept aside, with the next step; empty: nothing. r.mu is
// held.
func (r *Room) asideText() string {
	if r.aside == 0 {
		return ""
	}
	dir := r.disk.spool.AsideDir()
	return fmt.Sprintf("%d objects without a record are kept in %s, since %s was missing or was an older one: to have them scanned, "+
		"stop the daemon, put the %s in its place that they were taken with, move them to %s, and start it; or remove them",
		r.aside, dir, stateName, stateName, filepath.Dir(r.disk.spool.Path(0)))
}

// keepAside moves files without a record out of the way.
func (l *loading) keepAside() error {
	if len(l.files) == 0 {
		return nil
	}
	for n := range l.files {
		if err := l.disk.spool.PutAside(n); err != nil {
			return fmt.Errorf("keep an object aside: %w", err)
		}
	}
	l.room.cfg.Logger.Error("objects without a record are kept aside: their systems were told that they are safe",
		"objects", len(l.files), "folder", l.disk.spool.AsideDir(),
		"next", "put the "+stateName+" back that they were taken with, and them into the spool; scan show says how")
	clear(l.files)
	return l.disk.spool.SyncAside()
}

// another reports whether an object's file holds something else than the record
// says. What cannot be read now is left to the engines.
func (l *loading) another(ctx context.Context, f found) bool {
	file, err := os.Open(l.disk.spool.Path(f.number))
	if err != nil {
		return false
	}
	defer file.Close()
	h := sha256.New()
	_, err = io.Copy(h, contextReader{ctx, file})
	return err == nil && Digest(h.Sum(nil)) != f.record.SHA256
}

// contextReader ends when its context does.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
