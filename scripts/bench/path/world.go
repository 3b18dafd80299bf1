package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"vedette/pki"
	"vedette/scripts/bench/daemon"
	"vedette/scripts/bench/load"
	"vedette/scripts/bench/process"
)

// What all subjects share, so that they do the same work.
const (
	cores = 2 // for each subject and for the Central Node, the same ones
	suite = "TLS_AES_128_GCM_SHA256"
	group = "X25519"
)

// confined is put in front of the command lines of subjects and Central Node on
// machines with more cores than these may use.
func confined() []string {
	if runtime.NumCPU() <= cores {
		return nil
	}
	return []string{"taskset", "-c", fmt.Sprintf("0-%d", cores-1)}
}

// confine is a command whose process may use only these cores.
func confine(program string, args ...string) *exec.Cmd {
	line := append(confined(), append([]string{program}, args...)...)
	return exec.Command(line[0], line[1:]...)
}

// subject is a way from agents to the Central Node.
type subject struct {
	name    string
	address string
	pin     pki.Fingerprint // of what it shows
	// proxy is what stands between, nil when nothing does.
	proxy *process.Process
	ids   identities
}

// world is a Central Node and the subjects that lead to it.
type world struct {
	certs    *certificates
	central  *central
	subjects []*subject
	size     float64 // of the loads: 1 is the usual
}

// kinds are the subjects that there are.
var kinds = []string{"direct", "haproxy", "nginx", ours}

func newWorld(ctx context.Context, certs *certificates, names []string, o options) (_ *world, err error) {
	w := &world{certs: certs, size: o.size}
	if w.central, err = startCentral(certs); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := w.add(ctx, name, o); err != nil {
			return nil, errors.Join(fmt.Errorf("set up %s: %w", name, err), w.end())
		}
	}
	return w, nil
}

func (w *world) add(ctx context.Context, name string, o options) (err error) {
	s := &subject{name: name, address: w.central.address}
	s.pin = w.certs.front.Fingerprint()
	switch name {
	case "direct":
		s.pin = w.certs.central.Fingerprint()
	case "haproxy":
		s.proxy, s.address, err = startHAProxy(w.certs, w.central.address)
	case "nginx":
		s.proxy, s.address, err = startNginx(w.certs, w.central.address)
	case ours:
		var d *daemon.Daemon
		if d, err = startSensor(ctx, filepath.Join(o.bin, "sensor"), w.certs, w.central); err == nil {
			s.proxy, s.address, s.pin = d.Process, d.Address, d.Pin
		}
	default:
		err = errors.New("there is no such subject")
	}
	if err != nil {
		return err
	}
	w.subjects = append(w.subjects, s)
	s.ids = identitiesOf(s.pin, w.certs.agents...)
	return s.arrive(ctx)
}

// arrive waits until the subject carries.
func (s *subject) arrive(ctx context.Context) error {
	for deadline := time.Now().Add(20 * time.Second); ; {
		a, err := s.ids.dial(ctx, s.address, 0)
		if err == nil {
			_, err = a.post(smallBody, filler)
			a.drop()
		}
		if err == nil || time.Now().After(deadline) {
			return err
		}
		if err := load.Pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// warm sends a little of everything through each subject, so that no turn is
// the first.
func (w *world) warm(ctx context.Context) error {
	for _, s := range w.subjects {
		agents, err := fleet(ctx, s.ids, s.address, 64)
		if err != nil {
			return err
		}
		err = load.Spread(ctx, len(agents), len(agents), func(_ context.Context, i int) error {
			_, err := agents[i].post(1<<20, filler)
			return err
		})
		disband(agents)
		if err != nil {
			return fmt.Errorf("warm up %s: %w", s.name, err)
		}
	}
	return nil
}

// end ends all processes.
func (w *world) end() error {
	var errs []error
	for _, s := range w.subjects {
		if s.proxy != nil {
			errs = append(errs, s.proxy.End())
		}
	}
	return errors.Join(append(errs, w.central.End())...)
}

// filler is the content of all bodies. It is larger than a record.
var filler = load.Noise(4 * record)
