package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"vedette/scripts/bench/load"
	"vedette/scripts/bench/process"
)

// Those who take objects, in the order of their turns.
const (
	ours  = "centralnode"
	plain = "plain"
	dav   = "nginx"
)

var stores = []string{ours, plain, dav}

// subject takes objects.
type subject struct {
	door
	process *process.Process
	node    *node  // ours, nil for peers
	kept    string // the folder in which peers keep objects
}

// startSubject runs one of stores. The settings are ours.
func startSubject(ctx context.Context, name string, c *certificates, o options, settings string, systems ...int) (*subject, error) {
	if name == ours {
		n, err := startNode(ctx, c, o, settings, systems...)
		if err != nil {
			return nil, err
		}
		return &subject{door: n.door, process: n.Process, node: n}, nil
	}
	dir, err := os.MkdirTemp(c.dir, "p")
	if err != nil {
		return nil, err
	}
	s := &subject{door: door{pin: c.server.Fingerprint()}, kept: dir}
	switch name {
	case plain:
		s.process, s.address, err = startPlain(c, dir)
	case dav:
		s.dav, s.kept = true, filepath.Join(dir, "stored")
		s.process, s.address, err = startNginx(c, dir)
	default:
		err = errors.New("there is no such subject")
	}
	if err != nil {
		return nil, err
	}
	return s, s.arrive(ctx, c.systems[systems[0]])
}

// arrive waits until the subject answers.
func (s *subject) arrive(ctx context.Context, as *system) error {
	for deadline := time.Now().Add(20 * time.Second); ; {
		c, err := s.call(ctx, as, ordinary)
		if err == nil {
			c.drop()
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(err, s.process.End())
		}
		if err := load.Pause(ctx, 20*time.Millisecond); err != nil {
			return errors.Join(err, s.process.End())
		}
	}
}

// files counts what a peer has kept, and removes it.
func (s *subject) files() (count int, err error) {
	err = filepath.WalkDir(s.kept, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		count++
		return os.Remove(path)
	})
	return count, err
}

// settle writes to the disk what others have left to be written, so that nobody
// pays for the turn before.
func settle() { unix.Sync() }
