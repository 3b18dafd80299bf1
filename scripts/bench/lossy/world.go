package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"vedette/scripts/bench/load"
	"vedette/scripts/bench/site"
	"vedette/scripts/emulink"
)

// Congestion controls that peers have their turns with.
const (
	cubic = "cubic" // of a stock Debian
	bbr   = "bbr"
)

// ours is the subject that aims are about.
const ours = site.Sensor

// kinds are the subjects that there are. A peer's name ends in its congestion
// control.
var kinds = []string{
	ours, site.HAProxy + "-" + bbr, site.HAProxy + "-" + cubic, site.Nginx + "-" + bbr, site.Nginx + "-" + cubic,
	site.Stunnel + "-" + bbr, site.Stunnel + "-" + cubic,
}

// linkCommand is the first argument of the process that is the link.
const linkCommand = "serve-link"

// world is a link, a Central Node on its far side, and subjects on the near one.
type world struct {
	options
	link    *emulink.Link
	central *site.Central
	running map[string]*site.Subject // by program
	// left are the peers' ends of connections of turns before: where a proxy has
	// given one up, its last bytes may be lost for half a minute. Nothing of this
	// turn is on them, for each agent connection has its own.
	left map[netip.AddrPort]bool
}

// newWorld makes and validates the link before it starts what uses it, so that
// nobody knows it other than it is.
func newWorld(ctx context.Context, certs *site.Certificates, as emulink.Options, o options) (_ *world, err error) {
	w := &world{options: o, running: make(map[string]*site.Subject)}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.end())
		}
	}()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, linkCommand)
	cmd.Stderr = os.Stderr
	if w.link, err = emulink.Start(cmd, as); err != nil {
		return nil, err
	}
	if err := w.link.Validate(ctx, emulink.Tolerance{Delay: 2 * time.Millisecond}); err != nil {
		return nil, err
	}
	if err := w.control(cubic); err != nil {
		return nil, err
	}
	if w.central, err = site.StartCentral(certs, site.Place{Host: w.link.B.Address.String(), Prefix: w.link.B.Prefix()}); err != nil {
		return nil, err
	}
	set := site.Setting{
		Certificates: certs, Central: w.central, Bin: o.Bin,
		At:   site.Place{Host: "127.0.0.1", Prefix: w.link.A.Prefix()},
		Dial: w.link.A.DialContext,
	}
	for _, name := range o.Subjects {
		program, _, _ := strings.Cut(name, "-")
		if w.running[program] != nil {
			continue
		}
		s, err := set.Start(ctx, program)
		if err != nil {
			return nil, err
		}
		w.running[program] = s
	}
	return w, nil
}

// control sets the congestion control of all connections to come that do not
// choose theirs.
func (w *world) control(name string) error {
	return errors.Join(w.link.A.Congestion(name), w.link.B.Congestion(name))
}

// A connection has what its ends ask for only after its TLS handshake, which
// over the worst link takes a second or two.
const (
	inForceTries = 8
	inForceAgain = 500 * time.Millisecond
)

// leave notes what connections of a peer are left of turns before.
func (w *world) leave(ctx context.Context, s *site.Subject) error {
	w.left = make(map[netip.AddrPort]bool)
	if s.Name == ours {
		return nil // whose link is the same in all turns
	}
	near, err := w.near(ctx, s)
	for _, c := range near {
		w.left[c.Local] = true
	}
	return err
}

// near are the connections of the subject's processes over the link.
func (w *world) near(ctx context.Context, s *site.Subject) ([]emulink.Connection, error) {
	children, err := s.Proxy.Children()
	if err != nil {
		return nil, err
	}
	return w.link.A.Connections(ctx, append(children, s.Proxy.PID())...)
}

// inForce checks at both ends that all connections of the subject have the
// congestion control that they should.
func (w *world) inForce(ctx context.Context, s *site.Subject, want string) (err error) {
	for range inForceTries {
		if err = w.compare(ctx, s, want); err == nil {
			return nil
		}
		if err := load.Pause(ctx, inForceAgain); err != nil {
			return err
		}
	}
	return err
}

// compare checks all connections of the subject's turn as they are now.
func (w *world) compare(ctx context.Context, s *site.Subject, want string) error {
	near, err := w.near(ctx, s)
	if err != nil {
		return err
	}
	near = slices.DeleteFunc(near, func(c emulink.Connection) bool { return w.left[c.Local] })
	far, err := w.link.B.Connections(ctx)
	if err != nil {
		return err
	}
	for _, c := range near {
		// An end whose other end is gone (a reset may be lost) has no say.
		for _, f := range far {
			if f.Remote == c.Local && f.Congestion != want {
				return fmt.Errorf("%s has %s from %s, not %s", s.Name, f.Congestion, f.Local, want)
			}
		}
		if c.Congestion != want {
			return fmt.Errorf("%s has %s to %s, not %s", s.Name, c.Congestion, c.Remote, want)
		}
	}
	if len(near) == 0 {
		return fmt.Errorf("%s has no connection over the link", s.Name)
	}
	return nil
}

// end ends all processes and the link.
func (w *world) end() error {
	var errs []error
	for _, s := range w.running {
		errs = append(errs, s.End())
	}
	if w.central != nil {
		errs = append(errs, w.central.End())
	}
	if w.link != nil {
		errs = append(errs, w.link.Close())
	}
	return errors.Join(errs...)
}
