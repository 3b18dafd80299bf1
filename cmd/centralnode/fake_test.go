package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"vedette/cmd/internal/cli/clitest"
	"vedette/internal/acts"
	"vedette/pki"
)

var epoch = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// fakeAdmin is a Central Node in memory. Its state has a revision that grows
// with each change.
type fakeAdmin struct {
	*clitest.People
	clitest.Preparing

	mu         sync.Mutex // guards what follows
	revision   uint64
	validation bool
	listed     []acts.AgentCertificate
	generated  acts.GenerateAgentCertificate
	server     acts.GenerateServerCertificate
	kata       []byte
	uploaded   []string
	filter     acts.EventFilter
	decided    acts.DecideSensorServer
	external   fakeExternal
	hosts      fakeHosts
	allowed    bool
}

func newFakeAdmin() *fakeAdmin {
	return &fakeAdmin{People: clitest.NewPeople(epoch), revision: 7, allowed: true, listed: []acts.AgentCertificate{agentCertificate(1), agentCertificate(2)}}
}

func fingerprint(n byte) (f pki.Fingerprint) {
	for i := range f {
		f[i] = n
	}
	return f
}

func agentCertificate(n byte) acts.AgentCertificate {
	return acts.AgentCertificate{
		Fingerprint: fingerprint(n), Serial: "0A0B", Subject: "CN=agent\x1b]0;x\x07", NotBefore: epoch, NotAfter: epoch.AddDate(5, 0, 0),
		Key: "ECDSA P-256", Origin: acts.OriginGenerated, Added: epoch, Connected: int(n),
	}
}

func (f *fakeAdmin) change(revision uint64, do func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if revision != 0 && revision != f.revision {
		return &acts.Error{Code: acts.Stale, Text: "the certificates have changed since"}
	}
	f.revision++
	do()
	return nil
}

func (f *fakeAdmin) preview(lines ...string) (acts.Preview, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return acts.Preview{Act: "act", Lines: lines, Revision: f.revision, Asks: true, Consequences: []acts.Consequence{{Text: "Agents lose their server.", InUse: true, Count: 3}}}, nil
}

func (f *fakeAdmin) Status(context.Context, acts.Actor) (acts.Status, error) {
	if !f.allowed {
		return acts.Status{}, &acts.Error{Code: acts.NotAllowed, Text: "this role may not do this", Hint: "ask an administrator"}
	}
	return acts.Status{
		Daemon: "centralnode", Version: "1", Started: epoch, Address: "127.0.0.1:443", StoreID: "s1", Revision: 7,
		SSH:         acts.SSHDoor{HostKey: "SHA256:hostkey"},
		Certificate: acts.Certificate{Fingerprint: fingerprint(9), NotAfter: epoch}, Agents: acts.AgentCounts{Hosts: 3, Connections: 2, Strangers: 1},
		Sensors: acts.SensorCounts{Pending: 1, Accepted: 2, Connected: 1},
		Systems: acts.SystemCounts{Pending: 1, Accepted: 2},
		Scan:    scanStatus(), Alerts: acts.AlertCounts{New: 3, InProcess: 1, Closed: 2},
		Events: acts.EventState{Packages: 5, Bytes: 1000, Store: "embedded", Degraded: true, Reason: "the disk is full"}, Problems: []string{"the disk is full"},
	}, nil
}

func (f *fakeAdmin) serverCertificate() acts.ServerCertificate {
	return acts.ServerCertificate{
		Certificate: acts.Certificate{Fingerprint: fingerprint(9), Subject: "CN=cn", Names: []string{"cn", "127.0.0.1"}, Serial: "01", NotBefore: epoch, NotAfter: epoch.AddDate(5, 0, 0), Key: "ECDSA P-256"},
		Revision:    7, PEM: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
	}
}

func (f *fakeAdmin) ServerCertificate(context.Context, acts.Actor) (acts.ServerCertificate, error) {
	return f.serverCertificate(), nil
}

func (f *fakeAdmin) PreviewGenerateServerCertificate(_ context.Context, _ acts.Actor, in acts.GenerateServerCertificate) (acts.Preview, error) {
	if in.Keep {
		in.Names = append(in.Names[:len(in.Names):len(in.Names)], "the present names")
	}
	return f.preview(fmt.Sprintf("A %s certificate for %s will be made.", in.Key, strings.Join(in.Names, ", ")))
}

func (f *fakeAdmin) GenerateServerCertificate(_ context.Context, _ acts.Actor, in acts.GenerateServerCertificate) (acts.ServerCertificate, error) {
	return f.serverCertificate(), f.change(in.Revision, func() { f.server = in })
}

func (f *fakeAdmin) UploadServerCertificate(_ context.Context, _ acts.Actor, pem []byte) (acts.File, error) {
	file := acts.File{Name: "kata.pem", Size: int64(len(pem)), Time: epoch, Fingerprint: fingerprint(5)}
	if !strings.Contains(string(pem), "KEY") {
		file.Problem = "no private key"
	}
	return file, f.change(0, func() { f.kata = append([]byte(nil), pem...) })
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

func (f *fakeAdmin) PreviewInstallServerCertificate(_ context.Context, _ acts.Actor, in acts.InstallServerCertificate) (acts.Preview, error) {
	if in.PEM == nil && f.kata == nil {
		return acts.Preview{}, &acts.Error{Code: acts.NotFound, Text: "no kata.pem was uploaded", Hint: "upload one first"}
	}
	return f.preview(fmt.Sprintf("%d bytes will be installed.", len(in.PEM)))
}

func (f *fakeAdmin) InstallServerCertificate(_ context.Context, _ acts.Actor, in acts.InstallServerCertificate) (acts.ServerCertificate, error) {
	return f.serverCertificate(), f.change(in.Revision, func() { f.kata = nil })
}

func (f *fakeAdmin) AgentCertificates(_ context.Context, _ acts.Actor, filter acts.AgentCertificateFilter) (acts.AgentCertificateList, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := acts.AgentCertificateList{Validation: f.validation, Revision: f.revision, Certificates: []acts.AgentCertificate{}}
	for _, c := range f.listed {
		if c.Fingerprint.Contains(filter.Fingerprint) && c.Serial.Contains(filter.Serial) {
			list.Certificates = append(list.Certificates, c)
		}
	}
	return list, nil
}

func (f *fakeAdmin) GenerateAgentCertificate(_ context.Context, _ acts.Actor, in acts.GenerateAgentCertificate) (acts.GeneratedAgentCertificate, error) {
	pfx := fmt.Sprintf("PFX\x00\xff%s|%s|%s|%v|%v", in.Name, in.Key, in.Password, in.Compatible, in.CertificateOnly)
	return acts.GeneratedAgentCertificate{Certificate: agentCertificate(3), PFX: []byte(pfx)}, f.change(0, func() { f.generated = in })
}

func (f *fakeAdmin) UploadAgentCertificates(_ context.Context, _ acts.Actor, in []acts.UploadAgentCertificate) (acts.UploadedAgentCertificates, error) {
	added := acts.UploadedAgentCertificates{Present: []pki.Fingerprint{fingerprint(1)}}
	return added, f.change(0, func() {
		for i, u := range in {
			f.uploaded = append(f.uploaded, u.Name)
			c := agentCertificate(byte(0x10 + i))
			c.Subject = u.Name
			added.Added = append(added.Added, c)
		}
	})
}

func (f *fakeAdmin) PreviewDeleteAgentCertificates(_ context.Context, _ acts.Actor, in acts.DeleteAgentCertificates) (acts.Preview, error) {
	for _, p := range in.Fingerprints {
		if p != fingerprint(1) && p != fingerprint(2) {
			return acts.Preview{}, &acts.Error{Code: acts.NotFound, Text: "no such certificate", Hint: "list them"}
		}
	}
	return f.preview(fmt.Sprintf("%d certificates will be withdrawn.", len(in.Fingerprints)))
}

func (f *fakeAdmin) DeleteAgentCertificates(_ context.Context, _ acts.Actor, in acts.DeleteAgentCertificates) (acts.Withdrawal, error) {
	return acts.Withdrawal{Fingerprints: in.Fingerprints, Revision: 8, Cut: 3, Took: 1234567}, f.change(in.Revision, func() {})
}

func (f *fakeAdmin) PreviewSetValidation(_ context.Context, _ acts.Actor, in acts.SetValidation) (acts.Preview, error) {
	return f.preview(fmt.Sprintf("Validation: %v.", in.On))
}

func (f *fakeAdmin) SetValidation(_ context.Context, _ acts.Actor, in acts.SetValidation) (acts.Withdrawal, error) {
	return acts.Withdrawal{Revision: 8, Cut: 1, Took: 1000, Sensors: 2, Late: []string{"branch\x1b"}}, f.change(in.Revision, func() { f.validation = in.On })
}

func sensorServer(n byte, state acts.RequestState) acts.SensorServer {
	return acts.SensorServer{
		ID: strings.Repeat(fmt.Sprintf("%02x", n), 8), Fingerprint: fingerprint(n), Name: "branch\x1b[2J", Version: "1", Addresses: []string{"192.0.2.1", "fd00::1"}, Address: "192.0.2.1",
		Type: acts.TypeRemote, State: state, ServerCertificate: fingerprint(0x77), Requested: epoch, LastContact: epoch,
		Connected: true, Lanes: 4, Agents: 12, PolicyRevision: 5, RTT: 20 * time.Millisecond, IngressBytes: 1000, Refused: 2,
	}
}

// measured gives a Sensor a link that is slow.
func measured(s acts.SensorServer) acts.SensorServer {
	minute := acts.Figures{Sent: 1200, Lost: 12, LostTo: 12, RoundTripP50: 80 * time.Millisecond, RoundTripP95: 91 * time.Millisecond, RoundTripP99: 94 * time.Millisecond, DeliveryRate: 20_000_000}
	s.Quality = &acts.LinkQuality{
		Verdict: acts.VerdictWarning,
		Limits: []acts.Judged{
			{Limit: acts.LimitLoss, Verdict: acts.VerdictOK, Since: epoch, Amount: 0.13, Bound: acts.MaxLoss, Toward: acts.VerdictExceeded, ToFor: 4 * time.Second},
			{Limit: acts.LimitDelay, Verdict: acts.VerdictWarning, Since: epoch, Amount: 0.091, Bound: acts.MaxDelay.Seconds()},
			{Limit: acts.LimitCapacity, Verdict: acts.VerdictUnknown},
		},
		Windows:  []acts.QualityWindow{{Window: time.Minute, Figures: minute}},
		Capacity: 1_098_000, CapacityAt: epoch,
	}
	return s
}

func (f *fakeAdmin) SensorServers(context.Context, acts.Actor) (acts.SensorServerList, error) {
	return acts.SensorServerList{PolicyRevision: 6, Revision: 7, Servers: []acts.SensorServer{sensorServer(1, acts.Pending), measured(sensorServer(2, acts.Accepted))}}, nil
}

func (f *fakeAdmin) SensorServer(_ context.Context, _ acts.Actor, which string) (acts.SensorServer, error) {
	if which == "branch-old" {
		s := sensorServer(3, acts.Accepted)
		s.Mute = true
		return s, nil
	}
	if which == "branch-2" {
		return measured(sensorServer(2, acts.Accepted)), nil
	}
	if which != "branch" && which != fingerprint(1).String() {
		return acts.SensorServer{}, &acts.Error{Code: acts.NotFound, Text: "no such Sensor server", Hint: "list them"}
	}
	s := sensorServer(1, acts.Pending)
	s.Problem = "Two machines use this link identity."
	return s, nil
}

func (f *fakeAdmin) SensorHistory(ctx context.Context, who acts.Actor, which string, in acts.ViewHistory) ([]acts.QualityMinute, error) {
	s, err := f.SensorServer(ctx, who, which)
	if err != nil || s.Quality == nil {
		return nil, err
	}
	var minutes []acts.QualityMinute
	for at := epoch; at.Before(epoch.Add(20 * time.Minute)); at = at.Add(time.Minute) {
		if !at.Before(in.From) && (in.To.IsZero() || at.Before(in.To)) {
			minutes = append(minutes, acts.QualityMinute{Start: at, Verdict: acts.VerdictWarning, Figures: s.Quality.Windows[0].Figures})
		}
	}
	return minutes, nil
}

func (f *fakeAdmin) previewSensor(in acts.DecideSensorServer, what string) (acts.Preview, error) {
	if _, err := f.SensorServer(context.Background(), acts.Actor{}, in.Which); err != nil {
		return acts.Preview{}, err
	}
	p, err := f.preview(in.Which + " " + what)
	p.Fingerprint = fingerprint(1)
	return p, err
}

func (f *fakeAdmin) decideSensor(in acts.DecideSensorServer, state acts.RequestState) (acts.SensorServerDecision, error) {
	return acts.SensorServerDecision{Server: sensorServer(1, state), Revision: 8, Cut: 12, Took: 1234567}, f.change(in.Revision, func() { f.decided = in })
}

func (f *fakeAdmin) PreviewAcceptSensorServer(_ context.Context, _ acts.Actor, in acts.DecideSensorServer) (acts.Preview, error) {
	return f.previewSensor(in, "will be accepted.")
}

func (f *fakeAdmin) AcceptSensorServer(_ context.Context, _ acts.Actor, in acts.DecideSensorServer) (acts.SensorServerDecision, error) {
	return f.decideSensor(in, acts.Accepted)
}

func (f *fakeAdmin) PreviewRejectSensorServer(_ context.Context, _ acts.Actor, in acts.DecideSensorServer) (acts.Preview, error) {
	return f.previewSensor(in, "will be rejected.")
}

func (f *fakeAdmin) RejectSensorServer(_ context.Context, _ acts.Actor, in acts.DecideSensorServer) (acts.SensorServerDecision, error) {
	return f.decideSensor(in, acts.Rejected)
}

func (f *fakeAdmin) PreviewDeleteSensorServer(_ context.Context, _ acts.Actor, in acts.DecideSensorServer) (acts.Preview, error) {
	return f.previewSensor(in, "will be deleted.")
}

func (f *fakeAdmin) DeleteSensorServer(_ context.Context, _ acts.Actor, in acts.DecideSensorServer) (acts.SensorServerDecision, error) {
	return f.decideSensor(in, acts.Accepted)
}

func event(n int) acts.Event {
	return acts.Event{
		Time: epoch.Add(time.Duration(n) * time.Second), Event: acts.EventMeta{ID: fmt.Sprint(n), Action: "process-start", Kind: "event"},
		Host: acts.EventHost{Name: "web1"}, Agent: acts.EventAgent{ID: "0a"}, User: &acts.EventUser{Name: "root"},
		Process: &acts.EventProcess{PID: 42, Executable: "/bin/sh", Args: []string{"sh", "-c", "echo \x1b[2J"}}, Vedette: acts.EventWay{Way: "direct"},
	}
}

func (f *fakeAdmin) Events(_ context.Context, _ acts.Actor, filter acts.EventFilter, yield func(acts.Event) bool) error {
	f.mu.Lock()
	f.filter = filter
	f.mu.Unlock()
	for n := range 2 {
		if filter.Host != "none" && !yield(event(n)) {
			return nil
		}
	}
	if filter.Text == "too much" {
		return &acts.Error{Code: acts.Refused, Text: "too much to read", Hint: "narrow the search"}
	}
	return nil
}

func (f *fakeAdmin) WatchEvents(ctx context.Context, _ acts.Actor, filter acts.EventFilter, yield func(acts.Event) bool) error {
	for n := range 2 {
		if !yield(event(n)) {
			return nil
		}
	}
	if filter.Host == "broken" {
		return &acts.Error{Code: acts.Unavailable, Text: "events cannot be read now"}
	}
	<-ctx.Done()
	return nil
}

func (f *fakeAdmin) Audit(_ context.Context, _ acts.Actor, filter acts.AuditFilter) ([]acts.AuditRecord, error) {
	if filter.Account == "none" {
		return nil, nil
	}
	return []acts.AuditRecord{{Seq: 1, Time: epoch, Account: "admin", Face: acts.FaceCommand, From: "local", Act: "certificate generate", Subject: []string{"a", "b"}, Result: "done", Hash: "h"}}, nil
}

func (f *fakeAdmin) VerifyAudit(context.Context, acts.Actor) (acts.AuditCheck, error) {
	return acts.AuditCheck{Records: 12, Head: "abcd"}, nil
}
