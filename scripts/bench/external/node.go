package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"vedette/scripts/bench/daemon"
	"vedette/scripts/bench/load"
)

// node is a Central Node under measurement.
type node struct {
	*daemon.Daemon
	door
	certs *certificates
	dir   string
}

// Everybody comes from one address here.
const manyStrangers = "[limits]\nstrangers_per_address = 4096\n"

// startNode runs a Central Node with a fresh state, and has systems accepted as
// an administrator does, by their fingerprints.
func startNode(ctx context.Context, c *certificates, o options, settings string, systems ...int) (_ *node, err error) {
	dir, err := os.MkdirTemp(c.dir, "n")
	if err != nil {
		return nil, err
	}
	d, err := daemon.New(daemon.Options{Program: filepath.Join(o.Bin, "centralnode"), Dir: dir, Settings: settings + manyStrangers})
	if err != nil {
		return nil, err
	}
	n := &node{Daemon: d, certs: c, dir: dir}
	if err := d.Start(ctx); err != nil {
		return nil, err
	}
	n.door = door{address: d.Address, pin: d.Pin}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.End())
		}
	}()
	for _, i := range systems {
		if err := n.accept(ctx, i); err != nil {
			return nil, fmt.Errorf("accept system %d: %w", i, err)
		}
	}
	// A first start hashes a password, and the memory for that would be taken for
	// what objects need.
	if err := d.End(); err != nil {
		return nil, err
	}
	return n, d.Start(ctx)
}

func (n *node) accept(ctx context.Context, i int) error {
	s := n.certs.systems[i]
	c, err := n.call(ctx, s, ordinary)
	if err != nil {
		return err
	}
	defer c.drop()
	if status, body, err := c.ask(http.MethodGet, "connection"); status != http.StatusUnauthorized {
		return fmt.Errorf("the first call: %d %s, %w", status, body, err)
	}
	kind := "other"
	if i == mailSystem {
		kind = "mail"
	}
	return n.Command(nil, "external-system", "accept", s.id, "--fingerprint", s.pair.Fingerprint().String(), "--type", kind, "--yes")
}

// with connects as a system for one thing to do.
func (n *node) with(ctx context.Context, i int, do func(*caller) error) error {
	c, err := n.call(ctx, n.certs.systems[i], ordinary)
	if err != nil {
		return err
	}
	defer c.drop()
	return do(c)
}

// forget deletes what systems have there, whether it was scanned or not.
func (n *node) forget(ctx context.Context, systems ...int) error {
	for _, i := range systems {
		if err := n.with(ctx, i, (*caller).forget); err != nil {
			return err
		}
	}
	return nil
}

// from lists so many numbers.
func from(first, count int) []int {
	out := make([]int, count)
	for i := range out {
		out[i] = first + i
	}
	return out
}

// calls opens several kept connections, those of all systems in turns.
func (d door) calls(ctx context.Context, count int, systems ...*system) ([]*caller, error) {
	out := make([]*caller, count)
	err := load.Spread(ctx, 16, count, func(ctx context.Context, i int) (err error) {
		out[i], err = d.call(ctx, systems[i%len(systems)], ordinary)
		return err
	})
	if err != nil {
		dropAll(out)
		return nil, err
	}
	return out, nil
}

func dropAll(callers []*caller) {
	for _, c := range callers {
		if c != nil {
			c.drop()
		}
	}
}
