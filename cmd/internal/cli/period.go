package cli

import "time"

// ParsePeriod reads --since and --until; an empty one is open.
func ParsePeriod(since, until string, now time.Time) (from, to time.Time, err error) {
	if from, err = parseTime("since", since, now); err != nil {
		return
	}
	if to, err = parseTime("until", until, now); err != nil {
		return
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		err = Usagef("--since (%s) is not before --until (%s)", Time(from), Time(to))
	}
	return
}

// parseTime reads a point in time: RFC 3339, or how long ago it was.
func parseTime(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(s); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, Usagef("--%s: %q is neither a time ago (10m, 2h30m) nor RFC 3339 (2026-11-21T10:00:00Z)", flag, s)
	}
	return t, nil
}
