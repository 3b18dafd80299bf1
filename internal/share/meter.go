package share

import "time"

// meterSlots is into how many parts the meter cuts a second.
const meterSlots = 20

const meterSlot = time.Second / meterSlots

// meter counts what was granted over the last second.
type meter struct {
	slots [meterSlots + 1]uint64 // the present one and those of the second before it
	start time.Time
	at    int64 // slots since start
}

func (m *meter) add(now time.Time, n int) {
	m.turn(now)
	m.slots[m.at%int64(len(m.slots))] += uint64(n)
}

// sum counts of the oldest slot only as much as is not older than a second.
func (m *meter) sum(now time.Time) (all uint64) {
	m.turn(now)
	for _, n := range m.slots {
		all += n
	}
	oldest := m.slots[(m.at+1)%int64(len(m.slots))]
	into := now.Sub(m.start) % meterSlot
	return all - oldest*uint64(into)/uint64(meterSlot)
}

// turn empties the slots whose time has passed.
func (m *meter) turn(now time.Time) {
	if m.start.IsZero() {
		m.start = now
	}
	at := int64(now.Sub(m.start) / meterSlot)
	if at-m.at > meterSlots {
		clear(m.slots[:])
		m.at = at
	}
	for m.at < at {
		m.at++
		m.slots[m.at%int64(len(m.slots))] = 0
	}
}
