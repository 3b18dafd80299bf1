package agent

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"

	"vedette/agent/collect"
	"vedette/agent/uplink"
	"vedette/internal/health"
	agentv1 "vedette/proto/agent/v1"
)

// events counts what the collector told since the start.
type events struct {
	starts, exits, notices uint64
	incomplete             uint64 // of starts
}

func (e *events) add(event *agentv1.Event) {
	switch {
	case event.GetProcessStart() != nil:
		e.starts++
		if event.GetProcessStart().Incomplete {
			e.incomplete++
		}
	case event.GetProcessExit() != nil:
		e.exits++
	default:
		e.notices++
	}
}

// listen serves health and metrics when a local address is configured. Without
// one they cost nothing.
func (a *Agent) listen() (err error) {
	if a.config.LocalListen == "" {
		return nil
	}
	a.local, err = health.Listen(a.config.LocalListen, a.parts(), a.gauges(), a.counters()...)
	if err == nil {
		a.local.Add(a.families()...)
	}
	return err
}

// LocalAddress is where health and metrics are served, nil when nowhere.
func (a *Agent) LocalAddress() net.Addr {
	if a.local == nil {
		return nil
	}
	return a.local.Addr()
}

// parts are what the agent needs to deliver events.
func (a *Agent) parts() []health.Part {
	return []health.Part{
		{Name: "settings", Trouble: func() string { return a.Status().SettingsFault }},
		{Name: "queue", Trouble: func() string { return a.Status().Queue.Fault }},
		{Name: "server", Trouble: func() string {
			s := a.Status()
			if !s.Enabled || s.Connection.Code == uplink.CodeConnected {
				return "" // an agent that is turned off does what it should
			}
			return fmt.Sprintf("%s (%s)", s.Connection.Text, s.Connection.Code)
		}},
	}
}

func (a *Agent) gauges() []health.Gauge {
	return []health.Gauge{
		{Name: "queue_packages", Help: "Packages that wait for the Central Node.", Read: func() float64 { return float64(a.queue.Stats().Packages) }},
		{Name: "queue_bytes", Help: "What they take on disk.", Read: func() float64 { return float64(a.queue.Stats().Bytes) }},
		{Name: "queue_limit_bytes", Help: "What they may take on disk.", Read: func() float64 { return float64(a.config.Queue.MaxSize) }},
		{Name: "queue_unsaved_packages", Help: "Packages in memory only, because the disk takes no more.", Read: func() float64 { return float64(a.queue.Stats().Unsaved) }},
		{Name: "enabled", Help: "1 while events are collected and sent.", Read: func() float64 { return oneIf(a.Status().Enabled) }},
		{Name: "server_up", Help: "1 while the server answers and takes packages.", Read: func() float64 { return oneIf(a.Status().Connection.Code == uplink.CodeConnected) }},
		{Name: "collector_kernel", Help: "1 while the kernel tells of processes, 0 while /proc is read again and again.", Read: func() float64 { return oneIf(a.Status().Collector == collect.NameConnector) }},
		{Name: "clock_offset_seconds", Help: "The server's clock less this host's, at the last synchronisation.", Read: func() float64 { return a.Status().Connection.ClockOffset.Seconds() }},
		{Name: "package_latency_seconds", Help: "From sending the last package to the word that it is durable.", Read: func() float64 { return a.delivery().Last.Seconds() }},
	}
}

func (a *Agent) counters() []health.Counter {
	return []health.Counter{
		{Name: "incomplete_starts_total", Help: "Process starts since the start of which details could not be read.", Read: func() float64 { return float64(a.pipe.counted().incomplete) }},
		{Name: "suppressed_starts_total", Help: "Repeated process starts that were not sent, over the life of the installation.", Read: func() float64 { return float64(a.Status().Suppressed) }},
		{Name: "packages_sent_total", Help: "Packages that the server made durable, since the settings were read.", Read: func() float64 { return float64(a.delivery().Packages) }},
		{Name: "package_wait_seconds_total", Help: "Time from sending these packages to the word that they are durable.", Read: func() float64 { return a.delivery().Waited.Seconds() }},
	}
}

func (a *Agent) families() []health.Family {
	return []health.Family{
		{Name: "collected_events_total", Help: "Events since the start, by kind.", Labels: []string{"kind"}, Counter: true, Read: func(give func(float64, ...string)) {
			e := a.pipe.counted()
			give(float64(e.starts), "process-start")
			give(float64(e.exits), "process-exit")
			give(float64(e.notices), "notice")
		}},
		{Name: "dropped_events_total", Help: "Events that were not sent, over the life of the installation, by reason.", Labels: []string{"reason"}, Counter: true, Read: func(give func(float64, ...string)) {
			dropped := a.Status().Dropped
			for _, reason := range slices.Sorted(maps.Keys(dropped)) {
				give(float64(dropped[reason]), reason)
			}
		}},
		// The three below have no value as long as there is nothing to tell of.
		{Name: "last_contact_timestamp_seconds", Help: "When the server last answered well.", Read: func(give func(float64, ...string)) {
			if t := a.Status().Connection.LastContact; !t.IsZero() {
				give(float64(t.UnixMilli()) / 1000)
			}
		}},
		{Name: "pinned_certificate_not_after_timestamp_seconds", Help: "When the pinned server certificate expires.", Read: func(give func(float64, ...string)) {
			if p := a.policy.Load(); p != nil && p.UsePinned && p.Certificate != nil {
				give(float64(p.Certificate.NotAfter.Unix()))
			}
		}},
		{Name: "client_certificate_not_after_timestamp_seconds", Help: "When the agent certificate expires.", Read: func(give func(float64, ...string)) {
			if p := a.policy.Load(); p != nil && p.Client != nil {
				give(float64(p.Client.Leaf().NotAfter.Unix()))
			}
		}},
	}
}

func (a *Agent) delivery() uplink.Delivery {
	a.mu.Lock()
	u := a.uplink
	a.mu.Unlock()
	if u == nil {
		return uplink.Delivery{}
	}
	return u.Delivery()
}

// counted is what the collector told so far.
func (p *pipe) counted() events {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.events
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// checkLocal says what is wrong with an address for health and metrics.
func checkLocal(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fmt.Errorf("%q is not an address of this machine only, such as 127.0.0.1:9445: whoever reaches it needs no password", address)
	}
	return nil
}
