package scan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/pki"
)

// Config says what the room works with.
type Config struct {
	// Dir is the room's own folder; it is made when there is none.
	Dir string
	// Engines look at every object, in this order. Who made them closes them, after
	// Run has returned.
	Engines []engine.Engine
	// Alerts hears of every detection before its verdict is known.
	Alerts Alerts
	// First reports whether objects of a system go first while Maximum scan
	// priority is on. It is asked when an object of the system comes, and once a
	// second, never while the room holds a lock. nil: none does.
	First  func(system string) bool
	Limits Limits
	Logger *slog.Logger     // nil: silent
	Now    func() time.Time // nil: time.Now
}

// Limits bound what the room takes and does. Zero means the default.
type Limits struct {
	MaxObjectSize int64 // bytes; 100 MiB
	// SpoolQuota is how many bytes objects may take that arrive or wait for some
	// engine; 10 GiB. One system may have three quarters of it.
	SpoolQuota int64
	// InFlight is how many objects may arrive or wait for some engine at once, in
	// all, 4096, and of one system, 1024.
	InFlight, InFlightPerSystem int
	// Workers is how many objects each engine looks at at once; the number of CPUs.
	Workers int
	// Attempts is how often an object is brought to an engine that fails; 3. That an
	// engine is known not to answer counts as one of them.
	Attempts int
	// Timeout is how long one try may take; 2 minutes. RetryAfter is the wait before
	// the second try, 10 seconds; it doubles for each later one, and ends early when
	// an engine that did not answer does so again.
	Timeout, RetryAfter time.Duration
	// KeepResults and MaxResults are how long and how many verdicts are kept that
	// their system does not delete; 7 days and 200,000. When there are more, the
	// oldest of the systems that have most go.
	KeepResults time.Duration
	MaxResults  int
}

func (l Limits) withDefaults() Limits {
	l.MaxObjectSize = orDefault(l.MaxObjectSize, 100<<20)
	l.SpoolQuota = orDefault(l.SpoolQuota, 10<<30)
	l.InFlight = orDefault(l.InFlight, 4096)
	l.InFlightPerSystem = orDefault(l.InFlightPerSystem, min(1024, l.InFlight))
	l.Workers = orDefault(l.Workers, runtime.NumCPU())
	l.Attempts = orDefault(l.Attempts, 3)
	l.Timeout = orDefault(l.Timeout, 2*time.Minute)
	l.RetryAfter = orDefault(l.RetryAfter, 10*time.Second)
	l.KeepResults = orDefault(l.KeepResults, 7*24*time.Hour)
	l.MaxResults = orDefault(l.MaxResults, 200_000)
	return l
}

func orDefault[T comparable](value, standard T) T {
	var zero T
	if value == zero {
		return standard
	}
	return value
}

// share is how many bytes of the spool one system may take.
func (l Limits) share() int64 { return max(l.SpoolQuota/4*3, l.MaxObjectSize) }

// faults names every limit that can never work.
func (l Limits) faults() []error {
	var errs []error
	for _, v := range []struct {
		name  string
		value int64
	}{
		{"max_object_size", l.MaxObjectSize},
		{"spool_quota", l.SpoolQuota},
		{"in_flight", int64(l.InFlight)},
		{"in_flight_per_system", int64(l.InFlightPerSystem)},
		{"workers", int64(l.Workers)},
		{"attempts", int64(l.Attempts)},
		{"timeout", int64(l.Timeout)},
		{"retry_after", int64(l.RetryAfter)},
		{"keep_results", int64(l.KeepResults)},
		{"max_results", int64(l.MaxResults)},
	} {
		if v.value < 0 {
			errs = append(errs, fmt.Errorf("scan: %s must be more than 0", v.name))
		}
	}
	if l.SpoolQuota < l.MaxObjectSize {
		errs = append(errs, fmt.Errorf("scan: spool_quota (%d bytes) must have room for one object of max_object_size (%d bytes)",
			l.SpoolQuota, l.MaxObjectSize))
	}
	return errs
}

// withDefaults fills what may be left out and names what can never work.
func (c Config) withDefaults() (Config, error) {
	c.Engines = slices.Clone(c.Engines)
	c.Limits = c.Limits.withDefaults()
	if c.First == nil {
		c.First = func(string) bool { return false }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	errs := c.Limits.faults()
	if c.Dir == "" {
		errs = append(errs, errors.New("scan: a folder is needed"))
	}
	if len(c.Engines) == 0 {
		errs = append(errs, errors.New("scan: an engine is needed"))
	}
	if c.Alerts == nil {
		errs = append(errs, errors.New("scan: a place for alerts is needed"))
	}
	return c, errors.Join(errs...)
}

// Alerts keeps what was found.
type Alerts interface {
	// Detected returns when the finding is durable. A finding that it has had
	// before, by its Origin and Engine, has no effect.
	Detected(ctx context.Context, f Finding) error
}

// Finding is what one engine found in one object.
type Finding struct {
	// Origin is the same whenever the object is scanned again, and of no other
	// submission.
	Origin     string
	Key        Key
	Leaf       pki.Fingerprint // what the system proved to hold
	SystemName string
	Mail       bool // submitted by a mail sensor
	Remote     string
	Name       string // of the object: foreign text
	Size       int64
	// MD5 and SHA256 are lower-case hexadecimal digits.
	MD5, SHA256 string
	// Type is the media type that any engine recognised, or nothing.
	Type               string
	Submitted, Scanned time.Time
	Engine             string
	Technology         engine.Technology
	Result             engine.Result
}
