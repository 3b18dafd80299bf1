package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"vedette/scripts/bench/load"
	"vedette/scripts/bench/report"
)

// trickle is uploads that announce much, send a little and never end.
type trickle struct{}

const (
	trickles      = 200
	trickleSays   = 1 << 30 // bytes that each announces
	trickleBegins = 1 << 20 // bytes that each sends at once
	trickleSends  = 2 << 10 // bytes that each sends a second from then on
	trickleWindow = 5 * time.Second
	trickleGone   = 10 * time.Second // what the subject has to forget them
)

// trickleLimits let one upload announce what it does, and all of them together
// no more than a fiftieth of what they announce.
const trickleLimits = "[scan]\nmax_object_size = \"1GiB\"\nspool_quota = \"4GiB\"\n"

func (trickle) what(o options) (report.Measure, int) {
	against := []report.Aim{report.To(plain, "", ""), report.To(dav, "", "")}
	return report.Measure{
		Name: "trickle", Subjects: o.Subjects, Ours: ours,
		About: fmt.Sprintf("%d uploads of one system that announce 1 GiB each, send 1 MiB at once and then 2 KiB a second, and never end; the spool's quota is 4 GiB; fresh processes", o.scaled(trickles)),
		Metrics: []report.Metric{
			{Key: "each", What: "growth of RSS for each upload", Unit: "KiB", Aims: against},
			{Key: "rss", What: "RSS in all", Unit: "MiB"},
			{Key: "peak", What: "highest RSS until then", Unit: "MiB"},
			{Key: "cpu", What: "CPU while they trickle", Unit: "cores"},
			{Key: "p99", What: "small object of another system meanwhile, p99 to OK", Unit: "ms"},
			{Key: "gone", What: "their end to nothing left of them", Unit: "ms"},
		},
	}, min(o.Rounds, 1)
}

func (trickle) begin(ctx context.Context, c *certificates, o options) (report.Turn, func() error, error) {
	turn := func(name string) (_ map[string]float64, err error) {
		s, err := startSubject(ctx, name, c, o, trickleLimits, badSystem, firstStore)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.process.End()) }()
		return s.trickle(ctx, c, o)
	}
	return turn, func() error { return nil }, nil
}

func (s *subject) trickle(ctx context.Context, c *certificates, o options) (map[string]float64, error) {
	other, err := s.calls(ctx, 1, c.systems[firstStore])
	if err != nil {
		return nil, err
	}
	defer dropAll(other)
	if err := other[0].submit(object{scanID: "warm", size: 1 << 10}); err != nil {
		return nil, err
	}
	before, err := s.process.Usage()
	if err != nil {
		return nil, err
	}
	uploads, err := s.calls(ctx, o.scaled(trickles), c.systems[badSystem])
	if err != nil {
		return nil, err
	}
	defer dropAll(uploads)
	err = load.Spread(ctx, 16, len(uploads), func(_ context.Context, i int) error {
		u := uploads[i]
		err := u.beginObject(object{scanID: fmt.Sprint("trickle-", i)}, trickleSays)
		if err == nil {
			err = u.content(trickleBegins)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	settle() // what comes now is not to wait for what they have sent
	began := time.Now()
	arrived, err := s.process.Usage()
	if err != nil {
		return nil, err
	}
	ends, stop := context.WithDeadline(ctx, began.Add(o.window(trickleWindow)))
	defer stop()
	var took []time.Duration
	for i := 0; ends.Err() == nil; i++ {
		sent := time.Now()
		if err := other[0].submit(object{scanID: fmt.Sprint("small-", i), size: 1 << 10}); err != nil {
			return nil, err
		}
		took = append(took, time.Since(sent))
		for k := i % 10; k < len(uploads); k += 10 { // a tenth of them, ten times a second
			if _, err := uploads[k].Write(noise[:trickleSends]); err != nil {
				return nil, fmt.Errorf("upload %d of %d was cut: %w", k+1, len(uploads), errors.Join(err, uploads[k].early(err)))
			}
		}
		_ = load.Pause(ends, time.Until(sent.Add(100*time.Millisecond))) // its end is the loop's
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	after, err := s.process.Usage()
	if err != nil {
		return nil, err
	}
	values := map[string]float64{
		"each": (after.RSS - before.RSS) / float64(len(uploads)), "rss": after.RSS / 1024, "peak": after.Peak / 1024,
		"cpu": (after.CPU - arrived.CPU).Seconds() / time.Since(began).Seconds(),
	}
	_, values["p99"], _ = load.Percentiles(took)
	if s.node == nil {
		return values, nil
	}
	dropAll(uploads)
	left := time.Now()
	incoming := filepath.Join(s.node.dir, "s", "scan", "spool", "incoming")
	for {
		files, err := os.ReadDir(incoming)
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			values["gone"] = 1000 * time.Since(left).Seconds()
			return values, nil
		}
		if time.Since(left) > trickleGone {
			return nil, fmt.Errorf("%d files of uploads that ended are still there after %s", len(files), trickleGone)
		}
		if err := load.Pause(ctx, 5*time.Millisecond); err != nil {
			return nil, err
		}
	}
}
