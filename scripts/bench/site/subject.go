package site

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
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
	Cores = 2 // for each subject and for the Central Node, the same ones
	Suite = "TLS_AES_128_GCM_SHA256"
	Group = "X25519"
)

// Place is where a process runs.
type Place struct {
	Host   string   // the address that it listens on
	Prefix []string // put in front of its command line
}

// Here is this network namespace, and loopback.
var Here = Place{Host: "127.0.0.1"}

// prefix also confines a process on machines with more cores than it may use.
func (p Place) prefix() []string {
	line := append([]string(nil), p.Prefix...)
	if runtime.NumCPU() > Cores {
		line = append(line, "taskset", "-c", fmt.Sprintf("0-%d", Cores-1))
	}
	return line
}

// Command is a command whose process runs there, on these cores.
func (p Place) Command(program string, args ...string) *exec.Cmd {
	line := append(p.prefix(), append([]string{program}, args...)...)
	return exec.Command(line[0], line[1:]...)
}

// Subject is a way from agents to the Central Node.
type Subject struct {
	Name    string
	Address string
	Pin     pki.Fingerprint // of what it shows
	// Proxy is what stands between, nil when nothing does.
	Proxy *process.Process

	dial       Dialer
	identities []*tls.Config // of the agents' leaves
}

// The subjects that there are.
const (
	Direct  = "direct"
	HAProxy = "haproxy"
	Nginx   = "nginx"
	Stunnel = "stunnel"
	Sensor  = "sensor"
)

// Setting is what a subject is set up for.
type Setting struct {
	Certificates *Certificates
	Central      *Central
	At           Place  // of the subject
	Dial         Dialer // of the agents; nil: from this process's namespace
	Bin          string // folder of the binaries
}

// Start runs a subject and waits until it carries agents.
func (g Setting) Start(ctx context.Context, name string) (_ *Subject, err error) {
	c := g.Certificates
	s := &Subject{Name: name, Address: g.Central.Address, Pin: c.Front.Fingerprint(), dial: g.Dial}
	if s.dial == nil {
		s.dial = new(net.Dialer).DialContext
	}
	switch name {
	case Direct:
		s.Pin = c.Central.Fingerprint()
	case HAProxy:
		s.Proxy, s.Address, err = startHAProxy(c, g.Central.Address, g.At)
	case Nginx:
		s.Proxy, s.Address, err = startNginx(c, g.Central.Address, g.At)
	case Stunnel:
		s.Proxy, s.Address, err = startStunnel(c, g.Central.Address, g.At)
	case Sensor:
		var d *daemon.Daemon
		if d, err = startSensor(ctx, filepath.Join(g.Bin, "sensor"), c, g.Central, g.At); err == nil {
			s.Proxy, s.Address, s.Pin = d.Process, d.Address, d.Pin
		}
	default:
		err = errors.New("there is no such subject")
	}
	if err != nil {
		return nil, fmt.Errorf("set up %s: %w", name, err)
	}
	for _, p := range c.Agents {
		s.identities = append(s.identities, load.Client(s.Pin, p))
	}
	if err := s.arrive(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("set up %s: %w", name, err), s.End())
	}
	return s, nil
}

// arrive waits until the subject carries.
func (s *Subject) arrive(ctx context.Context) error {
	for deadline := time.Now().Add(20 * time.Second); ; {
		a, err := s.Connect(ctx, 0)
		if err == nil {
			_, err = a.Post(SmallBody, Filler)
			a.Drop()
		}
		if err == nil || time.Now().After(deadline) {
			return err
		}
		if err := load.Pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// End ends what stands between.
func (s *Subject) End() error {
	if s.Proxy == nil {
		return nil
	}
	return s.Proxy.End()
}
