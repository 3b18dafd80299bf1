package sensors_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/timestamppb"

	"vedette/centralnode"
	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/sensors/sensortest"
	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/agent/v1/agentv1connect"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

const (
	pending  = controlv1.Authorisation_STATE_PENDING
	accepted = controlv1.Authorisation_STATE_ACCEPTED
	rejected = controlv1.Authorisation_STATE_REJECTED
	same     = controlv1.Authorisation_STATE_SAME_SERVER
)

var local = acts.Actor{Account: "local", Role: acts.LocalAdministrator, Face: acts.FaceCommand, From: "local"}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a whole Central Node on port 0.
type world struct {
	*centralnode.Node
	t      *testing.T
	config centralnode.Config
	logs   *logBuffer
	pin    pki.Fingerprint
	stop   func()
}

func start(t *testing.T, edits ...func(*centralnode.Config)) *world {
	t.Helper()
	logs := &logBuffer{}
	c := centralnode.Config{StateDir: t.TempDir(), Address: "127.0.0.1:0", Logger: slog.New(slog.NewJSONHandler(logs, nil)), Version: "test"}
	for _, edit := range edits {
		edit(&c)
	}
	return startWith(t, c, logs)
}

func startWith(t *testing.T, c centralnode.Config, logs *logBuffer) *world {
	t.Helper()
	node, err := centralnode.New(c)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Node: node, t: t, config: c, logs: logs, stop: admintest.Run(t, node)}
	served, err := node.Admin().ServerCertificate(t.Context(), local)
	if err != nil {
		t.Fatal(err)
	}
	w.pin = served.Fingerprint
	return w
}

// sensor makes a Sensor that is not connected yet.
func (w *world) sensor(name string) *sensortest.Sensor {
	w.t.Helper()
	return sensortest.New(w.t, w.Address().String(), w.pin, name)
}

// joined is a Sensor that is Accepted and has the policy in force.
func (w *world) joined(name string) *sensortest.Sensor {
	w.t.Helper()
	s := w.sensor(name)
	w.connect(s)
	s.AwaitState(pending)
	w.accept(s)
	s.AwaitState(accepted)
	s.AwaitPolicy(0)
	return s
}

func (w *world) connect(s *sensortest.Sensor) {
	w.t.Helper()
	if err := s.Connect(); err != nil {
		w.t.Fatal(err)
	}
}

func in(s *sensortest.Sensor) acts.DecideSensorServer {
	return acts.DecideSensorServer{Which: s.Identity.Fingerprint().String()}
}

func (w *world) accept(s *sensortest.Sensor) acts.SensorServerDecision {
	return w.decided(w.Admin().AcceptSensorServer(w.t.Context(), local, in(s)))
}

func (w *world) reject(s *sensortest.Sensor) acts.SensorServerDecision {
	return w.decided(w.Admin().RejectSensorServer(w.t.Context(), local, in(s)))
}

func (w *world) remove(s *sensortest.Sensor) acts.SensorServerDecision {
	return w.decided(w.Admin().DeleteSensorServer(w.t.Context(), local, in(s)))
}

func (w *world) decided(d acts.SensorServerDecision, err error) acts.SensorServerDecision {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) row(s *sensortest.Sensor) acts.SensorServer {
	w.t.Helper()
	row, err := w.Admin().SensorServer(w.t.Context(), local, in(s).Which)
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

func (w *world) rows() []acts.SensorServer {
	w.t.Helper()
	list, err := w.Admin().SensorServers(w.t.Context(), local)
	if err != nil {
		w.t.Fatal(err)
	}
	return list.Servers
}

func (w *world) revision() uint64 {
	w.t.Helper()
	s, err := w.Admin().Status(w.t.Context(), local)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Revision
}

func (w *world) validation(on bool) acts.Withdrawal {
	w.t.Helper()
	done, err := w.Admin().SetValidation(w.t.Context(), local, acts.SetValidation{On: on})
	if err != nil {
		w.t.Fatal(err)
	}
	return done
}

// generate makes an agent certificate and opens the PFX as an agent does.
func (w *world) generate(name string) *pki.Pair {
	w.t.Helper()
	made, err := w.Admin().GenerateAgentCertificate(w.t.Context(), local, acts.GenerateAgentCertificate{Name: name})
	if err != nil {
		w.t.Fatal(err)
	}
	pair, err := pki.DecodePFX(made.PFX, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return pair
}

func (w *world) delete(p *pki.Pair) acts.Withdrawal {
	w.t.Helper()
	done, err := w.Admin().DeleteAgentCertificates(w.t.Context(), local, acts.DeleteAgentCertificates{Fingerprints: []pki.Fingerprint{p.Fingerprint()}})
	if err != nil {
		w.t.Fatal(err)
	}
	return done
}

func (w *world) events() (all []acts.Event) {
	w.t.Helper()
	err := w.Admin().Events(w.t.Context(), local, acts.EventFilter{Limit: 1_000_000}, func(e acts.Event) bool { all = append(all, e); return true })
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// agent is an agent behind a Sensor.
type agent struct {
	agentv1connect.AgentServiceClient
	id  string
	seq uint64
}

func behind(s *sensortest.Sensor, leaf *pki.Pair, id byte) *agent {
	return &agent{AgentServiceClient: client(s.Client(leaf)), id: hexID(id)}
}

func client(c *http.Client) agentv1connect.AgentServiceClient {
	return agentv1connect.NewAgentServiceClient(c, "http://central.node")
}

func hexID(b byte) string {
	const digits = "0123456789abcdef"
	return string(bytes.Repeat([]byte{digits[b>>4], digits[b&15]}, 16))
}

// send sends the next package with one event.
func (a *agent) send(ctx context.Context) error {
	a.seq++
	_, err := a.SendEvents(ctx, &agentv1.SendEventsRequest{
		AgentId: a.id, QueueId: a.id, Seq: a.seq,
		Events: []*agentv1.Event{{Id: a.id, Time: timestamppb.Now(), Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{Pid: 1, Executable: "/bin/x"}}}},
	})
	return err
}

func refused(err error) bool { return connect.CodeOf(err) == connect.CodeUnauthenticated }

// resetBy fails the test unless a stream ends with a reset of the code.
func resetBy(t *testing.T, stream *link.Stream, code link.Code) {
	t.Helper()
	_ = stream.SetReadDeadline(time.Now().Add(20 * time.Second))
	n, err := stream.Read(make([]byte, 64))
	var reset *link.ResetError
	if n != 0 || !errors.As(err, &reset) || reset.Code != code || !reset.Remote {
		t.Fatalf("the stream gave %d bytes and ended with %v, want reset %v", n, err, code)
	}
}

// eventually polls until ok, for a bounded time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// logBuffer is what the node wrote to its log.
type logBuffer struct{ admintest.Logs }

func (l *logBuffer) has(text string) bool { return bytes.Contains(l.Bytes(), []byte(text)) }

func (l *logBuffer) count(text string) int { return bytes.Count(l.Bytes(), []byte(text)) }

func unsafe(c *centralnode.Config) { c.UnsafeSameServer = true }

// weak is a certificate with a key that no door accepts.
func weak(t *testing.T) tls.Certificate {
	t.Helper()
	key := pkitest.Key(t, "rsa1024")
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func moveTo(w *world, all ...*sensortest.Sensor) {
	for _, s := range all {
		s.Address = w.Address().String()
	}
}
