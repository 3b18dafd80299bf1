package eventlog

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// natsServer starts a NATS server of its own on the loopback interface.
func natsServer(t *testing.T, dir string, port int, change func(*server.Options)) *server.Server {
	t.Helper()
	opts := &server.Options{
		Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir, SyncAlways: true,
	}
	if change != nil {
		change(opts)
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS server did not get ready")
	}
	t.Cleanup(func() { stopEmbedded(srv) })
	return srv
}

func TestExistingServerIsUsedAndComesBack(t *testing.T) {
	dir := t.TempDir()
	srv := natsServer(t, dir, server.RANDOM_PORT, nil)
	port := srv.Addr().(*net.TCPAddr).Port
	cp := new(memory)
	l := open(t, Config{NATSURL: srv.ClientURL(), Checkpoints: cp})
	run(t, l)
	if s := l.State(); s.Kind != Cluster || s.Degraded || !strings.Contains(s.Durability, "1 copy") || !strings.Contains(s.Durability, "sync_interval") {
		t.Fatalf("state: %+v", s)
	}
	appendOK(t, l, newPackage(1, 1, 500), Stored)
	appendOK(t, l, newPackage(1, 1, 500), Duplicate)

	stopEmbedded(srv)
	within(t, 10*time.Second, "degraded", func() bool { return l.State().Degraded })
	degraded(t, l, fmt.Sprintf("127.0.0.1:%d", port), "by itself")

	natsServer(t, dir, port, nil)
	within(t, 20*time.Second, "well again", func() bool { return !l.State().Degraded })
	appendOK(t, l, newPackage(1, 2, 500), Stored)
	upkeep(t, l)
	if got := len(records(t, l, Filter{})); got != 2*len(newPackage(1, 1, 500).Events) {
		t.Errorf("%d records", got)
	}
	if cp.at.Seq != 2 {
		t.Errorf("checkpoint at %d, want 2", cp.at.Seq)
	}
}

// TestPackageStoredBehindTheBackIsKnownAtTheCheckpoint is what a slow server
// does with a package whose connection has ended: it stores it after its queue
// was read back.
func TestPackageStoredBehindTheBackIsKnownAtTheCheckpoint(t *testing.T) {
	srv := natsServer(t, t.TempDir(), server.RANDOM_PORT, nil)
	l := open(t, Config{NATSURL: srv.ClientURL()})
	appendOK(t, l, newPackage(1, 1, 500), Stored)
	late := newPackage(1, 2, 500)
	e, err := encode(late, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.session()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.publish(e); err != nil {
		t.Fatal(err)
	}
	appendOK(t, l, late, Duplicate) // the server knows it by its id
	late.Seq = 3
	if e, err = encode(late, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.publish(e); err != nil {
		t.Fatal(err)
	}
	reader := start(t, l, time.Time{})
	if reader, err = l.Read(t.Context(), reader, time.Time{}, func(Record) bool { return true }); err != nil || reader.Place != 3 {
		t.Fatalf("read before the checkpoint: at %+v, %v", reader, err)
	}
	more := l.Ready(reader)
	upkeep(t, l)
	select {
	case <-more:
	default:
		t.Error("readers are not told of it")
	}
	if reader, err = l.Read(t.Context(), reader, time.Time{}, func(Record) bool { return true }); err != nil || reader.Place != 4 {
		t.Errorf("read after the checkpoint: at %+v, %v", reader, err)
	}
	r, err := l.Append(t.Context(), late)
	if err != nil || r.Outcome != Duplicate || r.DurableSeq != 3 {
		t.Errorf("sent again: %v, %v", r, err)
	}
	if n := packages(t, l); n != 3 {
		t.Errorf("%d packages stored, want 3", n)
	}
}

func TestServerThatDoesNotFitIsNamedWithoutItsPassword(t *testing.T) {
	password := func(o *server.Options) { o.Username, o.Password = "vedette", "correct" }
	locked := natsServer(t, t.TempDir(), server.RANDOM_PORT, password)
	plain := natsServer(t, t.TempDir(), server.RANDOM_PORT, func(o *server.Options) { o.JetStream = false })
	foreign := natsServer(t, t.TempDir(), server.RANDOM_PORT, nil)
	s := newSession()
	if err := s.connect(foreign.ClientURL()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: streamName, Subjects: []string{"other"}}); err != nil {
		t.Fatal(err)
	}
	s.close()
	for _, tt := range []struct {
		url   string
		words []string
	}{
		{"nats://127.0.0.1:1", []string{"127.0.0.1:1", "by itself"}},
		{"not a url", []string{"unreadable address"}},
		{strings.Replace(locked.ClientURL(), "nats://", "nats://vedette:sesame@", 1), []string{"user or password"}},
		{plain.ClientURL(), []string{"offers no JetStream"}},
		{foreign.ClientURL(), []string{"not made by Vedette", "another NATS server"}},
	} {
		l := open(t, Config{NATSURL: tt.url})
		degraded(t, l, tt.words...)
		if r := l.State().Reason; strings.Contains(r, "sesame") {
			t.Errorf("reason shows the password: %s", r)
		}
	}
}

func TestLimitsOfAnExistingStreamFollowTheConfiguration(t *testing.T) {
	srv := natsServer(t, t.TempDir(), server.RANDOM_PORT, func(o *server.Options) { o.MaxPayload = 256 << 10 })
	first := open(t, Config{NATSURL: srv.ClientURL(), MaxBytes: 64 << 20})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	l := open(t, Config{NATSURL: srv.ClientURL(), MaxBytes: 32 << 20})
	s, err := l.session()
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.stream.Info(t.Context())
	if err != nil || info.Config.MaxBytes != 32<<20 || info.Config.MaxAge != 0 {
		t.Errorf("stream: %+v, %v", info, err)
	}
	if w := strings.Join(l.State().Warnings, "\n"); !strings.Contains(w, "max_payload") {
		t.Errorf("warnings: %q", w)
	}
	p := newPackage(1, 1, 300_000)
	if _, err := l.Append(t.Context(), p); err == nil || !strings.Contains(err.Error(), ErrTooLarge.Error()) {
		t.Errorf("append over max_payload: %v", err)
	}
	appendOK(t, l, newPackage(1, 1, 1000), Stored)
}
