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
		"shared limit":    {"limits.connections", func(c *config) { c.Limits.Connections = 0 }},
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
