package budget_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"vedette/internal/budget"
)

// lines is a log whose lines can be looked at.
type lines struct{ bytes.Buffer }

func (l *lines) take(t *testing.T) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(l.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, m)
	}
	l.Reset()
	return out
}

func newLimited() (*budget.Limited, *lines, *clock) {
	c, out := newClock(), new(lines)
	h := slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelInfo})
	return budget.NewLimited(h, time.Second, c.Now, "address"), out, c
}

func TestOneLineASecondForEachTextAndAddress(t *testing.T) {
	h, out, c := newLimited()
	log := slog.New(h)
	for range 100 {
		log.Info("refused", "address", "192.0.2.1")
	}
	log.Info("refused", "address", "192.0.2.2")
	log.Info("closed", "address", "192.0.2.1")
	log.Debug("refused", "address", "192.0.2.3")
	got := out.take(t)
	if len(got) != 3 || got[1]["suppressed"] != 99.0 || got[0]["suppressed"] != nil || got[2]["suppressed"] != nil {
		t.Errorf("lines: %v", got)
	}
	c.advance(time.Second - 1)
	log.Info("refused", "address", "192.0.2.1")
	if got := out.take(t); len(got) != 0 {
		t.Errorf("within the second: %v", got)
	}
	c.advance(1)
	log.Info("refused", "address", "192.0.2.1")
	if got := out.take(t); len(got) != 1 || got[0]["suppressed"] != 1.0 {
		t.Errorf("after the second: %v", got)
	}
}

func TestManyAddressesTogetherAreLimitedAndCounted(t *testing.T) {
	h, out, c := newLimited()
	log := slog.New(h)
	const seconds, perSecond = 20, 10_000
	passed, reported := 0, 0.0
	count := func() {
		for _, m := range out.take(t) {
			passed++
			if n, ok := m["suppressed"].(float64); ok {
				reported += n
			}
		}
	}
	for s := range seconds {
		for i := range perSecond {
			log.Info("refused", "address", fmt.Sprint(s, i))
		}
		count()
		c.advance(time.Second)
	}
	if passed != seconds*10 {
		t.Errorf("%d lines passed, want %d", passed, seconds*10)
	}
	if err := h.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	count()
	passed-- // the report itself
	if total := float64(passed) + reported; total != seconds*perSecond {
		t.Errorf("%d passed and %v reported of %d lines", passed, reported, seconds*perSecond)
	}
	if err := h.Flush(context.Background()); err != nil || out.Len() != 0 {
		t.Errorf("a second report: %q, %v", out, err)
	}
}

func TestLoggersMadeWithAttributesShareTheLimit(t *testing.T) {
	h, out, _ := newLimited()
	base := slog.New(h)
	one, two := base.With("address", "192.0.2.1", "door", 443), base.With("door", 22).With("address", "192.0.2.1")
	for range 5 {
		one.Info("refused")
		two.Info("refused")
	}
	if got := out.take(t); len(got) != 1 || got[0]["door"] != 443.0 {
		t.Errorf("lines: %v", got)
	}
	// Inside a group an "address" is part of something else.
	grouped := base.WithGroup("peer")
	grouped.Info("met", "address", "a")
	grouped.Info("met", "address", "b")
	if got := out.take(t); len(got) != 1 {
		t.Errorf("in a group: %v", got)
	}
}

func TestAClockSetBackDoesNotSilenceTheLog(t *testing.T) {
	h, out, c := newLimited()
	log := slog.New(h)
	log.Info("refused", "address", "192.0.2.1")
	c.advance(-24 * time.Hour)
	log.Info("refused", "address", "192.0.2.1")
	if got := out.take(t); len(got) != 2 {
		t.Errorf("lines: %v", got)
	}
}

func TestForeignTextStaysOnItsLine(t *testing.T) {
	h, out, _ := newLimited()
	slog.New(h).Info("refused", "address", "x\r\n{\"level\":\"ERROR\"}\x1b[31m")
	if got := out.take(t); len(got) != 1 {
		t.Errorf("lines: %v", got)
	}
}
