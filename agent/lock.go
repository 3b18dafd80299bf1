package agent

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const (
	lockName   = "lock"
	pinsName   = "pins.json"
	countsName = "counters.json"
	statusName = "status.json"
	ttlName    = "reported-starts"
)

// ErrRunning says that another agent uses the state folder.
var ErrRunning = errors.New("another agent runs with this state folder")

func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w (%s)", ErrRunning, path)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// Running reports whether an agent uses the state folder of a configuration.
func Running(c Config) (bool, error) {
	f, err := os.Open(c.path(lockName))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}
