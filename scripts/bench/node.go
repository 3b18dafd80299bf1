package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"vedette/scripts/bench/daemon"
)

// node is a Central Node under measurement.
type node struct{ *daemon.Daemon }

// startNode runs a Central Node with a fresh state folder. The prefix is put
// in front of its command line.
func (b *bench) startNode(ctx context.Context, prefix ...string) (*node, error) {
	dir, err := os.MkdirTemp(b.dir, "n")
	if err != nil {
		return nil, err
	}
	d, err := daemon.New(daemon.Options{
		Program: filepath.Join(b.bin, "centralnode"), Dir: dir, Prefix: prefix,
		Settings: "unsafe_same_server = true\n[limits]\nstrangers_per_address = 4096\n",
	})
	if err != nil {
		return nil, err
	}
	return &node{d}, d.Start(ctx)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
