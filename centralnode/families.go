package centralnode

import (
	"context"
	"time"

	"vedette/centralnode/reflector"
	"vedette/centralnode/sensors"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/health"
	"vedette/proto/stamp"
)

// give gives a number with the values of its labels.
type give = func(value float64, labels ...string)

// families are the metrics that have labels. Of Sensors there are Accepted ones
// alone, by their id.
func (n *Node) families() []health.Family {
	return append([]health.Family{
		{Name: "build_info", Help: "1, with the version.", Labels: []string{"version"}, Read: func(give give) { give(1, n.config.Version) }},
		{Name: "refused_requests_total", Help: "Requests refused since the start because of who asked, by door and code.", Labels: []string{"door", "code"}, Counter: true, Read: func(give give) {
			for r, count := range n.gateway.Refusals() {
				give(float64(count), string(r.Door), string(r.Code))
			}
		}},
		{Name: "scan_verdicts_total", Help: "Verdicts since the start.", Labels: []string{"verdict"}, Counter: true, Read: func(give give) {
			for verdict, count := range n.scan.Status(context.Background()).Verdicts {
				give(float64(count), verdict)
			}
		}},
		{Name: "scan_engine_up", Help: "1 while an engine looks at all of an object.", Labels: []string{"engine"}, Read: func(give give) {
			for _, e := range n.scan.Status(context.Background()).Engines {
				give(oneIf(e.Trouble == ""), e.Name)
			}
		}},
		{Name: "stamp_refused_packets_total", Help: "Measuring packets that were not answered since the start, by reason.", Labels: []string{"reason"}, Counter: true, Read: func(give give) {
			counts := n.reflections()
			for _, why := range stamp.Refusals() {
				give(float64(counts.Refused(why)), why.String())
			}
		}},
		{Name: "sensor_requests", Help: "Sensors that asked to join, by how they stand.", Labels: []string{"state"}, Read: func(give give) {
			pending, accepted, rejected := n.sensors.States()
			give(float64(pending), "pending")
			give(float64(accepted), "accepted")
			give(float64(rejected), "rejected")
		}},
	}, n.sensorFamilies()...)
}

// reflections are what the reflector counts, nothing where there is none.
func (n *Node) reflections() reflector.Counts {
	if n.reflector == nil {
		return reflector.Counts{}
	}
	return n.reflector.Counts()
}

// limitLabels and verdictNumbers are the words of limits and verdicts in
// metrics.
var (
	limitLabels = map[acts.LimitName]string{
		acts.LimitLoss: "loss", acts.LimitDelay: "delay", acts.LimitJoint: "joint", acts.LimitIngress: "ingress", acts.LimitCapacity: "capacity",
	}
	verdictNumbers = map[acts.Verdict]float64{acts.VerdictOK: 1, acts.VerdictWarning: 2, acts.VerdictExceeded: 3}
)

// sensorFamilies are what is known of each Accepted Sensor. What a Sensor finds
// of its link is there while it says so.
func (n *Node) sensorFamilies() []health.Family {
	family := func(name, help string, labels []string, read func(give give, id string, l sensors.Look)) health.Family {
		return health.Family{Name: name, Help: help, Labels: append([]string{"sensor"}, labels...), Read: func(give give) {
			for _, id := range n.sensors.Accepted() {
				read(give, trust.SensorID(id), n.sensors.Look(id))
			}
		}}
	}
	counter := func(f health.Family) health.Family {
		f.Counter = true
		return f
	}
	// figures reads the last minute.
	figures := func(read func(give give, id string, f acts.Figures)) func(give, string, sensors.Look) {
		return func(give give, id string, l sensors.Look) {
			if l.Quality == nil {
				return
			}
			for _, w := range l.Quality.Windows {
				if w.Window == time.Minute {
					read(give, id, w.Figures)
				}
			}
		}
	}
	return []health.Family{
		family("sensor_connected", "1 while an Accepted Sensor has a link.", nil, func(give give, id string, l sensors.Look) {
			give(oneIf(l.Connected), id)
		}),
		family("sensor_policy_behind", "1 while an Accepted Sensor that is connected has not taken the policy in force.", nil, func(give give, id string, l sensors.Look) {
			give(oneIf(l.Connected && l.Policy < n.gateway.Trust().Policy), id)
		}),
		counter(family("sensor_ingress_bytes_total", "Bytes that a Sensor read from its agents since its start, as it says.", nil, func(give give, id string, l sensors.Look) {
			if l.Connected {
				give(float64(l.Ingress), id)
			}
		})),
		counter(family("sensor_refused_agents_total", "Agents that a Sensor refused by policy since its start, as it says.", nil, func(give give, id string, l sensors.Look) {
			if l.Connected {
				give(float64(l.Refused), id)
			}
		})),
		family("sensor_link_loss_ratio", "Share of packets lost on the way to the Central Node and from it, of the last minute.", []string{"direction"}, figures(func(give give, id string, f acts.Figures) {
			if f.Sent > 0 {
				give(f.LossTo(), id, "to")
				give(f.LossFrom(), id, "from")
			}
		})),
		family("sensor_link_round_trip_seconds", "Round trip between Sensor and Central Node, of the last minute.", []string{"percentile"}, figures(func(give give, id string, f acts.Figures) {
			if f.Sent > f.Lost {
				give(f.RoundTripP50.Seconds(), id, "50")
				give(f.RoundTripP95.Seconds(), id, "95")
				give(f.RoundTripP99.Seconds(), id, "99")
			}
		})),
		family("sensor_link_retransmission_ratio", "Share of TCP segments that a Sensor sent again on its link, of the last minute.", nil, figures(func(give give, id string, f acts.Figures) {
			if f.Segments > 0 {
				give(f.Retransmission(), id)
			}
		})),
		family("sensor_link_verdict", "How a link stands against a documented limit: 0 not measured, 1 OK, 2 Warning, 3 Exceeded.", []string{"limit"}, func(give give, id string, l sensors.Look) {
			if l.Quality == nil {
				return
			}
			for _, j := range l.Quality.Limits {
				give(verdictNumbers[j.Verdict], id, limitLabels[j.Limit])
			}
		}),
	}
}
