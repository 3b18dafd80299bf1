package events

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDurations(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"PT60S": time.Minute, "PT1M30S": 90 * time.Second, "PT2H": 2 * time.Hour, "PT0S": 0, "PT1H1M1S": time.Hour + time.Minute + time.Second,
		"PT0.5S": 500 * time.Millisecond, "PT0,25S": 250 * time.Millisecond, "PT1.5H": 90 * time.Minute, "P1D": 24 * time.Hour, "P1DT1S": 24*time.Hour + time.Second,
		"P2W": 14 * 24 * time.Hour, "pt30s": 30 * time.Second, "PT007S": 7 * time.Second,
		"PT99999999999999999999S": math.MaxInt64, "P99999999999WT9999999999999H": math.MaxInt64, "PT" + strings.Repeat("9", 400) + "S": math.MaxInt64,
	} {
		if got, ok := parseDuration(s); !ok || got != want {
			t.Errorf("%.40s is %v, %t, want %v", s, got, ok, want)
		}
	}
	for _, s := range []string{
		"", "P", "PT", "P1DT", "60", "60S", "PT60", "T60S", "P60S", "PT1D", "P1M", "P1Y", "P1Y1D", "PT1S1M", "PT1M1M", "PT1.5H1M", "P0.5DT1H", "PT.5S", "PT5.S", "PT1.2.3S",
		"PTS", "PT-1S", "-PT1S", "+PT1S", "PT 1S", "PT1S ", "PTT1S", "PT1ST1S", "P1DT1DT1S", "PT1e3S", "PT٣S",
	} {
		if got, ok := parseDuration(s); ok {
			t.Errorf("%q is read as %v", s, got)
		}
	}
}

func TestDurationIsTheSumOfItsParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := func(name string) int { return rapid.IntRange(0, 10_000).Draw(t, name) }
		d, h, m, s := part("days"), part("hours"), part("minutes"), part("seconds")
		want := time.Duration(d)*24*time.Hour + time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second
		if got, ok := parseDuration(fmt.Sprintf("P%dDT%dH%dM%dS", d, h, m, s)); !ok || got != want {
			t.Errorf("got %v, %t, want %v", got, ok, want)
		}
	})
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"PT60S", "P1DT2H3M4.5S", "P2W", "PT", "P1W1D", "PT1M1H"} {
		f.Add(s)
	}
	number := `\d+([.,]\d+)?`
	// What is a duration by another way to say it, but for where a fraction may be.
	form := regexp.MustCompile(`(?i)^P(` + number + `W)?(` + number + `D)?(T(` + number + `H)?(` + number + `M)?(` + number + `S)?)?$`)
	early := regexp.MustCompile(`[.,]\d+\D+\d`)
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := parseDuration(s)
		if d < 0 {
			t.Errorf("%q is %v", s, d)
		}
		last := s[max(0, len(s)-1):]
		want := form.MatchString(s) && !early.MatchString(s) && !strings.ContainsAny(last, "PTpt")
		if ok != want {
			t.Errorf("%q: read %t, well-formed %t", s, ok, want)
		}
	})
}
