package agent_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/timestamppb"

	"vedette/agent"
	"vedette/agent/agenttest"
	"vedette/agent/collect"
	"vedette/agent/uplink"
	"vedette/internal/settings"
	"vedette/pki"
	"vedette/pki/pkitest"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/problem"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("AGENT_CRASH_DIR"); dir != "" {
		crashingAgent(dir)
	}
	if dir := os.Getenv("AGENT_COST_DIR"); dir != "" {
		realAgent(dir)
	}
	goleak.VerifyTestMain(m)
}

var quick = uplink.Backoff{First: 5 * time.Millisecond, Refused: 20 * time.Millisecond, Most: 20 * time.Millisecond, Cut: 5 * time.Millisecond}

// source tells what a test sends.
type source struct{ events chan *agentv1.Event }

func newSource() *source { return &source{events: make(chan *agentv1.Event, 4096)} }

func (s *source) Name() string   { return collect.NamePoll }
func (s *source) Limits() string { return "it is a fake" }

func (s *source) Run(ctx context.Context, emit func(*agentv1.Event)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-s.events:
			emit(e)
		}
	}
}

var lastID atomic.Uint64

func start(exe string, args ...string) *agentv1.Event {
	return &agentv1.Event{Id: fmt.Sprintf("%032x", lastID.Add(1)), Time: timestamppb.Now(), Kind: &agentv1.Event_ProcessStart{
		ProcessStart: &agentv1.ProcessStart{Pid: 7, Executable: exe, Args: args, UserId: "0"}}}
}

// write puts a policy file into the folder of a configuration.
func write(t testing.TB, c agent.Config, text string) {
	t.Helper()
	path := c.PolicyFile + ".new"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, c.PolicyFile); err != nil {
		t.Fatal(err)
	}
}

func pinned(p *pki.Pair) string {
	return "use_pinned_certificate = true\ncertificate = '''\n" +
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Leaf().Raw})) + "'''\n"
}

func config(t testing.TB) agent.Config {
	t.Helper()
	dir := t.TempDir()
	c := agent.DefaultConfig()
	c.StateDir, c.PolicyFile = filepath.Join(dir, "state"), filepath.Join(dir, "policy.toml")
	c.PackagePeriod = settings.Duration(100 * time.Millisecond)
	return c
}

type running struct {
	*agent.Agent
	stop func()
}

func run(t testing.TB, c agent.Config, s collect.Source) *running {
	t.Helper()
	a, err := agent.New(c, agent.Options{
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Version: "1.2.3", Source: func() collect.Source { return s },
		Backoff: quick, Follow: 5 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stopped := false
	r := &running{Agent: a, stop: func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}}
	t.Cleanup(r.stop)
	return r
}

func TestEventsReachTheCentralNode(t *testing.T) {
	n, s, c := agenttest.Start(t), newSource(), config(t)
	write(t, c, fmt.Sprintf("enabled = true\nservers = [%q]\n%s", n.Address, pinned(n.Pair)))
	r := run(t, c, s)
	for i := range 50 {
		s.events <- start("/bin/x", fmt.Sprint(i))
	}
	agenttest.Eventually(t, "delivery", func() bool { return len(n.Events()) == 50 })
	sync := n.Syncs()[0]
	if h := sync.GetHost(); h.GetName() == "" || h.GetOsName() == "" || h.GetAgentVersion() != "1.2.3" || h.GetOsFamily() != "linux" {
		t.Fatalf("host %v", h)
	}
	st := r.Status()
	if st.Connection.Code != uplink.CodeConnected || len(st.Pins) != 1 || st.Pins[0] != n.Pair.Fingerprint() || st.Collector != collect.NamePoll || st.Cost.RSSBytes == 0 {
		t.Fatalf("status %+v", st)
	}
	if _, err := agent.New(c, agent.Options{Log: slog.New(slog.DiscardHandler)}); !errors.Is(err, agent.ErrRunning) {
		t.Fatalf("a second agent: %v", err)
	}
	agenttest.Eventually(t, "status file", func() bool {
		got, alive, err := agent.ReadStatus(c)
		return err == nil && alive && got.Connection.Code == uplink.CodeConnected
	})
	r.stop()
	if got, alive, err := agent.ReadStatus(c); err != nil || alive || !got.Stopped {
		t.Fatalf("after the end: %+v, %v, %v", got, alive, err)
	}
	if err := filepath.WalkDir(c.StateDir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestSettingsAreFollowedWhileRunning(t *testing.T) {
	n, s, c := agenttest.Start(t), newSource(), config(t)
	r := run(t, c, s)
	code := func(want string) func() bool { return func() bool { return r.Status().Connection.Code == want } }
	agenttest.Eventually(t, "off by default", code("disabled"))
	on := fmt.Sprintf("enabled = true\nservers = [%q]\n%s", n.Address, pinned(n.Pair))
	write(t, c, on)
	agenttest.Eventually(t, "connected", code(uplink.CodeConnected))
	write(t, c, on+"sync_period = \"2h\"\n")
	agenttest.Eventually(t, "fault shown", func() bool { return strings.Contains(r.Status().SettingsFault, "sync_period") })
	s.events <- start("/bin/x")
	agenttest.Eventually(t, "delivery under the settings before", func() bool { return len(n.Events()) == 1 })
	write(t, c, fmt.Sprintf("enabled = true\nservers = [%q]\n%s", n.Address, pinned(pkitest.PairFor(t, pkitest.ECDSAKey(t)))))
	agenttest.Eventually(t, "wrong pin", code(uplink.CodeWrongPin))
	s.events <- start("/bin/y")
	agenttest.Eventually(t, "queued", func() bool { return r.Status().Queue.Packages == 1 })
	write(t, c, on)
	agenttest.Eventually(t, "delivery of what was kept", func() bool { return len(n.Events()) == 2 })
	write(t, c, "enabled = false\n")
	agenttest.Eventually(t, "off", code("disabled"))
}

func TestAReplacedCertificateFileIsFollowedWhileRunning(t *testing.T) {
	n, s, c := agenttest.Start(t), newSource(), config(t)
	file := filepath.Join(filepath.Dir(c.PolicyFile), "server.crt")
	replace := func(p *pki.Pair) {
		t.Helper()
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Leaf().Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	replace(n.Pair)
	write(t, c, fmt.Sprintf("enabled = true\nservers = [%q]\ncertificate = \"server.crt\"\n", n.Address))
	r := run(t, c, s)
	is := func(code string) func() bool { return func() bool { return r.Status().Connection.Code == code } }
	agenttest.Eventually(t, "connection", is(uplink.CodeConnected))
	next := pkitest.Pair(t, pki.KeyECDSAP256)
	n.Swap(next)
	n.Cut()
	agenttest.Eventually(t, "refusal of the new certificate", is(uplink.CodeWrongPin))
	replace(next)
	agenttest.Eventually(t, "connection with the new pin", is(uplink.CodeConnected))
	if pins := r.Status().Pins; len(pins) != 1 || pins[0] != next.Fingerprint() {
		t.Fatalf("pins %v", pins)
	}
}

func TestRepeatedStartsAreSuppressedOverARestart(t *testing.T) {
	n, s, c := agenttest.Start(t), newSource(), config(t)
	write(t, c, fmt.Sprintf("enabled = true\nservers = [%q]\n%sttl_enabled = true\n", n.Address, pinned(n.Pair)))
	r := run(t, c, s)
	for range 5 {
		s.events <- start("/bin/x", "a")
	}
	s.events <- start("/bin/x", "b")
	agenttest.Eventually(t, "delivery", func() bool { return len(n.Events()) == 2 })
	r.stop()
	r = run(t, c, s)
	s.events <- start("/bin/x", "a")
	s.events <- start("/bin/x", "c")
	agenttest.Eventually(t, "delivery", func() bool { return len(n.Events()) == 3 })
	if got := r.Status().Suppressed; got != 5 {
		t.Fatalf("%d suppressed", got)
	}
}

func TestThrottledAndLostEventsAreCountedAndTold(t *testing.T) {
	n, s, c := agenttest.Start(t), newSource(), config(t)
	write(t, c, fmt.Sprintf("enabled = true\nservers = [%q]\n%sthrottling_events_per_hour = 100\n", n.Address, pinned(n.Pair)))
	r := run(t, c, s)
	for range 200 {
		s.events <- start("/bin/x", "a")
	}
	s.events <- collect.Notice(time.Now(), collect.NoticeOverrun, "lost", 77)
	agenttest.Eventually(t, "delivery", func() bool { return len(n.Events()) == 101 })
	d := r.Status().Dropped
	if d["throttled"] != 100 || d[collect.NoticeOverrun] != 77 {
		t.Fatalf("dropped %v", d)
	}
}

func TestWithdrawnAgentKeepsItsEvents(t *testing.T) {
	n, s, c := agenttest.Start(t), newSource(), config(t)
	write(t, c, fmt.Sprintf("enabled = true\nservers = [%q]\n%s", n.Address, pinned(n.Pair)))
	r := run(t, c, s)
	agenttest.Eventually(t, "connected", func() bool { return r.Status().Connection.Code == uplink.CodeConnected })
	n.Set(func(u *agenttest.Rules) {
		u.Refuse = &problem.Problem{Title: "Withdrawn", Status: 401, Code: problem.Withdrawn}
	})
	n.Cut()
	agenttest.Eventually(t, "reason", func() bool { return r.Status().Connection.Code == string(problem.Withdrawn) })
	s.events <- start("/bin/x")
	agenttest.Eventually(t, "queued", func() bool { return r.Status().Queue.Packages == 1 })
	n.Set(func(u *agenttest.Rules) { u.Refuse = nil })
	agenttest.Eventually(t, "delivery", func() bool { return len(n.Events()) == 1 })
}
