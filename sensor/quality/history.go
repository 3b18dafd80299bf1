package quality

import (
	"slices"
	"time"

	"vedette/internal/acts"
)

const (
	day = 24 * time.Hour
	// kept is how many minutes are kept.
	kept = int(day / time.Minute)
)

// history is the minutes of the last 24 hours, in order of time, each once.
// When the clock jumps, minutes of the future stay hidden until it comes, or
// until others need their room.
type history struct{ minutes []acts.QualityMinute }

// add puts a minute in its place, and returns the hours that look different
// now. Of two with the same name the one that measured more stays.
func (h *history) add(m acts.QualityMinute, now time.Time) (touched []int64) {
	i, found := slices.BinarySearchFunc(h.minutes, m.Start, func(m acts.QualityMinute, at time.Time) int { return m.Start.Compare(at) })
	switch {
	case !found:
		h.minutes = slices.Insert(h.minutes, i, m)
	case h.minutes[i].Sent <= m.Sent:
		h.minutes[i] = m
	}
	touched = append(touched, hourOf(m))
	for len(h.minutes) > kept {
		i := 0
		if last := len(h.minutes) - 1; h.minutes[last].Start.After(now) && h.minutes[last].Start.After(m.Start) {
			i = last
		}
		if hour := hourOf(h.minutes[i]); !slices.Contains(touched, hour) {
			touched = append(touched, hour)
		}
		h.minutes = slices.Delete(h.minutes, i, i+1)
	}
	return touched
}

// last is the newest verdict that there is.
func (h *history) last() acts.Verdict {
	for _, m := range slices.Backward(h.minutes) {
		if m.Verdict != acts.VerdictUnknown {
			return m.Verdict
		}
	}
	return acts.VerdictUnknown
}

// hourOf is when the hour of a minute begins, in Unix seconds.
func hourOf(m acts.QualityMinute) int64 { return m.Start.Truncate(time.Hour).Unix() }

// hour returns the minutes of an hour.
func (h *history) hour(at int64) []acts.QualityMinute {
	start := time.Unix(at, 0)
	return slices.Clone(h.within(start, start.Add(time.Hour-1)))
}

// between returns the minutes that begin from one time to another, those times
// included, as far as they lie within the 24 hours up to now.
func (h *history) between(from, to, now time.Time) []acts.QualityMinute {
	if to.IsZero() || to.After(now) {
		to = now
	}
	if least := now.Truncate(time.Minute).Add(-day); from.Before(least) {
		from = least
	}
	return slices.Clone(h.within(from, to))
}

func (h *history) within(from, to time.Time) []acts.QualityMinute {
	first, _ := slices.BinarySearchFunc(h.minutes, from, func(m acts.QualityMinute, at time.Time) int { return m.Start.Compare(at) })
	out := h.minutes[first:]
	if end := slices.IndexFunc(out, func(m acts.QualityMinute) bool { return m.Start.After(to) }); end >= 0 {
		out = out[:end]
	}
	return out
}

// withdraw takes packets back that a minute has as lost, and returns the hour
// that looks different now.
func (h *history) withdraw(start time.Time, lost uint64) (touched []int64) {
	for i := range h.minutes {
		if m := &h.minutes[i]; m.Start.Equal(start) {
			lost = min(lost, m.Lost-min(m.Lost, m.LostTo+m.LostFrom))
			m.Lost, m.Sent = m.Lost-lost, m.Sent-lost
			m.Verdict = settled(*m)
			return []int64{hourOf(*m)}
		}
	}
	return nil
}
