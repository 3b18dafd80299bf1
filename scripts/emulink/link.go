package emulink

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Options are how a link begins.
type Options struct {
	Forth Direction `json:"forth"` // from A to B
	Back  Direction `json:"back"`  // from B to A
}

// Link is two namespaces and what is between them.
type Link struct {
	A, B *Namespace
	way  way

	mu  sync.Mutex
	now Options
}

// way is what carries packets: forwarders here or in a child.
type way interface {
	set(Options) error
	counts() (forth, back Counts, err error)
	close() error
}

// New makes a link whose forwarders run in this process.
func New(o Options) (_ *Link, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	a, b, err := claim()
	if err != nil {
		return nil, fmt.Errorf("make the namespaces of a link: %w", err)
	}
	w := &here{ends: []*Namespace{a, b}}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	for i, n := range w.ends {
		fd, err := n.join(w.ends[1-i].Address)
		if err != nil {
			return nil, fmt.Errorf("make the end of a link: %w", err)
		}
		w.fds = append(w.fds, fd)
	}
	for i, as := range []Direction{o.Forth, o.Back} {
		f, err := newForwarder(w.fds[i], w.fds[1-i], as)
		if err != nil {
			return nil, err
		}
		w.forwarders = append(w.forwarders, f)
		w.running.Go(func() { w.errs[i] = f.run() })
	}
	return &Link{A: a, B: b, way: w, now: o}, nil
}

func (o Options) check() error {
	var errs []error
	for name, d := range map[string]Direction{"forth": o.Forth, "back": o.Back} {
		if err := d.check(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// Set changes the link while it runs. What is under way stays as it is.
func (l *Link) Set(o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = o
	return l.way.set(o)
}

// Options are how the link is now.
func (l *Link) Options() Options {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// Counts is what happened so far from A to B and back.
func (l *Link) Counts() (forth, back Counts, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.way.counts()
}

// Close ends the link and removes its namespaces. Processes in them should have
// ended before.
func (l *Link) Close() error { return l.way.close() }

// here is a way in this process.
type here struct {
	ends       []*Namespace
	fds        []int
	forwarders []*forwarder
	running    sync.WaitGroup
	errs       [2]error // of forwarders, after running
}

func (w *here) set(o Options) error {
	for i, d := range []Direction{o.Forth, o.Back} {
		w.forwarders[i].set(d)
	}
	return nil
}

func (w *here) counts() (forth, back Counts, err error) {
	return w.forwarders[0].counts.read(), w.forwarders[1].counts.read(), nil
}

func (w *here) close() error {
	var errs []error
	for _, f := range w.forwarders {
		errs = append(errs, f.stop())
	}
	w.running.Wait()
	errs = append(errs, w.errs[:]...)
	for _, f := range w.forwarders {
		errs = append(errs, unix.Close(f.wake))
	}
	for _, fd := range w.fds {
		errs = append(errs, unix.Close(fd))
	}
	for _, n := range w.ends {
		errs = append(errs, n.remove())
	}
	return errors.Join(errs...)
}
