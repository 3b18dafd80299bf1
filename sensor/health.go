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
		{Name: "administrator_sessions", Help: "Administrators who are signed in over SSH.", Read: func() float64 { return float64(len(s.base.Sessions.List())) }},
		{Name: "state_writable", Help: "1 while the state file takes writes.", Read: func() float64 { return oneIf(s.base.State.State().Reason == "") }},
		{Name: "link_up", Help: "1 while agents are carried.", Read: func() float64 { return oneIf(s.uplink.Refusal() == nil) }},
		{Name: "link_lanes", Help: "Connections of the link.", Read: func() float64 { return float64(s.uplink.Look().Stats.Lanes) }},
		{Name: "link_streams", Help: "Streams on the link.", Read: func() float64 { return float64(s.uplink.Look().Stats.Streams) }},
		{Name: "link_retained_bytes", Help: "Buffers that wait for the Central Node's acknowledgement.", Read: func() float64 { return float64(s.uplink.Look().Stats.Retained) }},
		{Name: "link_copying", Help: "1 while small frames go on two lanes, since packets are lost.", Read: func() float64 { return oneIf(s.uplink.Look().Stats.Copying) }},
		{Name: "link_warnings", Help: "Warnings about the link that its status shows.", Read: func() float64 { return float64(len(s.uplink.Look().Warnings) + len(s.quality.Warnings())) }},
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
		{Name: "egress_bytes_total", Help: "Bytes given since the start to agents.", Read: func() float64 { return float64(s.proxy.Counts().EgressBytes) }},
		{Name: "ingress_held_seconds_total", Help: "Time since the start in which the limit held agents back.", Read: func() float64 { return s.proxy.Counts().HeldFor.Seconds() }},
		{Name: "span_bytes_total", Help: "Bytes received since the start on the SPAN interfaces.", Read: func() float64 { return float64(s.quality.SpanBytes()) }},
		{Name: "link_sent_bytes_total", Help: "Bytes of frames that went out on the present link, copies included.", Read: func() float64 { return float64(s.uplink.Look().Stats.SentBytes) }},
		{Name: "link_copied_bytes_total", Help: "Bytes of second copies of frames among those that went out on the present link.", Read: func() float64 { return float64(s.uplink.Look().Stats.CopiedBytes) }},
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
