package main

import (
	"context"
	"strings"
	"time"

	"vedette/scripts/bench/load"
	"vedette/scripts/bench/report"
)

// pages are those that are measured; HOST stands for one of the hosts.
var pages = []struct{ name, path, about string }{
	{"dashboard", "/", "what needs a person, and the trends"},
	{"agents", "/endpoint-agents", "the table of Endpoint Agents, first page"},
	{"agents-find", "/endpoint-agents?text=host-149", "the same, searched"},
	{"host", "/endpoint-agents/HOST", "one host with its newest events"},
	{"certificates", "/settings/certificates", "the certificates, first page of those of Endpoint Agents"},
	{"filtered", "/settings/certificates?fingerprint=ab&serial=1", "the same, filtered by both columns"},
	{"last", "/settings/certificates?from=14950", "the same, last page"},
	{"events", "/events", "the newest events"},
	{"events-find", "/events?text=curl", "the same, searched for what is there"},
	{"events-none", "/events?text=occurs-nowhere", "the same, searched for what is not there: everything that is kept is read, up to the bound"},
	{"alerts", "/alerts", "alerts"},
	{"sensors", "/sensor-servers", "Sensor servers"},
	{"systems", "/external-systems", "external systems"},
	{"audit", "/audit", "the newest audit records"},
	{"accounts", "/settings/accounts", "accounts"},
}

// begin gives the turns of one page.
func (w *world) begin(ctx context.Context, p struct{ name, path, about string }, o options) (report.Turn, error) {
	path := strings.ReplaceAll(p.path, "HOST", w.host)
	first, err := w.browser.get(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := w.static.serve(first); err != nil {
		return nil, err
	}
	return func(subject string) (map[string]float64, error) {
		b, path := w.browser, path
		values := make(map[string]float64)
		if subject == static {
			b, path = w.static.browser, staticPath
		} else {
			n, err := b.bytes(ctx, path)
			if err != nil {
				return nil, err
			}
			values["bytes"] = float64(n) / 1024
		}
		took := make([]time.Duration, o.requests)
		for i := range took {
			answer, err := b.get(ctx, path)
			if err != nil {
				return nil, err
			}
			took[i] = answer.took
		}
		values["p50"], values["p95"] = load.P95(took)
		return values, nil
	}, nil
}
