package emulink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Namespace is one end of a link: a network namespace with a name (ip-netns(8)).
// Any process may use it.
type Namespace struct {
	Name    string     `json:"name"`
	Address netip.Addr `json:"address"` // of its TUN device
}

// path is where iproute2 keeps the namespace.
func (n *Namespace) path() string { return filepath.Join(namespaces, n.Name) }

const namespaces = "/run/netns"

// Prefix is put in front of a command line to run it in the namespace. The
// process stays the command's own.
func (n *Namespace) Prefix() []string { return []string{"nsenter", "--net=" + n.path(), "--"} }

// Command is a command that runs in the namespace.
func (n *Namespace) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	line := append(n.Prefix(), append([]string{name}, args...)...)
	return exec.CommandContext(ctx, line[0], line[1:]...)
}

// Do calls f on a thread in the namespace: the sockets and devices that f makes
// are the namespace's and stay so. Goroutines that f starts are not in it.
func (n *Namespace) Do(f func() error) (err error) {
	runtime.LockOSThread()
	here, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open this thread's namespace: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Close(here)) }()
	there, err := unix.Open(n.path(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = errors.Join(unix.Setns(there, unix.CLONE_NEWNET), unix.Close(there))
	}
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter namespace %s: %w", n.Name, err)
	}
	defer func() {
		back := unix.Setns(here, unix.CLONE_NEWNET)
		if back == nil {
			runtime.UnlockOSThread() // or the thread ends with its goroutine
		}
		err = errors.Join(err, back)
	}()
	return f()
}

// DialContext connects from the namespace to an IP address, with a port where the
// network has ports.
func (n *Namespace) DialContext(ctx context.Context, network, address string) (c net.Conn, err error) {
	_, addrErr := netip.ParseAddr(address)
	if _, err := netip.ParseAddrPort(address); err != nil && addrErr != nil {
		return nil, err // names would be looked up elsewhere
	}
	err = n.Do(func() (err error) { c, err = new(net.Dialer).DialContext(ctx, network, address); return err })
	return c, err
}

// Listen listens in the namespace.
func (n *Namespace) Listen(network, address string) (l net.Listener, err error) {
	err = n.Do(func() (err error) { l, err = net.Listen(network, address); return err })
	return l, err
}

// ListenPacket listens in the namespace.
func (n *Namespace) ListenPacket(network, address string) (l net.PacketConn, err error) {
	err = n.Do(func() (err error) { l, err = net.ListenPacket(network, address); return err })
	return l, err
}

// Sysctl sets a parameter of the namespace, such as
// net.ipv4.tcp_congestion_control.
func (n *Namespace) Sysctl(key, value string) error {
	path := filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
	return n.Do(func() error {
		if err := os.WriteFile(path, []byte(value), 0); err != nil {
			return fmt.Errorf("set %s of %s to %s: %w", key, n.Name, value, err)
		}
		return nil
	})
}

// ip runs ip(8) with a line of arguments.
func ip(format string, a ...any) error {
	line := fmt.Sprintf(format, a...)
	if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", line, err, bytes.TrimSpace(out))
	}
	return nil
}

// make makes the namespace, with the loopback device up and without IPv6, whose
// own packets would be counted.
func (n *Namespace) make() error {
	if err := ip("netns add %s", n.Name); err != nil {
		return err
	}
	if err := errors.Join(n.Sysctl("net.ipv6.conf.all.disable_ipv6", "1"), ip("-n %s link set lo up", n.Name)); err != nil {
		return errors.Join(err, n.remove())
	}
	return nil
}

// join makes the namespace's end of the link.
func (n *Namespace) join(far netip.Addr) (fd int, err error) {
	if err := n.Do(func() (err error) { fd, err = openTUN(); return err }); err != nil {
		return -1, err
	}
	for _, line := range []string{
		// A queue that does not drop while the forwarder is kept from its work.
		fmt.Sprintf("-n %s link set %s mtu %d txqueuelen 10000", n.Name, device, packetSize),
		fmt.Sprintf("-n %s address add %s peer %s dev %s", n.Name, n.Address, far, device),
		fmt.Sprintf("-n %s link set %s up", n.Name, device),
	} {
		if err := ip("%s", line); err != nil {
			return -1, errors.Join(err, unix.Close(fd))
		}
	}
	return fd, nil
}

// remove removes the namespace's name. It is gone with the last who uses it.
func (n *Namespace) remove() error { return ip("netns delete %s", n.Name) }
