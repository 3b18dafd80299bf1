package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"vedette/cmd/internal/cli/clitest"
	"vedette/internal/acts"
	"vedette/pki"
)

var epoch = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// fakeAdmin is a Sensor in memory.
type fakeAdmin struct {
	*clitest.People
	clitest.Preparing

	mu      sync.Mutex // guards what follows
	central acts.CentralNode
	kata    *acts.File
	allowed bool
}

func newFakeAdmin() *fakeAdmin {
	return &fakeAdmin{People: clitest.NewPeople(epoch), allowed: true, central: acts.CentralNode{
		State: acts.LinkUnconfigured, Since: epoch, Detail: "No Central Node is configured.", Next: "Configure one.", LinkIdentity: fingerprint(4),
	}}
}

func fingerprint(n byte) (f pki.Fingerprint) {
	for i := range f {
		f[i] = n
	}
	return f
}

func (f *fakeAdmin) CentralNode(context.Context, acts.Actor) (acts.CentralNode, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.central, nil
}

func (f *fakeAdmin) PreviewSetCentralNode(_ context.Context, _ acts.Actor, in acts.SetCentralNode) (acts.Preview, error) {
	if strings.HasPrefix(in.Address, "https:") {
		return acts.Preview{}, &acts.Error{Code: acts.Invalid, Text: "the address looks like a URL", Hint: "write the address alone"}
	}
	return acts.Preview{Act: "central-node set", Asks: true, Revision: 7, Fingerprint: fingerprint(9), Lines: []string{
		"Central Node address: " + in.Address, "Fingerprint (SHA-256): " + fingerprint(9).String(),
	}}, nil
}

func (f *fakeAdmin) SetCentralNode(_ context.Context, _ acts.Actor, in acts.SetCentralNode) (acts.CentralNode, error) {
	if in.Fingerprint != fingerprint(9) {
		return acts.CentralNode{}, &acts.Error{Code: acts.Refused, Text: "it shows another certificate", Hint: "compare it"}
	}
	if in.Revision != 0 && in.Revision != 7 {
		return acts.CentralNode{}, &acts.Error{Code: acts.Stale, Text: "it has changed"}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.central = acts.CentralNode{
		Address: in.Address, State: acts.LinkPending, Since: epoch, Detail: "It waits.",
		Next: "Ask an administrator of the Central Node to accept this Sensor.", Expected: in.Fingerprint, LinkIdentity: fingerprint(4), Revision: 8,
	}
	making := f.central
	making.State, making.Detail, making.Next = acts.LinkUnreachable, "It is being made.", ""
	return making, nil
}

func (f *fakeAdmin) link() acts.Link {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := acts.Link{
		CentralNode: f.central, Lanes: []acts.Lane{}, Time: epoch,
		Ingress: acts.Ingress{Agents: 3, Strangers: 1, Refused: 2, Bytes: 1_500_000, Rate: 12_000, Limit: 1_000_000_000, Held: true},
	}
	if l.Address != "" {
		l.Quality = badQuality()
		l.Lanes = []acts.Lane{
			{
				Class: "small", Congestion: "bbr", Local: "192.0.2.2:4000", Remote: "192.0.2.1:443", Since: epoch,
				RTT: 21 * time.Millisecond, Segments: 4000, Retransmitted: 350, DeliveryRate: 18_500_000,
			},
			{Class: "bulk", Idle: true, Congestion: "cubic\x1b", Local: "192.0.2.2:4001", Remote: "192.0.2.1:443", Since: epoch},
		}
		l.RTT, l.Streams, l.RetainedBytes, l.PolicyRevision, l.Validation = 1234567*time.Nanosecond, 3, 2048, 5, true
		l.Warnings = []string{"The kernel refused BBR."}
	}
	return l
}

func (f *fakeAdmin) Link(context.Context, acts.Actor) (acts.Link, error) { return f.link(), nil }

func (f *fakeAdmin) WatchLink(ctx context.Context, _ acts.Actor, yield func(acts.Link) bool) error {
	making := f.link()
	making.State, making.Detail, making.Next = acts.LinkUnreachable, "It is being made.", ""
	worse := f.link()
	if len(worse.Quality.Limits) > 0 {
		making.Quality.Limits = slices.Clone(worse.Quality.Limits)
		making.Quality.Limits[0].Verdict = acts.VerdictOK
	}
	if yield(making) && yield(worse) {
		<-ctx.Done()
	}
	return nil
}

func (f *fakeAdmin) Status(context.Context, acts.Actor) (acts.SensorStatus, error) {
	if !f.allowed {
		return acts.SensorStatus{}, &acts.Error{Code: acts.NotAllowed, Text: "this role may not do this", Hint: "ask an administrator"}
	}
	return acts.SensorStatus{
		Daemon: "sensor", Version: "1", Started: epoch, Address: "127.0.0.1:443", StoreID: "s1", Revision: 7,
		SSH:         acts.SSHDoor{Address: ":22", HostKey: "SHA256:hostkey", Sessions: 2},
		Certificate: acts.Certificate{Fingerprint: fingerprint(3), NotAfter: epoch}, Link: f.link(), Problems: []string{"No agent is carried."},
	}, nil
}

func (f *fakeAdmin) ServerCertificate(context.Context, acts.Actor) (acts.ServerCertificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return acts.ServerCertificate{Certificate: acts.Certificate{Fingerprint: fingerprint(3)}, Since: epoch, PEM: "-----BEGIN CERTIFICATE-----\n", Uploaded: f.kata}, nil
}

func (f *fakeAdmin) DiscardServerCertificate(context.Context, acts.Actor, acts.DiscardServerCertificate) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kata == nil {
		return &acts.Error{Code: acts.NotFound, Text: "no kata.pem was uploaded"}
	}
	f.kata = nil
	return nil
}

func (f *fakeAdmin) PreviewGenerateServerCertificate(context.Context, acts.Actor, acts.GenerateServerCertificate) (acts.Preview, error) {
	return acts.Preview{Lines: []string{"A certificate will be made."}, Asks: true}, nil
}

func (f *fakeAdmin) GenerateServerCertificate(ctx context.Context, who acts.Actor, _ acts.GenerateServerCertificate) (acts.ServerCertificate, error) {
	return f.ServerCertificate(ctx, who)
}

func (f *fakeAdmin) UploadServerCertificate(_ context.Context, _ acts.Actor, pem []byte) (acts.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kata = &acts.File{Name: "kata.pem", Size: int64(len(pem)), Time: epoch}
	return *f.kata, nil
}

func (f *fakeAdmin) PreviewInstallServerCertificate(context.Context, acts.Actor, acts.InstallServerCertificate) (acts.Preview, error) {
	return acts.Preview{}, &acts.Error{Code: acts.NotFound, Text: "no kata.pem was uploaded", Hint: "upload one first"}
}

func (f *fakeAdmin) InstallServerCertificate(ctx context.Context, who acts.Actor, _ acts.InstallServerCertificate) (acts.ServerCertificate, error) {
	return f.ServerCertificate(ctx, who)
}

func (f *fakeAdmin) Audit(context.Context, acts.Actor, acts.AuditFilter) ([]acts.AuditRecord, error) {
	return []acts.AuditRecord{{Seq: 1, Time: epoch, Account: "sensor", Face: acts.FaceFirstStart, From: "local", Act: "link-identity make", Result: "done"}}, nil
}

func (f *fakeAdmin) VerifyAudit(context.Context, acts.Actor) (acts.AuditCheck, error) {
	return acts.AuditCheck{Records: 12, Head: "abcd"}, nil
}
