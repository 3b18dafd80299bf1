package capacity

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// longest is when a test of 2 s must have ended, whatever the peer does.
const longest = answerTime + 2*time.Second + graceTime + time.Second

func ask(s Spec) []byte { s, _ = s.Check(); return appendRequest(nil, s) }

func frames(n int) []byte { return new(filler).some(n*maxFrame, maxFrame) }

// flood writes until it fails.
func flood(w io.Writer, b []byte) {
	for {
		if _, err := w.Write(b); err != nil {
			return
		}
	}
}

// readAll reads until it fails.
func readAll(r io.Reader) { _, _ = io.Copy(io.Discard, r) }

func TestTheSensorOutlivesAHostileCentralNode(t *testing.T) {
	to, back := Spec{Duration: 2 * time.Second, Rate: 8e6}, Spec{Duration: 2 * time.Second, Rate: 8e6, Back: true}
	start := func(s side) {
		var b [requestSize]byte
		_, _ = io.ReadFull(s, b[:])
		_, _ = s.Write(appendAnswer(nil, 0))
	}
	say := func(reports ...report) func(side) {
		return func(s side) {
			start(s)
			go readAll(s)
			<-time.After(time.Second)
			for _, r := range reports {
				_, _ = s.Write(appendReport(nil, r))
			}
		}
	}
	for name, c := range map[string]struct {
		spec Spec
		peer func(side)
		want error
	}{
		"never answers":             {to, func(side) {}, ErrNoAnswer},
		"answers half":              {to, func(s side) { _, _ = s.Write([]byte("VC")) }, ErrNoAnswer},
		"answers something else":    {to, func(s side) { _, _ = s.Write([]byte("HTTP/1.1 400")) }, ErrProtocol},
		"ends instead of answering": {to, func(s side) { s.out.end(io.EOF) }, ErrCut},
		"resets":                    {to, func(s side) { start(s); s.reset() }, errReset},
		"busy":                      {to, func(s side) { _ = Refuse(context.Background(), s, RefusedBusy) }, RefusedBusy},
		"busy with others":          {back, func(s side) { _ = Refuse(context.Background(), s, RefusedCrowd) }, RefusedCrowd},
		"another version":           {back, func(s side) { _, _ = s.Write([]byte{'V', 'C', 'A', 9, 0}) }, RefusedVersion},
		"reads nothing":             {to, start, ErrTimeout},
		"reports nothing":           {to, func(s side) { start(s); readAll(s) }, ErrTimeout},
		"ends instead of reporting": {to, func(s side) { start(s); s.out.end(io.EOF); readAll(s) }, ErrCut},
		"reports too much":          {to, say(report{1e9, time.Second}), ErrReport},
		"reports of the past":       {to, say(report{1000, time.Second}, report{2000, time.Millisecond}), ErrReport},
		"reports less and less":     {to, say(report{2000, 1}, report{1000, 2}), ErrReport},
		"reports of the far future": {to, say(report{2000, 1 << 60}), ErrReport},
		"reports without end": {to, func(s side) {
			start(s)
			go readAll(s)
			<-time.After(time.Second)
			for i := uint64(1); i < 100_000; i++ {
				_, _ = s.Write(appendReport(nil, report{i, time.Second}))
			}
		}, ErrReport},
		"sends where reports belong": {to, func(s side) { start(s); go readAll(s); _, _ = s.Write(frames(1)) }, ErrProtocol},
		"sends too much":             {back, func(s side) { start(s); go readAll(s); flood(s, frames(4)) }, ErrExcess},
		"sends without end": {back, func(s side) {
			start(s)
			go readAll(s)
			for {
				if _, err := s.Write(frames(1)); err != nil {
					return
				}
				<-time.After(20 * time.Millisecond)
			}
		}, ErrExcess},
		"sends nothing":         {back, start, ErrTimeout},
		"sends and falls quiet": {back, func(s side) { start(s); go readAll(s); _, _ = s.Write(frames(2)) }, ErrTimeout},
		"ends at once":          {back, func(s side) { start(s); _, _ = s.Write(appendHeader(nil, kindEnd, 0)); readAll(s) }, ErrNothing},
		"ends in a frame":       {back, func(s side) { start(s); _, _ = s.Write(frames(1)[:1000]); s.out.end(io.EOF) }, ErrCut},
		"sends what is no frame": {back, func(s side) {
			start(s)
			_, _ = s.Write([]byte{9, 0, 1, 2, 3, 4})
		}, ErrProtocol},
		"sends empty frames": {back, func(s side) { start(s); go readAll(s); _, _ = s.Write(make([]byte, 300)) }, ErrProtocol},
		"goes on after the end": {back, func(s side) {
			start(s)
			_, _ = s.Write(append(appendHeader(nil, kindEnd, 0), frames(1)[:8]...))
		}, ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sensor, central := channel(20e6, 20*time.Millisecond)
				done := make(chan struct{})
				go func() { defer close(done); c.peer(central) }()
				began := time.Now()
				_, err := Test(t.Context(), sensor, c.spec, nil)
				if !errors.Is(err, c.want) {
					t.Errorf("ended with %v, want %v", err, c.want)
				}
				if took := time.Since(began); took > longest {
					t.Errorf("ended after %v", took)
				}
				sensor.reset() // as who opened the stream does
				<-done
			})
		})
	}
}

func TestTheCentralNodeOutlivesAHostileSensor(t *testing.T) {
	to, back := ask(Spec{Duration: 2 * time.Second, Rate: 8e6}), ask(Spec{Duration: 2 * time.Second, Rate: 8e6, Back: true})
	odd := func(at int, v byte) []byte { b := ask(Spec{}); b[at] = v; return b }
	for name, c := range map[string]struct {
		peer func(side)
		want error
	}{
		"asks nothing":            {func(side) {}, ErrTimeout},
		"asks half":               {func(s side) { _, _ = s.Write(to[:7]); s.out.end(io.EOF) }, ErrCut},
		"asks something else":     {func(s side) { _, _ = s.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n")) }, ErrProtocol},
		"asks in a later version": {func(s side) { _, _ = s.Write(odd(3, 2)) }, RefusedVersion},
		"asks for another way":    {func(s side) { _, _ = s.Write(odd(4, 2)) }, RefusedVersion},
		"asks for too long":       {func(s side) { _, _ = s.Write(odd(8, 1)) }, RefusedVersion},
		"asks for too much":       {func(s side) { _, _ = s.Write(odd(12, 1)) }, RefusedVersion},
		"asks for no time": {func(s side) {
			b := ask(Spec{})
			clear(b[8:12])
			_, _ = s.Write(b)
		}, RefusedVersion},
		"sends too much":              {func(s side) { _, _ = s.Write(to); go readAll(s); flood(s, frames(4)) }, ErrExcess},
		"sends nothing":               {func(s side) { _, _ = s.Write(to) }, ErrTimeout},
		"reads no reports":            {func(s side) { _, _ = s.Write(to); _, _ = s.Write(frames(1)) }, ErrTimeout},
		"resets":                      {func(s side) { _, _ = s.Write(to); s.reset() }, errReset},
		"leaves":                      {func(s side) { _, _ = s.Write(to); _, _ = s.Write(frames(1)); s.out.end(io.EOF) }, ErrCut},
		"takes and says nothing":      {func(s side) { _, _ = s.Write(back); readAll(s) }, ErrTimeout},
		"takes nothing":               {func(s side) { _, _ = s.Write(back) }, ErrTimeout},
		"leaves while it takes":       {func(s side) { _, _ = s.Write(back); s.out.end(io.EOF); readAll(s) }, ErrCut},
		"reports more than was sent":  {func(s side) { _, _ = s.Write(append(back, appendReport(nil, report{1 << 40, 1})...)); readAll(s) }, ErrReport},
		"answers with what is no sum": {func(s side) { _, _ = s.Write(append(back, make([]byte, reportSize)...)); readAll(s) }, ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sensor, central := channel(20e6, 20*time.Millisecond)
				done := make(chan struct{})
				go func() { defer close(done); c.peer(sensor) }()
				began := time.Now()
				err := Serve(context.Background(), central, nil)
				if !errors.Is(err, c.want) {
					t.Errorf("ended with %v, want %v", err, c.want)
				}
				if took := time.Since(began); took > longest {
					t.Errorf("ended after %v", took)
				}
				central.reset()
				<-done
			})
		})
	}
}

func TestATestEndsWithItsContext(t *testing.T) {
	reason := errors.New("the administrator left")
	bothWays(t, func(t *testing.T, back bool) {
		for _, after := range []time.Duration{0, 5 * time.Millisecond, time.Second} {
			sensor, central := channel(20e6, 20*time.Millisecond)
			ctx, cancel := context.WithCancelCause(context.Background())
			if after > 0 {
				stop := time.AfterFunc(after, func() { cancel(reason) })
				defer stop.Stop()
			} else {
				cancel(reason)
			}
			served := make(chan error, 1)
			go func() { served <- Serve(ctx, central, nil) }()
			began := time.Now()
			_, err := Test(ctx, sensor, Spec{Back: back}, nil)
			if serving := <-served; !errors.Is(err, reason) || !errors.Is(serving, reason) || time.Since(began) > after {
				t.Errorf("ended with %v and %v after %v, cancelled after %v", err, serving, time.Since(began), after)
			}
			sensor.reset()
		}
	})
}

func TestATestOutOfBoundsIsNotBegun(t *testing.T) {
	for _, s := range []Spec{
		{Duration: time.Second - 1}, {Duration: MaxDuration + 1}, {Duration: -1}, {Rate: MinRate - 1}, {Rate: MaxRate + 1},
	} {
		if _, err := Test(t.Context(), nil, s, nil); !errors.Is(err, ErrSpec) {
			t.Errorf("%+v: %v", s, err)
		}
	}
	if s, err := (Spec{}).Check(); err != nil || s.Duration != DefaultDuration || s.Rate != MaxRate {
		t.Errorf("defaults %+v, %v", s, err)
	}
}

func TestRefusalsHaveWords(t *testing.T) {
	seen := map[string]bool{}
	for r := RefusedBusy; r <= RefusedLeaving+1; r++ {
		text := r.Error()
		if seen[text] || strings.HasSuffix(text, ".") {
			t.Errorf("refusal %d: %q", r, text)
		}
		seen[text] = true
	}
}

func FuzzTake(f *testing.F) {
	f.Add(frames(1)[:100], []byte{kindEnd, 0, 0})
	f.Add([]byte{kindData}, []byte{0, 1, 0})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		whole := receiver{spec: Spec{Duration: MinDuration, Rate: MaxRate}}
		parts := whole
		one := whole.take(append(append([]byte(nil), a...), b...), time.Second)
		two := parts.take(a, time.Second)
		if two == nil {
			two = parts.take(b, time.Second)
		}
		if (one == nil) != (two == nil) || one == nil && (whole.ended != parts.ended || whole.rest != parts.rest || whole.partly != parts.partly) {
			t.Errorf("at once %v, in two parts %v", one, two)
		}
	})
}
