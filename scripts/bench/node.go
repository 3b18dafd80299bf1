package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"vedette/agent/simulate"
	"vedette/scripts/bench/daemon"
)

// node is a Central Node under measurement, with the Sensors that were added.
type node struct {
	*daemon.Daemon
	sensors []*daemon.Daemon
}

// settings of both daemons. All agents come from one address here.
const settings = "unsafe_same_server = true\n[limits]\nstrangers_per_address = 4096\n"

// startNode runs a Central Node with a fresh state folder. The prefix is put
// in front of its command line.
func (b *bench) startNode(ctx context.Context, prefix ...string) (*node, error) {
	d, err := b.daemon("centralnode", prefix...)
	if err != nil {
		return nil, err
	}
	return &node{Daemon: d}, d.Start(ctx)
}

func (b *bench) daemon(name string, prefix ...string) (*daemon.Daemon, error) {
	dir, err := os.MkdirTemp(b.dir, name[:1])
	if err != nil {
		return nil, err
	}
	return daemon.New(daemon.Options{Program: filepath.Join(b.bin, name), Dir: dir, Prefix: prefix, Settings: settings})
}

// addSensor runs a Sensor and has it accepted.
func (b *bench) addSensor(ctx context.Context, n *node) error {
	s, err := b.daemon("sensor")
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	n.sensors = append(n.sensors, s)
	identity, err := s.Join(n.Address, n.Pin)
	if err != nil {
		return err
	}
	if err := n.Command(nil, "sensor", "accept", identity.String(), "--yes"); err != nil {
		return err
	}
	return s.Carries(ctx)
}

// afresh starts the Central Node and its Sensors again. A first start hashes a
// password, and the memory for that would be taken for what they need.
func (n *node) afresh(ctx context.Context) error {
	if err := n.End(); err != nil {
		return err
	}
	if err := n.Start(ctx); err != nil {
		return err
	}
	for _, s := range n.sensors {
		if err := s.Start(ctx); err != nil {
			return err
		}
		if err := s.Carries(ctx); err != nil {
			return err
		}
	}
	return nil
}

// End ends the Sensors and the Central Node.
func (n *node) End() error {
	var errs []error
	for _, s := range n.sensors {
		errs = append(errs, s.End())
	}
	return errors.Join(append(errs, n.Daemon.End())...)
}

// fleet is agents that connect to the Central Node, or to its Sensors where
// there are any.
func (n *node) fleet(agents int) simulate.Config {
	c := simulate.Config{
		Agents: agents, Servers: []string{n.Address}, Pin: n.Pin, EventsPerPackage: 32,
		Timeout: time.Minute, Log: slog.New(slog.DiscardHandler),
	}
	if len(n.sensors) > 0 {
		c.Servers, c.Insecure = nil, true // each Sensor shows a certificate of its own
		for _, s := range n.sensors {
			c.Servers = append(c.Servers, s.Address)
		}
	}
	return c
}
