package sensor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/sensor/quality"
	"vedette/sensor/store"
)

// Quality is what a Sensor is told about measuring its link.
type Quality struct {
	// SpanInterfaces are those that mirrored traffic comes in on.
	SpanInterfaces []string
	// ChannelCapacityMbit is what the channel to the Central Node carries; 0:
	// what tests find.
	ChannelCapacityMbit int
	// Reflector is somebody else's STAMP reflector, host:port, that is measured
	// without authentication in place of the Central Node's; empty: the Central
	// Node's.
	Reflector string
}

// The bounds of what is configured.
const (
	MaxChannelCapacity = 1_000_000 // Mbit/s
	MaxSpanInterfaces  = 16
	maxInterfaceName   = 15 // bytes, as Linux has it
)

// CheckInterface reports what is wrong with the name of a network interface.
// Whether there is one now is no matter.
func CheckInterface(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%q is no name of an interface", name)
	case len(name) > maxInterfaceName:
		return fmt.Errorf("%q has more than %d bytes, so it is no interface's name", name, maxInterfaceName)
	case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '/' || r == ':' }):
		return fmt.Errorf("%q has characters that no interface's name has", name)
	}
	return nil
}

// CheckReflector reports what is wrong with the address of a reflector.
func CheckReflector(address string) error {
	host, port, err := net.SplitHostPort(address)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" || portErr != nil || n == 0 {
		return fmt.Errorf("%q is not an address like reflector.example.com:862", address)
	}
	return nil
}

func (q Quality) check() error {
	var errs []error
	if len(q.SpanInterfaces) > MaxSpanInterfaces {
		errs = append(errs, fmt.Errorf("%d SPAN interfaces: there can be %d", len(q.SpanInterfaces), MaxSpanInterfaces))
	}
	for _, name := range q.SpanInterfaces {
		errs = append(errs, CheckInterface(name))
	}
	if q.ChannelCapacityMbit < 0 || q.ChannelCapacityMbit > MaxChannelCapacity {
		errs = append(errs, fmt.Errorf("channel capacity of %d Mbit/s: it can be 1 to %d, or 0", q.ChannelCapacityMbit, MaxChannelCapacity))
	}
	if q.Reflector != "" {
		errs = append(errs, CheckReflector(q.Reflector))
	}
	return errors.Join(errs...)
}

// newQuality makes the room that measures the link.
func (s *Sensor) newQuality(ctx context.Context) *quality.Room {
	c, log := s.config, s.config.Logger.With("room", "quality")
	told := newVerdicts(s.base.Trail.Note, log)
	return quality.New(ctx, quality.Config{
		Path: s.path, Lanes: s.lanes, Ingress: s.ingress, Copies: s.copies,
		IngressLimit: c.ingressLimit(), Capacity: uint64(c.Quality.ChannelCapacityMbit) * bitsPerMbit, Spans: c.Quality.SpanInterfaces,
		Store: s.entities, Changed: told.changed, Logger: log, Now: c.Now,
	})
}

// path is where the link is measured.
func (s *Sensor) path() (quality.Path, string) {
	if other := s.config.Quality.Reflector; other != "" {
		return quality.Path{Reflector: other}, ""
	}
	if p, ok := s.uplink.Path(); ok {
		return quality.Path{Local: p.Local, Reflector: p.Reflector.String(), Authenticated: true, Session: p.Session, Key: p.Key}, ""
	}
	if s.uplink.Refusal() != nil {
		return quality.Path{}, "There is no link that carries agents, so there is nothing to measure."
	}
	return quality.Path{}, "The Central Node reflects no measuring packets: `[stamp] listen` is off in its configuration, or its version does not know them."
}

func (s *Sensor) lanes() (all []quality.Lane) {
	for _, lane := range s.uplink.Lanes() {
		if info, ok := lane.TCP(); ok {
			all = append(all, quality.Lane{ID: lane, Class: lane.Class().String(), TCP: info})
		}
	}
	return all
}

func (s *Sensor) ingress() quality.Ingress {
	c := s.proxy.Counts()
	return quality.Ingress{Bytes: c.IngressBytes, Held: c.HeldFor}
}

func (s *Sensor) copies() (copying bool, copied, sent uint64) {
	stats := s.uplink.Look().Stats
	return stats.Copying, stats.CopiedBytes, stats.SentBytes
}

const (
	// actVerdict is the word of the records that say how the link stands.
	actVerdict = "link verdict"
	// recordsPerHour bounds them for each limit: a link at the edge of one must
	// not fill the trail, from which nothing is removed.
	recordsPerHour = 12
	noteTimeout    = 30 * time.Second
)

// verdicts tells of changes of verdicts: each in the log, and as many as the
// trail should have there.
type verdicts struct {
	note func(context.Context, audit.Record) error
	log  *slog.Logger
	// Of each limit, when the records of the last hour were made, by the
	// monotonic clock, and how many changes since then have none.
	made   map[acts.LimitName][]time.Time
	unsaid map[acts.LimitName]int
}

func newVerdicts(note func(context.Context, audit.Record) error, log *slog.Logger) *verdicts {
	return &verdicts{note: note, log: log, made: make(map[acts.LimitName][]time.Time), unsaid: make(map[acts.LimitName]int)}
}

// changed is called by one goroutine at a time.
func (v *verdicts) changed(now acts.Judged, before acts.Verdict) {
	text := describe(now, before)
	attrs := []any{"limit", string(now.Limit), "verdict", string(now.Verdict), "before", string(before), "value", now.Value(), "bound", now.Most(), "meaning", now.Meaning()}
	if next := now.Next(); next != "" {
		attrs = append(attrs, "next", next)
	}
	if now.Verdict.Worse(before) {
		v.log.Warn("link quality", attrs...)
	} else {
		v.log.Info("link quality", attrs...)
	}
	v.record(now.Limit, text)
}

func describe(now acts.Judged, before acts.Verdict) string {
	if now.Verdict == acts.VerdictUnknown {
		return fmt.Sprintf("%s became %s", before, now.Verdict)
	}
	return fmt.Sprintf("%s became %s: %s", before, now.Verdict, now.Figure())
}

func (v *verdicts) record(limit acts.LimitName, text string) {
	now, recent := time.Now(), v.made[limit]
	for len(recent) > 0 && now.Sub(recent[0]) >= time.Hour {
		recent = recent[1:]
	}
	v.made[limit] = recent
	if len(recent) >= recordsPerHour {
		v.unsaid[limit]++
		return
	}
	if n := v.unsaid[limit]; n > 0 {
		text += fmt.Sprintf("; %d changes before this one have no record", n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), noteTimeout)
	defer cancel()
	err := v.note(ctx, audit.Record{
		Account: store.Program, Face: string(acts.FaceLink), From: "local", Act: actVerdict,
		Subject: []string{string(limit)}, Result: audit.Done, Detail: text,
	})
	if err != nil {
		v.unsaid[limit]++
		v.log.Error("write audit record", "act", actVerdict, "error", err)
		return
	}
	v.made[limit], v.unsaid[limit] = append(recent, now), 0
}
