package site

import (
	"context"
	"errors"
	"os"

	"vedette/pki"
	"vedette/scripts/bench/daemon"
)

// startSensor runs the real Sensor, points it at the Central Node by its own
// commands, and has it accepted.
func startSensor(ctx context.Context, program string, c *Certificates, n *Central, at Place) (_ *daemon.Daemon, err error) {
	dir, err := os.MkdirTemp(c.dir, "s")
	if err != nil {
		return nil, err
	}
	d, err := daemon.New(daemon.Options{
		Program: program, Dir: dir, Prefix: at.prefix(),
		Settings: "unsafe_same_server = true\n",
	})
	if err != nil {
		return nil, err
	}
	if err := d.Start(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.End())
		}
	}()
	var identity pki.Fingerprint
	if identity, err = d.Join(n.Address, c.Central.Fingerprint()); err != nil {
		return nil, err
	}
	if err := n.Accept(identity); err != nil {
		return nil, err
	}
	if err := d.Carries(ctx); err != nil {
		return nil, err
	}
	// A first start hashes a password, and the memory for that would be taken
	// for what the Sensor needs.
	if err := d.End(); err != nil {
		return nil, err
	}
	if err := d.Start(ctx); err != nil {
		return nil, err
	}
	return d, d.Carries(ctx)
}
