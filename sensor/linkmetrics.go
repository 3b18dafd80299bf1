package sensor

import (
	"strconv"
	"time"

	"vedette/internal/acts"
	"vedette/internal/health"
)

// Labels and their values are few and fixed: nothing of them comes from outside.
const (
	labelDirection  = "direction"  // to, from: the Central Node
	labelPercentile = "percentile" // 50, 95, 99
	labelWindow     = "window"     // 10s, 1m, 15m
	labelLimit      = "limit"
	labelLane       = "lane" // small1
)

// families are the figures of the link. What is not measured is not there.
func (s *Sensor) families() []health.Family {
	about := health.Family{Name: "build_info", Help: "1, with the version.", Labels: []string{"version"},
		Read: func(to give) { to(1, s.config.Version) }}
	return append(append(s.windowFamilies(), s.totalFamilies()...), about)
}

// give is how a family gets its numbers.
type give = func(value float64, labels ...string)

func (s *Sensor) windowFamilies() []health.Family {
	windows := func(read func(f acts.Figures, window string, to give)) func(give) {
		return func(to give) {
			for _, w := range s.quality.Look().Windows {
				read(w.Figures, windowLabel(w.Window), to)
			}
		}
	}
	return []health.Family{
		{Name: "link_packet_loss_ratio", Help: "Share of measuring packets that were lost on either way.", Labels: []string{labelWindow},
			Read: windows(func(f acts.Figures, window string, to give) {
				if f.Sent > 0 {
					to(f.Loss(), window)
				}
			})},
		{Name: "link_packet_loss_by_direction_ratio", Help: "Share of measuring packets that were lost on the way to, or from, the Central Node.", Labels: []string{labelDirection, labelWindow},
			Read: windows(func(f acts.Figures, window string, to give) {
				if f.Sent > 0 {
					to(f.LossTo(), "to", window)
					to(f.LossFrom(), "from", window)
				}
			})},
		{Name: "link_packet_delay_seconds", Help: "Round trip of measuring packets, without the Central Node's own time.", Labels: []string{labelPercentile, labelWindow},
			Read: windows(func(f acts.Figures, window string, to give) {
				if f.RoundTripP50 > 0 {
					to(f.RoundTripP50.Seconds(), "50", window)
					to(f.RoundTripP95.Seconds(), "95", window)
					to(f.RoundTripP99.Seconds(), "99", window)
				}
			})},
		{Name: "link_packet_jitter_seconds", Help: "Mean difference of successive round trips.", Labels: []string{labelWindow},
			Read: windows(func(f acts.Figures, window string, to give) {
				if f.RoundTripP50 > 0 {
					to(f.Jitter.Seconds(), window)
				}
			})},
		{Name: "link_retransmission_ratio", Help: "Share of the TCP segments of all lanes that were sent again.", Labels: []string{labelWindow},
			Read: windows(func(f acts.Figures, window string, to give) {
				if f.Segments > 0 {
					to(f.Retransmission(), window)
				}
			})},
		{Name: "ingress_rate_bytes_per_second", Help: "Read from agents.", Labels: []string{labelWindow},
			Read: windows(func(f acts.Figures, window string, to give) { to(float64(f.IngressRate)/8, window) })},
		{Name: "span_rate_bytes_per_second", Help: "Received on the SPAN interfaces.", Labels: []string{labelWindow},
			Read: windows(func(f acts.Figures, window string, to give) {
				if f.SpanRate > 0 {
					to(float64(f.SpanRate)/8, window)
				}
			})},
		{Name: "link_delivery_rate_bytes_per_second", Help: "The greatest rate at which one lane delivered.",
			Read: func(to give) {
				if all := s.quality.Look().Windows; len(all) > 0 && all[0].DeliveryRate > 0 {
					to(float64(all[0].DeliveryRate) / 8)
				}
			}},
		{Name: "link_verdict", Help: "How the link stands against a limit: 0 not measured, 1 OK, 2 Warning, 3 Exceeded.", Labels: []string{labelLimit},
			Read: func(to give) {
				for _, j := range s.quality.Look().Limits {
					to(verdictNumber(j.Verdict), limitLabel(j.Limit))
				}
			}},
		{Name: "link_channel_capacity_bytes_per_second", Help: "What the channel to the Central Node carries, as configured or tested; a test that says at least gives a lower bound.",
			Read: func(to give) {
				if c := s.quality.Look().Capacity; c > 0 {
					to(float64(c) / 8)
				}
			}},
	}
}

func (s *Sensor) totalFamilies() []health.Family {
	return []health.Family{
		{Name: "link_lane_segments_total", Help: "TCP segments with data that were sent since the start.", Labels: []string{labelLane}, Counter: true,
			Read: func(to give) {
				for _, t := range s.quality.LaneTotals() {
					to(float64(t.Segments), t.Name)
				}
			}},
		{Name: "link_lane_retransmitted_segments_total", Help: "TCP segments with data that were sent again since the start.", Labels: []string{labelLane}, Counter: true,
			Read: func(to give) {
				for _, t := range s.quality.LaneTotals() {
					to(float64(t.Retransmitted), t.Name)
				}
			}},
		{Name: "link_packets_total", Help: "Measuring packets since the start whose answer has come or is given up.", Counter: true,
			Read: func(to give) { to(float64(s.quality.PacketTotals().Sent)) }},
		{Name: "link_lost_packets_total", Help: "Measuring packets that were lost since the start.", Counter: true,
			Read: func(to give) { to(float64(s.quality.PacketTotals().Lost)) }},
		{Name: "link_lost_packets_by_direction_total", Help: "Measuring packets that were lost since the start on the way to, or from, the Central Node, where that can be told.", Labels: []string{labelDirection}, Counter: true,
			Read: func(to give) {
				t := s.quality.PacketTotals()
				to(float64(t.LostTo), "to")
				to(float64(t.LostFrom), "from")
			}},
	}
}

// windowLabel is 10s, 1m, 15m.
func windowLabel(d time.Duration) string {
	if d%time.Minute == 0 {
		return strconv.Itoa(int(d/time.Minute)) + "m"
	}
	return strconv.Itoa(int(d/time.Second)) + "s"
}

func limitLabel(name acts.LimitName) string {
	switch name {
	case acts.LimitLoss:
		return "loss"
	case acts.LimitDelay:
		return "delay"
	case acts.LimitJoint:
		return "joint"
	case acts.LimitIngress:
		return "ingress"
	default:
		return "capacity"
	}
}

func verdictNumber(v acts.Verdict) float64 {
	switch v {
	case acts.VerdictOK:
		return 1
	case acts.VerdictWarning:
		return 2
	case acts.VerdictExceeded:
		return 3
	default:
		return 0
	}
}
