package centralnode

import (
	"context"
	"time"

	"vedette/internal/acts"
	"vedette/internal/health"
)

// parts are what the node needs to do its work.
func (n *Node) parts() []health.Part {
	return []health.Part{
		{Name: "state", Trouble: func() string { return n.base.State.State().Reason }},
		{Name: "events", Trouble: func() string { return n.log.State().Reason }},
		{Name: "scan", Trouble: func() string { return n.scan.Status(context.Background()).Reason }},
	}
}

func (n *Node) gauges() []health.Gauge {
	scan := func() acts.ScanStatus { return n.scan.Status(context.Background()) }
	return []health.Gauge{
		{Name: "agent_connections", Help: "Live connections of agents that were let in.", Read: func() float64 { return float64(n.agentConnections()) }},
		{Name: "external_system_connections", Help: "Live connections of external systems that were let in.", Read: func() float64 { return float64(n.gateway.ConnectedSystems()) }},
		{Name: "sensors_connected", Help: "Accepted Sensors that have a link.", Read: func() float64 { return float64(n.sensors.Connected()) }},
		{Name: "sensor_lanes", Help: "Connections that make up the links of Accepted Sensors.", Read: func() float64 { return float64(n.sensors.Lanes()) }},
		{Name: "stranger_connections", Help: "Live connections that were not yet let in.", Read: func() float64 {
			_, strangers := n.gateway.Counts()
			return float64(strangers)
		}},
		{Name: "administrator_sessions", Help: "Administrators who are signed in over SSH or in a browser.", Read: func() float64 { return float64(len(n.base.Sessions.List())) }},
		{Name: "hosts", Help: "Hosts that were ever seen.", Read: func() float64 { return float64(n.table.Len()) }},
		{Name: "event_packages", Help: "Packages in the event log.", Read: func() float64 { return float64(n.log.State().Messages) }},
		{Name: "event_bytes", Help: "Bytes in the event log.", Read: func() float64 { return float64(n.log.State().Bytes) }},
		{Name: "event_log_oldest_timestamp_seconds", Help: "When the oldest package in the event log arrived; 0: there is none.", Read: func() float64 { return unixOrZero(n.log.State().Oldest) }},
		{Name: "event_log_degraded", Help: "1 while packages are not acknowledged.", Read: func() float64 { return oneIf(n.log.State().Degraded) }},
		{Name: "state_writable", Help: "1 while the state file takes writes.", Read: func() float64 { return oneIf(n.base.State.State().Reason == "") }},
		{Name: "scan_waiting", Help: "Objects without a verdict.", Read: func() float64 { return float64(scan().Waiting) }},
		{Name: "scan_oldest_timestamp_seconds", Help: "When the object that waits longest was submitted; 0: none waits.", Read: func() float64 { return unixOrZero(scan().Oldest) }},
		{Name: "scan_spool_bytes", Help: "Bytes of objects without a verdict.", Read: func() float64 { return float64(scan().SpoolBytes) }},
		{Name: "scan_spool_quota_bytes", Help: "What objects without a verdict may take in all.", Read: func() float64 { return float64(scan().SpoolQuota) }},
		{Name: "scan_degraded", Help: "1 while objects are not taken, or verdicts not noted.", Read: func() float64 { return oneIf(scan().Degraded) }},
		{Name: "alerts_new", Help: "Alerts that nobody has dealt with.", Read: func() float64 { return float64(n.alerts.Counts().New) }},
		{Name: "stamp_sessions", Help: "Links whose measuring packets are answered.", Read: func() float64 { return float64(n.reflections().Sessions) }},
		{Name: "server_certificate_not_after_timestamp_seconds", Help: "When the server certificate expires.", Read: func() float64 {
			return float64(n.base.Serving.Pair().Leaf().NotAfter.Unix())
		}},
	}
}

func (n *Node) counters() []health.Counter {
	return []health.Counter{
		{Name: "packages_acknowledged_total", Help: "Packages of agents acknowledged since the start; one that came again counts again.", Read: func() float64 {
			packages, _ := n.service.Taken()
			return float64(packages)
		}},
		{Name: "events_acknowledged_total", Help: "Events in the packages that were acknowledged since the start.", Read: func() float64 {
			_, events := n.service.Taken()
			return float64(events)
		}},
		{Name: "packages_deferred_total", Help: "Packages of agents answered with try again since the start, for nothing could be made durable.", Read: func() float64 { return float64(n.service.Refused()) }},
		{Name: "stamp_reflected_packets_total", Help: "Measuring packets answered since the start.", Read: func() float64 { return float64(n.reflections().Reflected) }},
		{Name: "stamp_unsent_packets_total", Help: "Answers to measuring packets that the kernel did not take.", Read: func() float64 { return float64(n.reflections().Unsent) }},
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func unixOrZero(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.Unix())
}
