package admintest

import (
	"net/http"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"vedette/internal/acts"
	"vedette/pki"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/agent/v1/agentv1connect"
)

// patience is how long one call may take.
const patience = 20 * time.Second

// Agent is a client of the agent service with one certificate, or none, that
// pins the server certificate of now.
func (w *World) Agent(p *pki.Pair) agentv1connect.AgentServiceClient {
	w.t.Helper()
	return w.AgentPinned(p, w.Pin())
}

// AgentPinned is a client that pins a certificate of the test's choice.
func (w *World) AgentPinned(p *pki.Pair, pin pki.Fingerprint) agentv1connect.AgentServiceClient {
	config := pki.ClientConfig(pki.PinTo(pin), nil)
	if p != nil {
		c := p.TLS()
		config = pki.ClientConfig(pki.PinTo(pin), &c)
	}
	transport := &http.Transport{TLSClientConfig: config}
	w.t.Cleanup(transport.CloseIdleConnections)
	return agentv1connect.NewAgentServiceClient(&http.Client{Transport: transport, Timeout: patience}, "https://"+w.Address())
}

// The installation and the queue that Send sends as.
const (
	AgentID = "0123456789abcdef0123456789abcdef"
	QueueID = "fedcba9876543210fedcba9876543210"
)

// Send sends a package with the start of one process.
func (w *World) Send(c agentv1connect.AgentServiceClient, seq uint64, executable string) error {
	_, err := c.SendEvents(w.t.Context(), &agentv1.SendEventsRequest{
		AgentId: AgentID, QueueId: QueueID, Seq: seq,
		Events: []*agentv1.Event{{Id: AgentID, Time: timestamppb.Now(), Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{Pid: 1, Executable: executable, Args: []string{executable, "-v"}}}}},
	})
	return err
}

// Generate makes an agent certificate and opens the PFX as an agent does.
func (w *World) Generate(name string) *pki.Pair {
	w.t.Helper()
	made, err := w.GenerateAgentCertificate(w.t.Context(), Local(), acts.GenerateAgentCertificate{Name: name})
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

// Validation turns Validate Endpoint Agent TLS certificates on or off.
func (w *World) Validation(on bool) acts.Withdrawal {
	w.t.Helper()
	done, err := w.SetValidation(w.t.Context(), Local(), acts.SetValidation{On: on})
	if err != nil {
		w.t.Fatal(err)
	}
	return done
}
