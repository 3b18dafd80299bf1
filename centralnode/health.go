package centralnode

import (
	"context"

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
	return []health.Gauge{
		{Name: "agent_connections", Help: "Live connections of agents that were let in.", Read: func() float64 {
			admitted, _ := n.gateway.Counts()
			return float64(max(0, admitted-n.sensors.Lanes()))
		}},
		{Name: "sensors_connected", Help: "Accepted Sensors that have a link.", Read: func() float64 { return float64(n.sensors.Connected()) }},
		{Name: "sensor_lanes", Help: "Connections of their links.", Read: func() float64 { return float64(n.sensors.Lanes()) }},
		{Name: "stranger_connections", Help: "Live connections that were not yet let in.", Read: func() float64 {
			_, strangers := n.gateway.Counts()
			return float64(strangers)
		}},
		{Name: "hosts", Help: "Hosts that were ever seen.", Read: func() float64 { return float64(n.table.Len()) }},
		{Name: "event_packages", Help: "Packages in the event log.", Read: func() float64 { return float64(n.log.State().Messages) }},
		{Name: "event_bytes", Help: "Bytes in the event log.", Read: func() float64 { return float64(n.log.State().Bytes) }},
		{Name: "event_log_degraded", Help: "1 while packages are not acknowledged.", Read: func() float64 { return oneIf(n.log.State().Degraded) }},
		{Name: "scan_waiting", Help: "Objects without a verdict.", Read: func() float64 { return float64(n.scan.Status(context.Background()).Waiting) }},
		{Name: "scan_spool_bytes", Help: "Bytes of objects without a verdict.", Read: func() float64 { return float64(n.scan.Status(context.Background()).SpoolBytes) }},
		{Name: "scan_degraded", Help: "1 while objects are not taken, or verdicts not noted.", Read: func() float64 { return oneIf(n.scan.Status(context.Background()).Degraded) }},
		{Name: "alerts_new", Help: "Alerts that nobody has dealt with.", Read: func() float64 { return float64(n.alerts.Counts().New) }},
		{Name: "server_certificate_not_after_timestamp_seconds", Help: "When the server certificate expires.", Read: func() float64 {
			return float64(n.base.Serving.Pair().Leaf().NotAfter.Unix())
		}},
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
