package main

import (
	"context"

	"vedette/internal/acts"
)

// fakeHosts are the fake's hosts; fakeAdmin.mu guards them.
type fakeHosts struct {
	filter     acts.HostFilter
	thresholds acts.ActivityThresholds
}

var someHosts = []acts.Host{{AgentID: "0b", Name: "web2", Way: "0102030405060708", Sensor: "branch\x1b", Activity: acts.CriticalInactivity, FirstContact: epoch, LastContact: epoch}, {
	AgentID: "0a", Name: "web\u202e1", Addresses: []string{"192.0.2.1", "fd00::1"}, OSName: "Debian", OSVersion: "12", AgentVersion: "1", Way: "direct",
	Remote: "192.0.2.1:5000", Certificate: fingerprint(1), Activity: acts.NormalActivity, FirstContact: epoch, LastContact: epoch, Connected: true,
	Conflict: "two installations use this id", Dropped: map[string]uint64{"queue full": 2, "too large": 1},
}}

func (f *fakeAdmin) Hosts(_ context.Context, _ acts.Actor, filter acts.HostFilter) (acts.HostList, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hosts.filter = filter
	if filter.Text == "none" {
		return acts.HostList{}, nil
	}
	return acts.HostList{Hosts: someHosts, Total: 2, Matching: 2}, nil
}

func (f *fakeAdmin) Host(_ context.Context, _ acts.Actor, agentID string) (acts.Host, error) {
	for _, h := range someHosts {
		if h.AgentID == agentID {
			return h, nil
		}
	}
	return acts.Host{}, &acts.Error{Code: acts.NotFound, Text: "there is no such host"}
}

func (f *fakeAdmin) Activity(context.Context, acts.Actor) (acts.ActivityThresholds, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hosts.thresholds, nil
}

func (f *fakeAdmin) PreviewSetActivity(_ context.Context, _ acts.Actor, in acts.SetActivity) (acts.Preview, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return acts.Preview{Act: acts.ActSetActivity, Lines: []string{"Warning: 3 hosts (now: 4)."}, Revision: f.revision}, nil
}

func (f *fakeAdmin) SetActivity(_ context.Context, _ acts.Actor, in acts.SetActivity) (acts.ActivityThresholds, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hosts.thresholds = acts.ActivityThresholds(in)
	return f.hosts.thresholds, nil
}
