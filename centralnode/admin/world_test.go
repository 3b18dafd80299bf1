package admin_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"vedette/centralnode"
	"vedette/centralnode/admin"
	"vedette/internal/acts"
	"vedette/pki"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/agent/v1/agentv1connect"
)

// local is the administrator at the console.
var local = acts.Actor{Account: "local", Role: acts.LocalAdministrator, Face: acts.FaceCommand, From: "local"}

// world is a whole Central Node on port 0.
type world struct {
	*admin.Admin
	t    *testing.T
	node *centralnode.Node
	dir  string
	logs *logBuffer
	stop func()
}

func start(t *testing.T) *world {
	t.Helper()
	return startIn(t, t.TempDir())
}

func startIn(t *testing.T, dir string) *world {
	t.Helper()
	return startWith(t, dir, centralnode.Scan{})
}

func startWith(t *testing.T, dir string, scan centralnode.Scan) *world {
	t.Helper()
	w := &world{t: t, dir: dir, logs: &logBuffer{}}
	node, err := centralnode.New(centralnode.Config{
		StateDir: dir, Address: "127.0.0.1:0", Names: []string{"central.example"}, Scan: scan,
		Logger: slog.New(slog.NewJSONHandler(w.logs, nil)), Console: w.logs, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.node, w.Admin = node, node.Admin()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()
	var once sync.Once
	w.stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("the node ended with %v", err)
				}
			case <-time.After(30 * time.Second):
				t.Error("the node does not end")
			}
		})
	}
	t.Cleanup(w.stop)
	return w
}

// agent is a client of the agent service with one certificate, or none.
func (w *world) agent(p *pki.Pair) agentv1connect.AgentServiceClient {
	w.t.Helper()
	served, err := w.ServerCertificate(w.t.Context(), local)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.agentPinned(p, served.Fingerprint)
}

func (w *world) agentPinned(p *pki.Pair, pin pki.Fingerprint) agentv1connect.AgentServiceClient {
	config := pki.ClientConfig(pki.PinTo(pin), nil)
	if p != nil {
		c := p.TLS()
		config = pki.ClientConfig(pki.PinTo(pin), &c)
	}
	transport := &http.Transport{TLSClientConfig: config}
	w.t.Cleanup(transport.CloseIdleConnections)
	return agentv1connect.NewAgentServiceClient(&http.Client{Transport: transport, Timeout: 20 * time.Second}, "https://"+w.node.Address().String())
}

const (
	agentID = "0123456789abcdef0123456789abcdef"
	queueID = "fedcba9876543210fedcba9876543210"
)

func (w *world) send(c agentv1connect.AgentServiceClient, seq uint64, executable string) error {
	_, err := c.SendEvents(w.t.Context(), &agentv1.SendEventsRequest{
		AgentId: agentID, QueueId: queueID, Seq: seq,
		Events: []*agentv1.Event{{Id: agentID, Time: timestamppb.Now(), Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{Pid: 1, Executable: executable, Args: []string{executable, "-v"}}}}},
	})
	return err
}

// generate makes an agent certificate and opens the PFX as an agent does.
func (w *world) generate(name string) *pki.Pair {
	w.t.Helper()
	made, err := w.GenerateAgentCertificate(w.t.Context(), local, acts.GenerateAgentCertificate{Name: name})
	if err != nil {
		w.t.Fatal(err)
	}
	pair, err := pki.DecodePFX(made.PFX, "")
	if err != nil {
		w.t.Fatal(err)
	}
	if pair.Fingerprint() != made.Certificate.Fingerprint {
		w.t.Fatal("the PFX holds another certificate than the list")
	}
	return pair
}

func (w *world) validation(on bool) acts.Withdrawal {
	w.t.Helper()
	done, err := w.SetValidation(w.t.Context(), local, acts.SetValidation{On: on})
	if err != nil {
		w.t.Fatal(err)
	}
	return done
}

// refusedAs fails the test unless err is an acts.Error of the code, with a
// next step.
func refusedAs(t *testing.T, err error, code acts.Code) *acts.Error {
	t.Helper()
	e, ok := err.(*acts.Error)
	if !ok || e.Code != code || e.Text == "" {
		t.Fatalf("error %#v, want code %q", err, code)
	}
	return e
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}
