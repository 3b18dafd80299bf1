package sensors

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
)

const (
	// historyEvery is how often the histories of all links are kept. What is lost
	// by an abrupt end, a Sensor tells again on its next link.
	historyEvery = 5 * time.Minute
	// historyBatch is how many slots are written at once, 1.2 MB when they are
	// full, so that others may write in between.
	historyBatch = 256
	// historyTimeout is what a round of them has, also when the node stops.
	historyTimeout = 30 * time.Second
)

const (
	// minutesVersion is the first byte of a slot.
	minutesVersion = 1
	// minuteSize is that of a minute as it is kept.
	minuteSize = 13*4 + 3*8
)

// slot is where a minute is kept. An hour shares it with what is left of the
// same one of the day before.
func (m minute) slot() int { return int(m.start / 60 % store.HistorySlots) }

// numbers are the parts of a minute in the order in which they are kept; that of
// the verdict is apart.
func (m *minute) numbers() ([12]*uint32, [3]*uint64) {
	return [12]*uint32{&m.start, &m.sent, &m.lost, &m.lostTo, &m.lostFrom, &m.p50, &m.p95, &m.p99, &m.jitter, &m.held, &m.segments, &m.retransmitted},
		[3]*uint64{&m.deliveryRate, &m.ingressRate, &m.span}
}

// encoded is a slot as it is kept.
func (h *history) encoded(slot int) []byte {
	out := append(make([]byte, 0, 1+61*minuteSize), minutesVersion)
	for _, m := range h.minutes {
		if m.slot() != slot {
			continue
		}
		small, large := m.numbers()
		out = binary.BigEndian.AppendUint32(out, uint32(m.verdict))
		for _, n := range small {
			out = binary.BigEndian.AppendUint32(out, *n)
		}
		for _, n := range large {
			out = binary.BigEndian.AppendUint64(out, *n)
		}
	}
	return out
}

// decoded reads a slot.
func decoded(raw []byte) ([]minute, error) {
	if len(raw) == 0 || raw[0] != minutesVersion {
		return nil, fmt.Errorf("version %x of a link's minutes is not known", raw[:min(len(raw), 1)])
	}
	raw = raw[1:]
	if len(raw)%minuteSize != 0 || len(raw)/minuteSize > keptMinutes {
		return nil, fmt.Errorf("%d bytes are no minutes of a link", len(raw))
	}
	out := make([]minute, len(raw)/minuteSize)
	for i := range out {
		small, large := out[i].numbers()
		out[i].verdict = controlv1.Judgement_Verdict(binary.BigEndian.Uint32(raw))
		raw = raw[4:]
		for _, n := range small {
			*n, raw = binary.BigEndian.Uint32(raw), raw[4:]
		}
		for _, n := range large {
			*n, raw = binary.BigEndian.Uint64(raw), raw[8:]
		}
	}
	return out, nil
}

// loadHistories reads what was kept. What cannot be read is left out: the next
// link of the Sensor brings it again.
func (r *Room) loadHistories(ctx context.Context) {
	now := r.c.Now()
	first, last := now.Add(-historyTime), now.Add(clockSkew)
	faults := 0
	var fault error
	for id, s := range r.sensors {
		var kept []minute
		slots, err := r.c.Store.SensorHistory(ctx, id)
		if err != nil {
			faults, fault = faults+1, err
		}
		for _, raw := range slots {
			minutes, err := decoded(raw)
			if err != nil {
				faults, fault = faults+1, err
			}
			for _, m := range minutes {
				if at := m.time(); at.After(first) && !at.After(last) {
					kept = append(kept, m)
				}
			}
		}
		// Slots are not in the order of time, and a day is not to be sorted by inserting.
		slices.SortFunc(kept, func(a, b minute) int { return cmp.Compare(a.start, b.start) })
		s.quality.history.add(kept)
		s.quality.history.unsaved = 0
	}
	if fault != nil {
		r.c.Logger.Warn("parts of the history of Sensors' links were left out, since they cannot be read", "parts", faults, "error", fault)
	}
}

// keepHistories writes what has changed. What cannot be written now is written
// later. One goroutine calls it at a time.
func (r *Room) keepHistories(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	for {
		batch := r.unsaved()
		if len(batch) == 0 {
			r.unkept = false
			return
		}
		if err := r.c.Store.SaveSensorHistories(ctx, batch); err != nil {
			r.mu.Lock()
			for _, v := range batch {
				if s := r.sensors[v.Fingerprint]; s != nil {
					s.quality.history.unsaved |= 1 << v.Slot
				}
			}
			r.mu.Unlock()
			if !r.unkept && !errors.Is(err, context.Canceled) { // the node stops, and then writes once more
				r.unkept = true
				r.c.Logger.Error("history of Sensors' links is not kept; it goes on in memory, and is kept when the state file takes writes again", "error", err)
			}
			return
		}
	}
}

// unsaved takes slots that are to be written, at most a batch.
func (r *Room) unsaved() []store.SensorHistory {
	snapshot := r.c.Door.Trust()
	var batch []store.SensorHistory
	take := func(id pki.Fingerprint, h *history) {
		for slot := range store.HistorySlots {
			if h.unsaved&(1<<slot) != 0 && len(batch) < historyBatch {
				h.unsaved &^= 1 << slot
				batch = append(batch, store.SensorHistory{Fingerprint: id, Slot: slot, Minutes: h.encoded(slot)})
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, s := range r.sensors {
		if s.quality.history.unsaved != 0 && snapshot.Sensor(id) == trust.Accepted {
			take(id, &s.quality.history)
		}
		if len(batch) == historyBatch {
			break
		}
	}
	return batch
}
