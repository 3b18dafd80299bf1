package eventlog

import (
	"errors"
	"log/slog"
	"time"
)

const (
	// DefaultMaxAge is how long events are kept when Config.MaxAge is zero.
	DefaultMaxAge = 2 * time.Hour
	// DefaultMaxBytes bounds the stored bytes when Config.MaxBytes is zero.
	DefaultMaxBytes = 8 << 30
	// minMaxBytes leaves room for a few of the largest packages.
	minMaxBytes = 16 << 20

	// MaxStored is the most bytes that one package may take when encoded.
	MaxStored = 900 << 10
	// MaxEvents is the most events that one package may carry.
	MaxEvents = 1024
	// MaxSeqJump is how far a seq may be ahead of its queue's highest one.
	MaxSeqJump = 1_000_000
)

// Config says where events are kept and for how long.
type Config struct {
	// Dir is the folder of the embedded store. It is created with mode 0700 and
	// must be empty or the log's own. Not used with NATSURL.
	Dir string
	// NATSURL, when set, names an existing NATS server or cluster with
	// JetStream (several addresses separated by commas) instead of the embedded
	// one.
	NATSURL string
	// MaxAge is how long a package is kept; zero means DefaultMaxAge.
	MaxAge time.Duration
	// MaxBytes bounds the stored bytes, oldest packages go first; zero means
	// DefaultMaxBytes.
	MaxBytes int64
	// Checkpoints keeps the queues' states beyond the life of the messages.
	Checkpoints Checkpoints
	// Logger receives what the log and the embedded server have to say.
	Logger *slog.Logger
	// Now is the clock that retention and arrival times use; nil means
	// time.Now.
	Now func() time.Time
}

// withDefaults fills what may be left out and names what can never work.
func (c Config) withDefaults() (Config, error) {
	if c.MaxAge == 0 {
		c.MaxAge = DefaultMaxAge
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	var errs []error
	if c.Dir == "" && c.NATSURL == "" {
		errs = append(errs, errors.New("event log needs a folder or a NATS address"))
	}
	if c.Checkpoints == nil {
		errs = append(errs, errors.New("event log needs a place for checkpoints"))
	}
	if c.MaxAge < time.Minute {
		errs = append(errs, errors.New("events must be kept for at least a minute"))
	}
	if c.MaxBytes < minMaxBytes {
		errs = append(errs, errors.New("event log needs at least 16 MiB"))
	}
	return c, errors.Join(errs...)
}
