package eventlog

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"
)

// StoreKind says what keeps the events.
type StoreKind string

const (
	// Embedded: the NATS server inside this process.
	Embedded StoreKind = "embedded"
	// Cluster: the NATS server or cluster of Config.NATSURL.
	Cluster StoreKind = "cluster"
)

// State describes the log as it is now, for people and metrics.
type State struct {
	Kind StoreKind
	// Degraded is true while packages are not acknowledged.
	Degraded bool
	// Reason says in plain words why it is degraded and what ends it.
	Reason string
	// Durability says what an acknowledged package has survived by then.
	Durability string
	// Warnings are lasting findings, such as packages missing at start.
	Warnings []string
	// Messages and Bytes count what is stored, as of the last look, at most a
	// few seconds ago while Run runs.
	Messages uint64
	Bytes    uint64
	// Oldest is when the oldest stored package arrived; zero when none is.
	Oldest time.Time
	// Checkpointed is when queue states were last saved.
	Checkpointed time.Time
}

// State says how the log is.
func (l *Log) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.view
	v.Checkpointed = l.saved
	v.Warnings = slices.Clone(v.Warnings)
	switch {
	case l.closed:
		v.Degraded, v.Reason = true, "the event log is closed"
	case l.current == nil:
		v.Degraded, v.Reason = true, l.explain(l.cause)
	case l.current.failed() != nil:
		v.Degraded, v.Reason = true, l.explain(l.current.failed())
	case l.unsaved > l.cfg.MaxBytes/2:
		v.Degraded, v.Reason = true, l.unsavedReason()
	case l.saveErr != nil:
		v.Warnings = append(v.Warnings, fmt.Sprintf("queue states cannot be saved: %v", l.saveErr))
	}
	return v
}

// unsavedReason says why admit refuses. l.mu is held.
func (l *Log) unsavedReason() string {
	if l.saveErr == nil {
		return "packages wait for queue states to be saved"
	}
	return fmt.Sprintf("queue states cannot be saved: %v; packages are taken again when they can", l.saveErr)
}

// look notes what the store holds. l.mu is held.
func (l *Log) look(s *session, st jetstream.StreamState) {
	l.view.Durability = s.durability
	l.view.Warnings = s.warnings
	l.view.Messages, l.view.Bytes = st.Msgs, st.Bytes
	l.view.Oldest = time.Time{}
	if st.Msgs > 0 {
		l.view.Oldest = st.FirstTime
	}
}

// degrade notes why there is no session and says it once.
func (l *Log) degrade(err error) {
	l.mu.Lock()
	reason := l.explain(err)
	again := l.cause != nil && l.explain(l.cause) == reason
	l.cause = err
	closed := l.closed
	l.mu.Unlock()
	if !again && !closed {
		l.cfg.Logger.Error("events are not acknowledged", "reason", reason, "error", err)
	}
}

// explain says in plain words what is wrong and what ends it.
func (l *Log) explain(err error) string {
	const itself = "; this ends by itself"
	dir := l.cfg.Dir
	switch {
	case err == nil:
		return ""
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Sprintf("no space left in %s: free at least %d MiB there%s then", dir, freeAtLeast>>20, itself)
	case errors.Is(err, unix.EROFS):
		return fmt.Sprintf("the file system of %s is read-only: check the disk%s when it can be written", dir, itself)
	case errors.Is(err, unix.EIO):
		return fmt.Sprintf("the disk under %s reports errors: check it%s when it works", dir, itself)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%s may not be written: give it to the service's user%s then", dir, itself)
	case errors.Is(err, errForeign), errors.Is(err, errDamaged):
		what := err.Error()
		if l.cfg.NATSURL == "" {
			return fmt.Sprintf("%s: move %s away or choose an empty folder%s then", what, dir, itself)
		}
		return what + ": name another NATS server, or remove that stream" + itself + " then"
	case errors.Is(err, errLocked):
		return fmt.Sprintf("%v: end the other process%s then", err, itself)
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Sprintf("the NATS server at %s offers no JetStream: switch it on, or wait for the cluster's leader%s then", hosts(l.cfg.NATSURL), itself)
	case errors.Is(err, nats.ErrAuthorization):
		return fmt.Sprintf("the NATS server at %s refuses the user or password in events.nats_url", hosts(l.cfg.NATSURL))
	case l.cfg.NATSURL != "":
		return fmt.Sprintf("the NATS server at %s cannot be used: %v%s when it answers", hosts(l.cfg.NATSURL), err, itself)
	}
	return fmt.Sprintf("the event store in %s does not work: %v; it is tried again", dir, err)
}

// hosts names the servers of a NATS address without what may be secret in it.
func hosts(natsURL string) string {
	var names []string
	for part := range strings.SplitSeq(natsURL, ",") {
		part = strings.TrimSpace(part)
		if !strings.Contains(part, "://") {
			part = "nats://" + part
		}
		u, err := url.Parse(part)
		if err != nil || u.Host == "" {
			names = append(names, "(unreadable address)")
			continue
		}
		names = append(names, u.Host)
	}
	return strings.Join(names, ", ")
}
