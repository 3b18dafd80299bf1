package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestTheDefaultsHaveNoFault(t *testing.T) {
	if faults := defaults().Validate(); len(faults) > 0 {
		t.Errorf("%q", faults)
	}
}

func TestEachFaultNamesItsKey(t *testing.T) {
	for name, c := range map[string]struct {
		key   string
		spoil func(*config)
	}{
		"shared key":      {"listen", func(c *config) { c.Listen = ":99999" }},
		"long name":       {"name", func(c *config) { c.Name = strings.Repeat("x", 254) }},
		"hidden in name":  {"name", func(c *config) { c.Name = "a\u202eb" }},
		"no text as name": {"name", func(c *config) { c.Name = "\xff" }},
		"no ingress":      {"ingress_limit_mbit", func(c *config) { c.IngressLimitMbit = 0 }},
		"much ingress":    {"ingress_limit_mbit", func(c *config) { c.IngressLimitMbit = 1001 }},
		"no interface":    {"quality.span_interfaces", func(c *config) { c.Quality.SpanInterfaces = []string{"eth1", ""} }},
		"path":            {"quality.span_interfaces", func(c *config) { c.Quality.SpanInterfaces = []string{"../lo"} }},
		"folder above":    {"quality.span_interfaces", func(c *config) { c.Quality.SpanInterfaces = []string{".."} }},
		"long interface":  {"quality.span_interfaces", func(c *config) { c.Quality.SpanInterfaces = []string{"abcdefghijklmnop"} }},
		"interface twice": {"quality.span_interfaces", func(c *config) { c.Quality.SpanInterfaces = []string{"eth1", "eth2", "eth1"} }},
		"many interfaces": {"quality.span_interfaces", func(c *config) {
			for i := range 17 {
				c.Quality.SpanInterfaces = append(c.Quality.SpanInterfaces, fmt.Sprint("eth", i))
			}
		}},
		"less capacity":  {"quality.channel_capacity_mbit", func(c *config) { c.Quality.ChannelCapacityMbit = -1 }},
		"much capacity":  {"quality.channel_capacity_mbit", func(c *config) { c.Quality.ChannelCapacityMbit = 1_000_001 }},
		"no port":        {"quality.reflector", func(c *config) { c.Quality.Reflector = "reflector.example.com" }},
		"port 0":         {"quality.reflector", func(c *config) { c.Quality.Reflector = "192.0.2.1:0" }},
		"reflector here": {"quality.reflector", func(c *config) { c.Quality.Reflector = ":862" }},
		"shared limit":   {"limits.connections", func(c *config) { c.Limits.Connections = 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := defaults()
			c.spoil(&cfg)
			faults := cfg.Validate()
			if len(faults) != 1 || !strings.HasPrefix(faults[0], c.key+": ") {
				t.Errorf("faults %q", faults)
			}
		})
	}
}

func TestANameInAnyScriptIsFine(t *testing.T) {
	c := defaults()
	c.Name = "Филиал 7, München"
	if faults := c.Validate(); len(faults) > 0 {
		t.Errorf("%q", faults)
	}
}

func TestTheQualityTableIsTaken(t *testing.T) {
	c := defaults()
	c.Quality = measuring{SpanInterfaces: []string{"eth1", "enp3s0f1.100"}, ChannelCapacityMbit: 200, Reflector: "[2001:db8::1]:862"}
	if faults := c.Validate(); len(faults) > 0 {
		t.Errorf("%q", faults)
	}
}
