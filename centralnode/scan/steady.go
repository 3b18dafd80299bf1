package scan

import "time"

const (
	// clockSlack is how far a clock may be ahead of the time that passed, and
	// clockPatience for how long it has to stay there to be believed.
	clockSlack    = time.Minute
	clockPatience = time.Hour
)

// steady is the time of day without leaps ahead that do not last: what is removed
// for its age does not come back when the clock does.
type steady struct {
	at    time.Time // as it was last told
	read  time.Time // when that was, by the monotonic clock
	leapt time.Time // since when the clock is ahead
}

// now corrects what the clock says, at a moment of the monotonic clock.
func (s *steady) now(clock, moment time.Time) time.Time {
	clock = clock.Round(0)
	expected := s.at.Add(moment.Sub(s.read))
	switch {
	case s.read.IsZero(), !clock.After(expected.Add(clockSlack)):
		s.at, s.leapt = clock, time.Time{}
	case s.leapt.IsZero():
		s.at, s.leapt = expected, moment
	case moment.Sub(s.leapt) >= clockPatience:
		s.at, s.leapt = clock, time.Time{}
	default:
		s.at = expected
	}
	s.read = moment
	return s.at
}
