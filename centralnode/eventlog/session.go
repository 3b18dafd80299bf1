package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	streamName = "VEDETTE_EVENTS"
	// metaStore and metaFormat are the stream's own notes about itself.
	metaStore  = "vedette-store"
	metaFormat = "vedette-format"

	// publishTimeout is how long a package may take to be stored; after that
	// its outcome is unknown and the session is given up.
	publishTimeout = 10 * time.Second
	requestTimeout = 5 * time.Second
)

// session is one connection to one started store. It fails as a whole: after
// the first fault nothing more is decided with it, and Run opens the next one.
type session struct {
	ctx  context.Context
	fail context.CancelCauseFunc

	server *server.Server // nil with an existing NATS server
	nc     *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	// store is the identity of the event store.
	store      string
	durability string
	warnings   []string
	// adopted is set when the stream's limits are the configured ones; guarded
	// by Log.saving.
	adopted bool

	// diagnose looks for the plain reason of a fault.
	diagnose func() error
	// kick asks watch for a look at the embedded server's health.
	kick    chan struct{}
	watcher sync.WaitGroup
}

// newSession makes a session that has no connection yet.
func newSession() *session {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &session{ctx: ctx, fail: cancel, kick: make(chan struct{}, 1)}
}

// failed returns what ended the session, or nil.
func (s *session) failed() error { return context.Cause(s.ctx) }

// connect makes the connection; whatever ends it ends the session.
func (s *session) connect(url string, opts ...nats.Option) error {
	opts = append(opts,
		nats.Name("vedette central node"),
		// A lost connection leaves outcomes unknown, so it is never mended in
		// place: a new session starts by reading them back.
		nats.NoReconnect(),
		nats.Timeout(requestTimeout),
		nats.ClosedHandler(func(nc *nats.Conn) {
			s.fail(fmt.Errorf("connection to the event store ended: %w", errors.Join(nats.ErrConnectionClosed, nc.LastError())))
		}),
	)
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		return err
	}
	s.nc = nc
	s.js, err = jetstream.New(nc)
	return err
}

// suspect asks for a look at the embedded server's health.
func (s *session) suspect() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// watch fails the session when the embedded server is not well. The server
// leaves a publish that it could not write without an answer.
func (s *session) watch() {
	// It may still be on its way to know when it writes its line.
	again := []time.Duration{0, 100 * time.Millisecond, time.Second}
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.kick:
		}
		for _, wait := range again {
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(wait):
			}
			if err := health(s.server); err != nil {
				s.fail(errors.Join(s.diagnose(), err))
				return
			}
		}
	}
}

// close ends the session and waits until nothing of it is left: after that no
// package that was handed to it can become durable any more.
func (s *session) close() {
	s.fail(ErrClosed)
	if s.nc != nil {
		s.nc.Close()
	}
	if s.server != nil {
		stopEmbedded(s.server)
	}
	s.watcher.Wait()
}

// publish stores one message and returns its stream sequence; without an error
// it is durable. duplicate says that the server had it already.
func (s *session) publish(e entry) (seq uint64, duplicate bool, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, publishTimeout)
	defer cancel()
	opts := []jetstream.PublishOpt{jetstream.WithRetryAttempts(0), jetstream.WithExpectStream(streamName)}
	if s.server == nil {
		// A remote server may still store what an ended connection had sent;
		// its id keeps it from being stored beside the copy sent again.
		opts = append(opts, jetstream.WithMsgID(fmt.Sprintf("%s.%s.%d.%s", e.key.AgentID, e.key.QueueID, e.seq, e.digest)))
	}
	ack, err := s.js.PublishMsg(ctx, e.msg, opts...)
	if err != nil {
		if cause := s.failed(); cause != nil {
			return 0, false, cause
		}
		return 0, false, err
	}
	return ack.Sequence, ack.Duplicate, nil
}

// last reads back the newest stored package of a queue.
func (s *session) last(ctx context.Context, key QueueKey) (envelope, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	m, err := s.stream.GetLastMsgForSubject(ctx, key.subject())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return envelope{}, false, nil
	}
	if err != nil {
		return envelope{}, false, fmt.Errorf("read back the newest package of a queue: %w", err)
	}
	env, err := decode(m.Subject, m.Header, m.Data, m.Sequence)
	return env, err == nil, err
}

// info reads what the stream holds.
func (s *session) info(ctx context.Context) (jetstream.StreamState, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	info, err := s.stream.Info(ctx)
	if err != nil {
		return jetstream.StreamState{}, fmt.Errorf("read the state of the event store: %w", err)
	}
	return info.State, nil
}

// streamConfig is the stream as this program wants it. Age is not the server's
// business: it would remove packages that no checkpoint covers yet.
func streamConfig(store string, maxBytes int64, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        streamName,
		Description: "Vedette: packages of events, one message each",
		Subjects:    []string{subjectAll},
		Retention:   jetstream.LimitsPolicy,
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		MaxBytes:    maxBytes,
		Replicas:    replicas,
		DenyDelete:  true,
		Metadata:    map[string]string{metaStore: store, metaFormat: "1"},
	}
}

// logOpened tells the log what a new session found.
func (s *session) logOpened(log *slog.Logger) {
	st := s.stream.CachedInfo().State
	log.Info("event store opened", "durability", s.durability, "packages", st.Msgs, "bytes", st.Bytes)
	for _, w := range s.warnings {
		log.Error("event store: " + w)
	}
}
