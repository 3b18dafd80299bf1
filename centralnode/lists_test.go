package centralnode

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/kv"
	"vedette/pki"
	"vedette/pki/pkitest"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/agent/v1/agentv1connect"
	controlv1 "vedette/proto/control/v1"
)

var person = acts.Actor{Account: "local", Role: acts.LocalAdministrator, Face: acts.FaceCommand, From: "local"}

// serving is a running node.
func serving(t *testing.T) *Node {
	t.Helper()
	n, err := New(Config{StateDir: t.TempDir(), Address: "127.0.0.1:0", Console: io.Discard, Logger: slog.New(slog.DiscardHandler), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return n
}

// same compares what is in force with what the state file holds.
func same(t *testing.T, what string, n *Node) {
	t.Helper()
	force := n.gateway.Trust()
	kept, err := store.New(n.base.State).Trust(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sorted := func(fs []pki.Fingerprint) []pki.Fingerprint {
		slices.SortFunc(fs, func(a, b pki.Fingerprint) int { return slices.Compare(a[:], b[:]) })
		return fs
	}
	if force.Validation != kept.Validation || force.Policy != kept.Policy ||
		!slices.Equal(sorted(force.AllListed()), sorted(kept.AllListed())) || !slices.Equal(sorted(force.LastWithdrawn(1000)), sorted(kept.LastWithdrawn(1000))) {
		t.Fatalf("%s: in force is %+v, the state file holds %+v", what, force, kept)
	}
	if a, b := force.LastWithdrawn(1), kept.LastWithdrawn(1); !slices.Equal(a, b) {
		t.Fatalf("%s: the last withdrawal is %v, in the state file %v", what, a, b)
	}
	servers, _, err := store.New(n.base.State).SensorServers(t.Context())
	if err != nil || force.AcceptedSensors() != kept.AcceptedSensors() {
		t.Fatalf("%s: %d Sensors are accepted, in the state file %d; %v", what, force.AcceptedSensors(), kept.AcceptedSensors(), err)
	}
	for _, v := range servers {
		if force.Sensor(v.Fingerprint) != kept.Sensor(v.Fingerprint) {
			t.Fatalf("%s: a Sensor is %v, in the state file %v", what, force.Sensor(v.Fingerprint), kept.Sensor(v.Fingerprint))
		}
	}
}

// TestListsInForceAreThoseOfTheStateFile does acts at random: the lists are
// changed in memory and in the file side by side.
func TestListsInForceAreThoseOfTheStateFile(t *testing.T) {
	n := serving(t)
	a, ctx := n.Admin(), t.Context()
	random := rand.New(rand.NewPCG(1, 2))
	pairs := make([]*pki.Pair, 6)
	for i := range pairs {
		pairs[i] = pkitest.Agent(t, fmt.Sprint("agent ", i))
	}
	for i := range 4 {
		seed(t, n, pki.Fingerprint{byte(i + 1)})
	}
	done := 0
	for i := range 150 {
		pair, sensor := pairs[random.IntN(len(pairs))], acts.DecideSensorServer{Which: pki.Fingerprint{byte(random.IntN(4) + 1)}.String()}
		var err error
		var what string
		switch random.IntN(6) {
		case 0, 1:
			what = "upload"
			_, err = a.UploadAgentCertificates(ctx, person, []acts.UploadAgentCertificate{{Name: "a.pem", PEM: pair.EncodePEM()}})
		case 2:
			what = "delete"
			_, err = a.DeleteAgentCertificates(ctx, person, acts.DeleteAgentCertificates{Fingerprints: []pki.Fingerprint{pair.Fingerprint()}})
		case 3:
			what = "switch"
			_, err = a.SetValidation(ctx, person, acts.SetValidation{On: random.IntN(2) == 0})
		case 4:
			what = "accept"
			_, err = a.AcceptSensorServer(ctx, person, sensor)
		case 5:
			what = "reject"
			if random.IntN(10) == 0 {
				what = "delete Sensor"
				_, err = a.DeleteSensorServer(ctx, person, sensor)
			} else {
				_, err = a.RejectSensorServer(ctx, person, sensor)
			}
		}
		if err == nil {
			done++
		}
		same(t, fmt.Sprintf("act %d, %s", i, what), n)
	}
	if done < 60 {
		t.Errorf("only %d acts were done: this test looked at too little", done)
	}
}

// seed makes the request of a Sensor as its link does.
func seed(t *testing.T, n *Node, f pki.Fingerprint) {
	t.Helper()
	_, err := n.gateway.Change(t.Context(), trust.Scope{Sensors: []pki.Fingerprint{f}}, func() (*trust.Snapshot, error) {
		var c store.Change
		c.PutSensorServer(store.SensorServer{Fingerprint: f, State: store.Pending, Requested: time.Now(), Address: netip.IPv6Loopback().String()})
		revision, err := n.base.State.Apply(t.Context(), c.Ops, c.Expect)
		return n.gateway.Trust().WithSensor(f, trust.Pending).At(uint64(revision), false), err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWithdrawalHoldsWhenTheStateFileCannotBeRead breaks the state file for
// readers: what was committed is in force all the same.
func TestWithdrawalHoldsWhenTheStateFileCannotBeRead(t *testing.T) {
	n := serving(t)
	pair := pkitest.Agent(t, "agent")
	if _, err := n.Admin().UploadAgentCertificates(t.Context(), person, []acts.UploadAgentCertificate{{Name: "a.pem", PEM: pair.EncodePEM()}}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Admin().SetValidation(t.Context(), person, acts.SetValidation{On: true}); err != nil {
		t.Fatal(err)
	}
	certificate := pair.TLS()
	transport := &http.Transport{TLSClientConfig: pki.ClientConfig(pki.PinTo(n.base.Serving.Pair().Fingerprint()), &certificate)}
	defer transport.CloseIdleConnections()
	agent := agentv1connect.NewAgentServiceClient(&http.Client{Transport: transport, Timeout: 20 * time.Second}, "https://"+n.Address().String())
	seq := uint64(0)
	send := func() error {
		seq++
		id := fmt.Sprintf("%032x", 1)
		_, err := agent.SendEvents(t.Context(), &agentv1.SendEventsRequest{AgentId: id, QueueId: id, Seq: seq,
			Events: []*agentv1.Event{{Id: id, Time: timestamppb.Now(), Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{Pid: 1}}}}})
		return err
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.base.State.Apply(t.Context(), []kv.Op{{Key: "withdrawn/broken", Value: []byte("{")}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := store.New(n.base.State).Trust(t.Context()); err == nil {
		t.Fatal("the lists can still be read")
	}
	done, err := n.Admin().DeleteAgentCertificates(t.Context(), person, acts.DeleteAgentCertificates{Fingerprints: []pki.Fingerprint{pair.Fingerprint()}})
	if err != nil || done.Cut != 1 || done.Revision == 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	if err := send(); err == nil {
		t.Fatal("the withdrawn certificate is let in")
	}
}

// TestListIsNoLongerThanSensorsCanHold fills the list, of which only the keys
// are read here.
func TestListIsNoLongerThanSensorsCanHold(t *testing.T) {
	c := Config{StateDir: t.TempDir(), Address: "127.0.0.1:0", Console: io.Discard, Logger: slog.New(slog.DiscardHandler), Version: "test", Now: time.Now}
	state, err := kv.Open(filepath.Join(c.StateDir, "state.db"), kv.Options{Program: store.Program})
	if err != nil {
		t.Fatal(err)
	}
	numbers := make([]int, controlv1.MaxFingerprints)
	for i := range numbers {
		numbers[i] = i
	}
	for some := range slices.Chunk(numbers, kv.MaxOps) {
		ops := make([]kv.Op, len(some))
		for i, n := range some {
			ops[i] = kv.Op{Key: fmt.Sprintf("agent-certificate/%064x", n+1), Value: []byte("{}")}
		}
		if _, err := state.Apply(t.Context(), ops, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	n, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer n.opened.Close()
	_, err = n.Admin().GenerateAgentCertificate(t.Context(), person, acts.GenerateAgentCertificate{Name: "one more"})
	if acts.CodeOf(err) != acts.Invalid || n.gateway.Trust().Len() != controlv1.MaxFingerprints {
		t.Errorf("error %v, %d on the list", err, n.gateway.Trust().Len())
	}
}
