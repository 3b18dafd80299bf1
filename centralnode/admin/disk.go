package admin

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"vedette/internal/acts"
)

// Space is how much room the file system of a folder has, in bytes.
type Space struct {
	Folder      string
	Free, Total uint64 // free for those who are not root
}

// SpaceOf asks the file system of a folder.
func SpaceOf(folder string) (Space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(folder, &st); err != nil {
		return Space{}, &fs.PathError{Op: "statfs", Path: folder, Err: err}
	}
	size := uint64(st.Bsize)
	return Space{Folder: folder, Free: st.Bavail * size, Total: st.Blocks * size}, nil
}

// A disk needs a person when less than a twentieth of it is free, but on a large
// one not while there is much, and on a small one not only when there is nothing.
const (
	freePart            = 20
	leastFree, mostFree = 200 << 20, 10 << 30
)

// low says whether the room comes to its end: before the first write fails.
func (s Space) low() bool { return s.Free < min(max(s.Total/freePart, leastFree), mostFree) }

// String is a sentence that stays the same as long as about as much is free.
func (s Space) String() string {
	unit := uint64(1)
	for s.Free/unit >= 100 {
		unit *= 10
	}
	return fmt.Sprintf("The disk of the state folder %s is almost full: about %s of %s are free.", s.Folder, acts.ByteSize(s.Free/unit*unit), acts.ByteSize(s.Total))
}
