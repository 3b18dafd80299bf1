package main

import (
	"strings"
	"testing"
	"time"

	"vedette/internal/settings"
)

func TestTheDefaultsHaveNoFault(t *testing.T) {
	if faults := defaults().Validate(); len(faults) > 0 {
		t.Errorf("%q", faults)
	}
}

func TestEachFaultNamesItsKey(t *testing.T) {
	for key, spoil := range map[string]func(*config){
		"listen":                       func(c *config) { c.Listen = ":99999" },
		"ssh_listen":                   func(c *config) { c.SSHListen = "22" },
		"local_listen":                 func(c *config) { c.LocalListen = "192.0.2.1:9443" },
		"state_dir":                    func(c *config) { c.StateDir = "" },
		"socket":                       func(c *config) { c.Socket = "/" + strings.Repeat("x", 107) },
		"names":                        func(c *config) { c.Names = []string{"-bad-"} },
		"admin_password_file":          func(c *config) { c.AdminPasswordFile = "relative" },
		"log_level":                    func(c *config) { c.LogLevel = "" },
		"events.nats_url":              func(c *config) { c.Events.NATSURL = "localhost:4222" },
		"events.max_age":               func(c *config) { c.Events.MaxAge = 0 },
		"events.max_bytes":             func(c *config) { c.Events.MaxBytes = 1 },
		"web_listen":                   func(c *config) { c.WebListen = "8443" },
		"web.hosts":                    func(c *config) { c.Web.Hosts = []string{"https://cn"} },
		"web.idle":                     func(c *config) { c.Web.Idle = 1 },
		"web.lifetime":                 func(c *config) { c.Web.Lifetime = settings.Duration(time.Minute) },
		"scan.max_object_size":         func(c *config) { c.Scan.MaxObjectSize = 1023 },
		"scan.spool_quota":             func(c *config) { c.Scan.SpoolQuota = c.Scan.MaxObjectSize - 1 },
		"scan.in_flight":               func(c *config) { c.Scan.InFlight = 0 },
		"scan.in_flight_per_system":    func(c *config) { c.Scan.InFlightPerSystem = 0 },
		"scan.workers":                 func(c *config) { c.Scan.Workers = -1 },
		"scan.attempts":                func(c *config) { c.Scan.Attempts = 101 },
		"scan.timeout":                 func(c *config) { c.Scan.Timeout = settings.Duration(time.Millisecond) },
		"scan.retry_after":             func(c *config) { c.Scan.RetryAfter = 0 },
		"scan.keep_results":            func(c *config) { c.Scan.KeepResults = 0 },
		"scan.max_results":             func(c *config) { c.Scan.MaxResults = 99 },
		"scan.builtin.hashes":          func(c *config) { c.Scan.Builtin.Hashes = []string{"/a", "/b", "/a"} },
		"scan.builtin.rules":           func(c *config) { c.Scan.Builtin.Rules = []string{"rules"} },
		"scan.clamd.address":           func(c *config) { c.Scan.Clamd.Address = "/run/clamd.ctl" },
		"scan.clamd.max_file_size":     func(c *config) { c.Scan.Clamd.MaxFileSize = 2 << 30 },
		"scan.clamd.timeout":           func(c *config) { c.Scan.Clamd.Timeout = 1 },
		"scan.yara.rules":              func(c *config) { c.Scan.YARA.Rules = []string{""} },
		"scan.yara.program":            func(c *config) { c.Scan.YARA.Program = "bin/yara" },
		"scan.yara.compiler":           func(c *config) { c.Scan.YARA.Compiler = "" },
		"scan.yara.timeout":            func(c *config) { c.Scan.YARA.Timeout = 0 },
		"scan.yara.max_memory":         func(c *config) { c.Scan.YARA.MaxMemory = 1 << 20 },
		"stamp.listen":                 func(c *config) { c.Stamp.Listen = "443" },
		"stamp.unauthenticated":        func(c *config) { c.Stamp.Unauthenticated = []string{"192.0.2.1"} },
		"limits.connections":           func(c *config) { c.Limits.Connections = -1 },
		"limits.strangers":             func(c *config) { c.Limits.Strangers, c.Limits.StrangersPerAddress = 0, 0 },
		"limits.strangers_per_address": func(c *config) { c.Limits.StrangersPerAddress = 1 << 20 },
	} {
		c := defaults()
		spoil(&c)
		faults := c.Validate()
		if len(faults) == 0 || !strings.HasPrefix(faults[0], key+": ") {
			t.Errorf("%s: faults %q", key, faults)
		}
	}
}

func TestWhatIsFineHasNoFault(t *testing.T) {
	for name, set := range map[string]func(*config){
		"no local listener": func(c *config) { c.LocalListen = "" },
		"no web interface":  func(c *config) { c.WebListen = "" },
		"only the socket":   func(c *config) { c.SSHListen = "" },
		"SSH on one of all": func(c *config) { c.SSHListen = "[fd00::1]:2222" },
		"IPv6 loopback":     func(c *config) { c.LocalListen = "[::1]:9443" },
		"localhost":         func(c *config) { c.LocalListen = "localhost:9443" },
		"any free ports":    func(c *config) { c.Listen, c.SSHListen, c.LocalListen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0" },
		"names":             func(c *config) { c.Names = []string{"cn", "a-b.example.org", "192.0.2.1", "fd00::1"} },
		"a clamd by socket": func(c *config) { c.Scan.Clamd.Address = "unix:/run/clamav/clamd.ctl" },
		"a clamd by TCP":    func(c *config) { c.Scan.Clamd.Address = "tcp://[::1]:3310" },
		"a yara by path":    func(c *config) { c.Scan.YARA.Program = "/usr/local/bin/yara" },
		"one worker":        func(c *config) { c.Scan.Workers = 1 },
		"no reflector":      func(c *config) { c.Stamp.Listen = "off" },
		"a port for STAMP":  func(c *config) { c.Stamp.Listen = "192.0.2.1:862" },
		"foreign senders":   func(c *config) { c.Stamp.Unauthenticated = []string{"192.0.2.7/32", "10.0.0.0/8", "fd00::/16"} },
		"a NATS cluster":    func(c *config) { c.Events.NATSURL = "nats://a:4222, tls://b:4222" },
	} {
		c := defaults()
		set(&c)
		if faults := c.Validate(); len(faults) > 0 {
			t.Errorf("%s: %q", name, faults)
		}
	}
}

func TestAPortForTwoListenersIsAFault(t *testing.T) {
	for key, set := range map[string]func(*config){
		"local_listen: port 8442 is the one of listen":     func(c *config) { c.Listen, c.LocalListen = ":8442", "127.0.0.1:8442" },
		"web_listen: port 443 is the one of listen":        func(c *config) { c.WebListen = "192.0.2.1:443" },
		"web_listen: port 22 is the one of ssh_listen":     func(c *config) { c.WebListen = ":22" },
		"ssh_listen: port 443 is the one of listen":        func(c *config) { c.SSHListen = "192.0.2.1:443" },
		"local_listen: port 9443 is the one of ssh_listen": func(c *config) { c.SSHListen = ":9443" },
	} {
		c := defaults()
		set(&c)
		if faults := c.Validate(); len(faults) != 1 || faults[0] != key {
			t.Errorf("%q, want %q", faults, key)
		}
	}
}

func TestPasswordsInAddressesAreHidden(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "",
		"nats://h":                             "nats://h",
		"nats://u:p@h,tls://v:q@i":             "nats://u:xxxxx@h,tls://v:xxxxx@i",
		"nats://u:p%zz@h":                      "***",
		"nats://u:p@h, nats://broken:%zz@host": "nats://u:xxxxx@h,***",
	} {
		if got := redacted(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestAClamdIsAtASocketOrAtAPort(t *testing.T) {
	for address, want := range map[string]bool{
		"unix:/run/clamd.ctl": true, "tcp://127.0.0.1:3310": true, "tcp://clamd.example.org:3310": true,
		"unix:clamd.ctl": false, "unix:": false, "tcp://127.0.0.1": false, "tcp://:3310": false, "tcp://h:0": false, "tcp://h:http": false,
		"tcp://h:70000": false, "http://h:1": false, "127.0.0.1:3310": false,
	} {
		if isClamd(address) != want {
			t.Errorf("%q: %v", address, !want)
		}
	}
}

func TestForeignSendersAreNamedByNetworksOfTheirOwn(t *testing.T) {
	for network, says := range map[string]string{
		"192.0.2.1":            "is not a network",
		"":                     "is not a network",
		"::ffff:192.0.2.0/120": "is not a network",
		"192.0.2.1/24":         "is an address in a network: 192.0.2.0/24",
		"0.0.0.0/0":            "is larger than a /8",
		"2000::/3":             "is larger than a /16",
	} {
		c := defaults()
		c.Stamp.Unauthenticated = []string{network}
		if faults := c.Validate(); len(faults) != 1 || !strings.Contains(faults[0], says) {
			t.Errorf("%q: %q", network, faults)
		}
	}
	c := defaults()
	c.Stamp = stampConfig{Listen: "off", Unauthenticated: []string{"192.0.2.0/24"}}
	if faults := c.Validate(); len(faults) != 1 || !strings.HasPrefix(faults[0], "stamp.unauthenticated: nobody is answered") {
		t.Errorf("%q", faults)
	}
	c.Stamp = stampConfig{Unauthenticated: []string{"192.0.2.0/24", "192.0.2.0/24"}}
	if faults := c.Validate(); len(faults) != 1 || !strings.Contains(faults[0], "twice") {
		t.Errorf("%q", faults)
	}
	c.Stamp = stampConfig{Listen: "127.0.0.1:0", Unauthenticated: []string{"192.0.2.0/24", "fd00::/64"}}
	if n := c.Stamp.node(); n.Address != "127.0.0.1:0" || len(n.Unauthenticated) != 2 || n.Unauthenticated[1].String() != "fd00::/64" {
		t.Errorf("%+v", n)
	}
}
