package main

import (
	"strings"
	"testing"
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
		"only the socket":   func(c *config) { c.SSHListen = "" },
		"SSH on one of all": func(c *config) { c.SSHListen = "[fd00::1]:2222" },
		"IPv6 loopback":     func(c *config) { c.LocalListen = "[::1]:9443" },
		"localhost":         func(c *config) { c.LocalListen = "localhost:9443" },
		"any free ports":    func(c *config) { c.Listen, c.SSHListen, c.LocalListen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0" },
		"names":             func(c *config) { c.Names = []string{"cn", "a-b.example.org", "192.0.2.1", "fd00::1"} },
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
		"local_listen: port 8443 is the one of listen":     func(c *config) { c.Listen, c.LocalListen = ":8443", "127.0.0.1:8443" },
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
