package events

import (
	"math"
	"strings"
	"time"
)

// The units of a duration before and after its T, the longest first.
const (
	dateUnits  = "WD"
	clockUnits = "HMS"
)

// parseDuration reads an ISO 8601 duration of weeks, days, hours, minutes and
// seconds, such as PT60S or PT1M30S. Only the last number may have a fraction.
// What is too long for a time.Duration is the longest one. Years and months have
// no fixed length and are not durations here.
func parseDuration(s string) (time.Duration, bool) {
	rest, ok := strings.CutPrefix(strings.ToUpper(s), "P")
	if !ok || rest == "" {
		return 0, false
	}
	var total time.Duration
	units, clock, fraction := dateUnits, false, false
	for rest != "" {
		if rest[0] == 'T' && !clock {
			rest, units, clock = rest[1:], clockUnits, true
			if rest == "" {
				return 0, false
			}
		}
		length := len(rest) - len(strings.TrimLeft(rest, "0123456789.,"))
		if fraction || length == 0 || length == len(rest) {
			return 0, false
		}
		at := strings.IndexByte(units, rest[length])
		if at < 0 {
			return 0, false
		}
		var d time.Duration
		if d, fraction, ok = times(rest[:length], unit(rest[length])); !ok {
			return 0, false
		}
		if total += d; total < 0 {
			total = math.MaxInt64
		}
		rest, units = rest[length+1:], units[at+1:]
	}
	return total, true
}

func unit(letter byte) time.Duration {
	switch letter {
	case 'W':
		return 7 * 24 * time.Hour
	case 'D':
		return 24 * time.Hour
	case 'H':
		return time.Hour
	case 'M':
		return time.Minute
	default:
		return time.Second
	}
}

// times multiplies a decimal number with a unit.
func times(number string, unit time.Duration) (d time.Duration, fraction, ok bool) {
	whole, part, fraction := strings.Cut(strings.ReplaceAll(number, ",", "."), ".")
	if whole == "" || fraction && part == "" || strings.Contains(part, ".") {
		return 0, false, false
	}
	value := 0.0
	for _, digit := range whole {
		value = value*10 + float64(digit-'0')
	}
	scale := 1.0
	for _, digit := range part {
		scale /= 10
		value += float64(digit-'0') * scale
	}
	if value *= float64(unit); value >= math.MaxInt64 {
		return math.MaxInt64, fraction, true
	}
	return time.Duration(math.Round(value)), fraction, true
}
