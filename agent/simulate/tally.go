package simulate

import (
	"maps"
	"math"
	"sync"
	"time"
)

// Summary is what a fleet did.
type Summary struct {
	Agents        int               `json:"agents"`
	Seconds       float64           `json:"seconds"`
	Packages      uint64            `json:"packages_acked"`
	Events        uint64            `json:"events_acked"`
	EventsPerSec  float64           `json:"events_per_second"`
	Syncs         uint64            `json:"syncs"`
	Faults        map[string]uint64 `json:"faults"` // refusals and errors, by code
	Reconnects    uint64            `json:"reconnects"`
	Cuts          uint64            `json:"idle_connections_cut"`
	LatencyP50    float64           `json:"latency_p50_ms"` // of acknowledged packages
	LatencyP99    float64           `json:"latency_p99_ms"`
	LatencyMax    float64           `json:"latency_max_ms"`
	SyncP50       float64           `json:"sync_p50_ms"`
	SyncP99       float64           `json:"sync_p99_ms"`
	LastAckMillis int64             `json:"last_ack_unix_ms"` // 0: none
}

// histogram counts durations in steps of 5 %, from a microsecond on.
type histogram struct {
	count [400]uint64
	total uint64
	max   time.Duration
}

const step = 1.05

func (h *histogram) add(d time.Duration) {
	i := 0
	if us := float64(d) / float64(time.Microsecond); us > 1 {
		i = min(int(math.Log(us)/math.Log(step)), len(h.count)-1)
	}
	h.count[i]++
	h.total++
	h.max = max(h.max, d)
}

// quantile is the upper end of the step that holds it, in milliseconds.
func (h *histogram) quantile(q float64) float64 {
	if h.total == 0 {
		return 0
	}
	rank, sum := uint64(math.Ceil(q*float64(h.total))), uint64(0)
	for i, n := range h.count {
		if sum += n; sum >= rank {
			return min(math.Pow(step, float64(i+1))/1000, millis(h.max))
		}
	}
	return millis(h.max)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

type tally struct {
	mu      sync.Mutex
	s       Summary
	faults  map[string]uint64
	acks    histogram
	syncs   histogram
	lastAck time.Time
}

func newTally() *tally { return &tally{faults: make(map[string]uint64)} }

func (t *tally) ack(d time.Duration, events int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Packages++
	t.s.Events += uint64(events)
	t.acks.add(d)
	t.lastAck = time.Now()
}

func (t *tally) sync(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Syncs++
	t.syncs.add(d)
}

func (t *tally) fault(code string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults[code]++
}

func (t *tally) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Cuts++
}

func (t *tally) reconnects(dials uint64) {
	if dials == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Reconnects += dials - 1
}

func (t *tally) summary() *Summary {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.s
	s.Faults = maps.Clone(t.faults)
	s.LatencyP50, s.LatencyP99, s.LatencyMax = t.acks.quantile(0.5), t.acks.quantile(0.99), millis(t.acks.max)
	s.SyncP50, s.SyncP99 = t.syncs.quantile(0.5), t.syncs.quantile(0.99)
	if t.s.Packages > 0 {
		s.LastAckMillis = t.lastAck.UnixMilli()
	}
	return &s
}
