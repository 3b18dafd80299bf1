package sensor

import "vedette/internal/health"

// parts are what the Sensor needs to carry agents.
func (s *Sensor) parts() []health.Part {
	return []health.Part{
		{Name: "state", Trouble: func() string { return s.base.State.State().Reason }},
		{Name: "link", Trouble: s.linkTrouble},
	}
}

func (s *Sensor) linkTrouble() string {
	if s.uplink.Refusal() == nil {
		return ""
	}
	state := s.uplink.State()
	return string(state.Link) + ": " + state.Detail
}

func (s *Sensor) gauges() []health.Gauge {
	return []health.Gauge{
		{Name: "agent_connections", Help: "Live connections of agents that are carried.", Read: func() float64 { return float64(s.proxy.Counts().Agents) }},
		{Name: "stranger_connections", Help: "Live connections that are not carried.", Read: func() float64 { return float64(s.proxy.Counts().Strangers) }},
		{Name: "ingress_limit_bytes_per_second", Help: "What may be read from agents.", Read: func() float64 { return float64(s.config.ingressLimit() / 8) }},
		{Name: "ingress_held", Help: "1 while the limit holds agents back.", Read: func() float64 { return oneIf(s.proxy.Counts().Held) }},
		{Name: "link_up", Help: "1 while agents are carried.", Read: func() float64 { return oneIf(s.uplink.Refusal() == nil) }},
		{Name: "link_lanes", Help: "Connections of the link.", Read: func() float64 { return float64(s.uplink.Look().Stats.Lanes) }},
		{Name: "link_streams", Help: "Streams on the link.", Read: func() float64 { return float64(s.uplink.Look().Stats.Streams) }},
		{Name: "link_retained_bytes", Help: "Buffers that wait for the Central Node's acknowledgement.", Read: func() float64 { return float64(s.uplink.Look().Stats.Retained) }},
		{Name: "link_round_trip_seconds", Help: "Smoothed round trip over the link.", Read: func() float64 { return s.uplink.Look().Stats.RTT.Seconds() }},
		{Name: "server_certificate_not_after_timestamp_seconds", Help: "When the server certificate expires.", Read: func() float64 {
			return float64(s.base.Serving.Pair().Leaf().NotAfter.Unix())
		}},
	}
}

func (s *Sensor) counters() []health.Counter {
	return []health.Counter{
		{Name: "refused_agents_total", Help: "Agents refused by policy since the start.", Read: func() float64 { return float64(s.proxy.Counts().Refused) }},
		{Name: "ingress_bytes_total", Help: "Bytes read since the start from agents and from those who are refused.", Read: func() float64 { return float64(s.proxy.Counts().IngressBytes) }},
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
