package eventlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// embeddedPayload bounds a message with its headers.
	embeddedPayload = 1 << 20
	// embeddedStore is the server's own limit, out of the way of the stream's.
	embeddedStore = 1 << 60
	// embeddedStart bounds how long the server may take to be ready after it
	// has recovered its streams.
	embeddedStart = 10 * time.Second
)

// openEmbedded starts the server on the folder and finds or makes the stream.
// faulted says that the session before this one met a fault of the disk.
func openEmbedded(ctx context.Context, f *folder, cfg Config, faulted, quiet bool) (_ *session, err error) {
	if err := f.probe(); err != nil {
		return nil, err
	}
	m, err := f.readMarker()
	if errors.Is(err, fs.ErrNotExist) {
		m = marker{Format: markerFormat, Store: newStoreID()}
		err = f.writeMarker(m)
	}
	if err != nil {
		return nil, err
	}
	if faulted {
		if err := f.rewriteNewest(); err != nil {
			return nil, err
		}
	}
	if err := f.settle(); err != nil {
		return nil, err
	}
	s := newSession()
	s.diagnose = f.probe
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	log := &serverLog{log: cfg.Logger, onError: s.suspect}
	log.quiet.Store(quiet)
	if s.server, err = startEmbedded(f, log); err != nil {
		return nil, err
	}
	log.quiet.Store(false)
	s.watcher.Go(s.watch)
	if err = s.connect("", nats.InProcessServer(s.server)); err != nil {
		return nil, err
	}
	want := streamConfig(m.Store, cfg.MaxBytes, 1)
	s.stream, err = s.js.Stream(ctx, streamName)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound) && !m.Ready:
		s.stream, err = s.js.CreateStream(ctx, want)
	case errors.Is(err, jetstream.ErrStreamNotFound):
		err = fmt.Errorf("%w: its stream cannot be read", errDamaged)
	case err == nil && s.stream.CachedInfo().Config.Metadata[metaStore] != m.Store:
		err = fmt.Errorf("%w: stream and %s do not belong together", errDamaged, markerName)
	}
	if err != nil {
		return nil, err
	}
	if !m.Ready {
		m.Ready = true
		if err = f.settle(); err != nil {
			return nil, err
		}
		if err = f.writeMarker(m); err != nil {
			return nil, err
		}
	}
	s.store = m.Store
	s.durability = "every package is synced to this server's disk before it is acknowledged"
	if n := s.stream.CachedInfo().State.NumDeleted; n > 0 {
		s.warnings = append(s.warnings, fmt.Sprintf("%d packages are missing in the middle of the event store", n))
	}
	return s, nil
}

// startEmbedded starts the server inside this process: no port, no signals, a
// sync after every write.
func startEmbedded(f *folder, log *serverLog) (*server.Server, error) {
	srv, err := server.NewServer(&server.Options{
		ServerName:             "vedette-events",
		DontListen:             true,
		NoSigs:                 true,
		JetStream:              true,
		StoreDir:               f.path,
		SyncAlways:             true,
		JetStreamMaxStore:      embeddedStore,
		JetStreamMaxMemory:     16 << 20,
		MaxPayload:             embeddedPayload,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded server: %w", err)
	}
	srv.SetLoggerV2(log, false, false, false)
	srv.Start()
	if err := log.takeFatal(); err != nil {
		stopEmbedded(srv)
		return nil, fmt.Errorf("embedded server: %w", err)
	}
	if !srv.ReadyForConnections(embeddedStart) || !srv.JetStreamEnabled() {
		stopEmbedded(srv)
		return nil, errors.New("embedded server did not get ready")
	}
	return srv, nil
}

func stopEmbedded(srv *server.Server) {
	srv.Shutdown()
	srv.WaitForShutdown()
}

// health says what the server itself knows to be wrong with its store.
func health(srv *server.Server) error {
	if !srv.JetStreamEnabled() {
		return errors.New("the embedded server has switched its store off")
	}
	// The server's own check allows itself a millisecond, and calls itself not
	// ready when a busy machine gave it none. A real fault stays.
	var found error
	for range healthTries {
		h := srv.Healthz(&server.HealthzOptions{})
		if h.Error == "" {
			return nil
		}
		found = errors.New(h.Error)
	}
	return found
}

// healthTries is how often in a row a fault must show to be believed.
const healthTries = 10

// serverLog passes the server's lines on. Its notices are for whoever looks
// closely; its errors also make the session look at the server's health, since
// a publish that could not be written is not answered.
type serverLog struct {
	log *slog.Logger
	// quiet lowers all lines, while the same fault is met again and again.
	quiet atomic.Bool
	// onError is told about every error.
	onError func()

	mu    sync.Mutex // guards fatal
	fatal error
}

func (l *serverLog) line(level slog.Level, format string, v []any) {
	if l.quiet.Load() {
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, "event store", "line", fmt.Sprintf(format, v...))
}

// Noticef implements server.Logger.
func (l *serverLog) Noticef(format string, v ...any) { l.line(slog.LevelDebug, format, v) }

// Warnf implements server.Logger.
func (l *serverLog) Warnf(format string, v ...any) { l.line(slog.LevelWarn, format, v) }

// Errorf implements server.Logger.
func (l *serverLog) Errorf(format string, v ...any) {
	l.line(slog.LevelError, format, v)
	l.onError()
}

// Fatalf implements server.Logger; it ends the start of the server only.
func (l *serverLog) Fatalf(format string, v ...any) {
	l.line(slog.LevelError, format, v)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == nil {
		l.fatal = fmt.Errorf(format, v...)
	}
}

// Debugf implements server.Logger.
func (l *serverLog) Debugf(format string, v ...any) {}

// Tracef implements server.Logger.
func (l *serverLog) Tracef(format string, v ...any) {}

func (l *serverLog) takeFatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}
