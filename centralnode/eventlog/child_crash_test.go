package eventlog

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// childEnv carries the spec of a crash harness's child.
const childEnv = "EVENTLOG_TEST_CHILD"

// childSpec says what a child does until it is killed.
type childSpec struct {
	Dir         string
	Checkpoints string
	MaxBytes    int64
	// Next is the seq that each appender goes on with.
	Next []uint64
	// Scale multiplies the packages' sizes, so that blocks fill sooner.
	Scale int
	// Churn makes checkpoints and removes what is older than a second, all the
	// time.
	Churn bool
}

// ack is what a child reports after Append has returned.
type ack struct {
	Appender int
	Seq      uint64
	Outcome  Outcome
}

// sizeOf is how large the package of an appender with this seq is: mostly
// small, some of usual size, a few large ones.
func sizeOf(appender int, seq uint64) int {
	switch n := (uint64(appender)*31 + seq*17) % 100; {
	case n < 70:
		return 2_000
	case n < 99:
		return 8_000
	}
	return 300_000
}

// size is sizeOf, scaled.
func (s *childSpec) size(appender int, seq uint64) int {
	return min(sizeOf(appender, seq)*s.Scale, 800_000)
}

// runChild appends until it is killed.
func runChild(text string) error {
	var spec childSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	cp, err := openFile(spec.Checkpoints)
	if err != nil {
		return err
	}
	ctx := context.Background()
	l, err := Open(ctx, Config{
		Dir: spec.Dir, MaxBytes: spec.MaxBytes, Checkpoints: cp,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	go func() { _ = l.Run(ctx) }() // it ends with the process
	if spec.Churn {
		l.cfg.MaxAge = time.Second
		go churn(ctx, l)
	}
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	failed := make(chan error)
	for i, next := range spec.Next {
		go func() {
			for seq := next; ; seq++ {
				r, err := l.Append(ctx, newPackage(i, seq, spec.size(i, seq)))
				if err != nil {
					failed <- fmt.Errorf("appender %d: seq %d: %w", i, seq, err)
					return
				}
				mu.Lock()
				err = out.Encode(ack{Appender: i, Seq: seq, Outcome: r.Outcome})
				mu.Unlock()
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	// The parent holds the other end; its end is this child's end too.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		failed <- io.EOF
	}()
	return <-failed
}

// churn keeps moving the checkpoint and the beginning of the store.
func churn(ctx context.Context, l *Log) {
	for range time.Tick(30 * time.Millisecond) {
		s, err := l.session()
		if err != nil {
			continue
		}
		if l.checkpoint(ctx) == nil {
			_ = l.retire(ctx, s) // the next one tries again
		}
	}
}
