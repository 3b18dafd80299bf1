package policy

import (
	"strconv"
	"strings"

	"vedette/internal/settings"
	"vedette/pki"
)

// values spells out what is in force; certificates by their fingerprints.
func values(l *Layer, p *Policy, origins map[string]string) []Value {
	var list []Value
	add := func(key, value string) {
		list = append(list, Value{Key: key, Value: value, Origin: origin(origins, key)})
	}
	add("under_policy", strconv.FormatBool(p.UnderPolicy))
	add("enabled", strconv.FormatBool(p.Enabled))
	from := "servers"
	if l.Servers == nil {
		from = "address"
	}
	list = append(list, Value{Key: "servers", Value: strings.Join(p.Servers, ";"), Origin: origin(origins, from)})
	add("use_pinned_certificate", strconv.FormatBool(p.UsePinned))
	pin := ""
	if !p.Pin.IsZero() {
		pin = p.Pin.String()
	}
	add("certificate", pin)
	client := ""
	if p.Client != nil {
		client = pki.FingerprintOf(p.Client.Leaf().Raw).String()
	}
	add("client_certificate", client)
	add("timeout", settings.Duration(p.Timeout).String())
	add("sync_period", settings.Duration(p.SyncPeriod).String())
	add("compression", strconv.FormatBool(p.Compression))
	add("ttl_enabled", strconv.FormatBool(p.TTLEnabled))
	add("ttl_period", settings.Duration(p.TTLPeriod).String())
	add("throttling", strconv.FormatBool(p.Throttling))
	add("throttling_events_per_hour", strconv.Itoa(p.EventsPerHour))
	add("throttling_excess_percent", strconv.Itoa(p.ExcessPercent))
	return list
}
