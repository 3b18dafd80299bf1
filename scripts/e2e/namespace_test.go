package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// site is network namespaces that stand for servers: agents in the initial one,
// where the kernel's process events come, a Sensor and a Central Node each in
// its own.
//
//	initial 10.92.1.1 -- 10.92.1.2 sensor 10.92.2.1 -- 10.92.2.2 central node
type site struct{ sensor, node string }

// The addresses of the two servers.
const (
	siteSensor = "10.92.1.2"
	siteNode   = "10.92.2.2"
	// Where the Central Node sees the Sensor.
	siteForwarded = "10.92.2.1"
)

// newSite makes the namespaces and removes them with the test.
func newSite(t testing.TB) *site {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("network namespaces need root")
		}
		t.Skip("network namespaces need root")
	}
	tag := fmt.Sprintf("v%d", os.Getpid()%100000)
	s := &site{sensor: tag + "s", node: tag + "c"}
	t.Cleanup(func() {
		for _, name := range []string{s.sensor, s.node} {
			_ = exec.Command("ip", "netns", "delete", name).Run() // with its interfaces
		}
	})
	outer, inner := tag+"a", tag+"b"
	middle, far := tag+"d", tag+"e"
	for _, line := range []string{
		"netns add " + s.sensor,
		"netns add " + s.node,
		"netns exec " + s.sensor + " sysctl -q net.ipv6.conf.all.disable_ipv6=1",
		"netns exec " + s.node + " sysctl -q net.ipv6.conf.all.disable_ipv6=1",
		"link add " + outer + " type veth peer name " + inner,
		"link set " + inner + " netns " + s.sensor,
		"address add 10.92.1.1/30 dev " + outer,
		"link set " + outer + " up",
		"-n " + s.sensor + " link set lo up",
		"-n " + s.sensor + " address add " + siteSensor + "/30 dev " + inner,
		"-n " + s.sensor + " link set " + inner + " up",
		"-n " + s.sensor + " link add " + middle + " type veth peer name " + far,
		"-n " + s.sensor + " link set " + far + " netns " + s.node,
		"-n " + s.sensor + " address add 10.92.2.1/30 dev " + middle,
		"-n " + s.sensor + " link set " + middle + " up",
		"-n " + s.node + " link set lo up",
		"-n " + s.node + " address add " + siteNode + "/30 dev " + far,
		"-n " + s.node + " link set " + far + " up",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", line, err, out)
		}
	}
	return s
}

// routed lets the servers and the initial namespace reach one another.
func (s *site) routed(t testing.TB) {
	t.Helper()
	for _, line := range []string{
		"ip netns exec " + s.sensor + " sysctl -q net.ipv4.ip_forward=1",
		"ip route add 10.92.2.0/30 via " + siteSensor, // it goes with the interface
		"ip -n " + s.node + " route add 10.92.1.0/30 via 10.92.2.1",
	} {
		words := strings.Fields(line)
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", line, err, out)
		}
	}
}

// in is a command line's beginning that runs the rest in a namespace.
func in(name string) []string { return []string{"ip", "netns", "exec", name} }
