package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"vedette/internal/acts"
)

// fakeExternal is what a fake Central Node was told about external systems.
type fakeExternal struct {
	decided  acts.DecideExternalSystem
	priority bool
	filter   acts.AlertFilter
}

func externalSystem(id string, n byte, state acts.RequestState) acts.ExternalSystem {
	s := acts.ExternalSystem{
		ID: id, Fingerprint: fingerprint(n), Sensor: "192.0.2.25", Type: acts.MailSensor, Name: "mail\x1b[2J", Subject: "CN=mail", NotAfter: epoch.AddDate(1, 0, 0),
		State: state, Requested: epoch, Addresses: []string{"192.0.2.25", "fd00::25"}, LastCall: epoch.Add(time.Minute), Calls: 12, Submitted: 5, Refused: 2,
		LastError: "429 busy: too many objects", LastErrorAt: epoch, Connections: 3, Waiting: 4, NextStep: "Do this.",
	}
	if state != acts.Pending {
		s.Decided, s.DecidedBy = epoch, "adam"
	}
	return s
}

func (f *fakeAdmin) ExternalSystems(context.Context, acts.Actor) (acts.ExternalSystemList, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	files := externalSystem("files1", 3, acts.Pending)
	files.Type, files.Name, files.Changed = acts.OtherSystem, "file\u202estore", true
	return acts.ExternalSystemList{
		Systems: []acts.ExternalSystem{externalSystem("mail1", 1, acts.Accepted), files}, ServerCertificate: fingerprint(9),
		MaximumScanPriority: f.external.priority, Revision: f.revision,
	}, nil
}

func (f *fakeAdmin) ExternalSystem(_ context.Context, _ acts.Actor, which string) (acts.ExternalSystem, error) {
	id, _, _ := strings.Cut(which, "/")
	if id != "mail1" && id != fingerprint(1).String() {
		return acts.ExternalSystem{}, &acts.Error{Code: acts.NotFound, Text: "no such external system", Hint: "list them"}
	}
	s := externalSystem("mail1", 1, acts.Pending)
	s.Changed, s.Others = true, append(s.Others, fingerprint(2))
	return s, nil
}

func (f *fakeAdmin) previewSystem(in acts.DecideExternalSystem, what string) (acts.Preview, error) {
	if _, err := f.ExternalSystem(context.Background(), acts.Actor{}, in.Which); err != nil {
		return acts.Preview{}, err
	}
	return f.preview(fmt.Sprintf("%s will be %s as %q.", in.Which, what, in.Type))
}

func (f *fakeAdmin) decideSystem(in acts.DecideExternalSystem, state acts.RequestState) (acts.ExternalSystemDecision, error) {
	if !in.Fingerprint.IsZero() && in.Fingerprint != fingerprint(1) {
		return acts.ExternalSystemDecision{}, &acts.Error{Code: acts.Refused, Text: "another certificate", Hint: "compare"}
	}
	s := externalSystem("mail1", 1, state)
	if in.Type != "" {
		s.Type = in.Type
	}
	return acts.ExternalSystemDecision{System: s, Revision: 8, Cut: 3, Took: 1234567}, f.change(in.Revision, func() { f.external.decided = in })
}

func (f *fakeAdmin) PreviewAcceptExternalSystem(_ context.Context, _ acts.Actor, in acts.DecideExternalSystem) (acts.Preview, error) {
	p, err := f.previewSystem(in, "accepted")
	p.Fingerprint = fingerprint(1)
	return p, err
}

func (f *fakeAdmin) AcceptExternalSystem(_ context.Context, _ acts.Actor, in acts.DecideExternalSystem) (acts.ExternalSystemDecision, error) {
	return f.decideSystem(in, acts.Accepted)
}

func (f *fakeAdmin) PreviewRejectExternalSystem(_ context.Context, _ acts.Actor, in acts.DecideExternalSystem) (acts.Preview, error) {
	return f.previewSystem(in, "rejected")
}

func (f *fakeAdmin) RejectExternalSystem(_ context.Context, _ acts.Actor, in acts.DecideExternalSystem) (acts.ExternalSystemDecision, error) {
	return f.decideSystem(in, acts.Rejected)
}

func (f *fakeAdmin) PreviewDeleteExternalSystem(_ context.Context, _ acts.Actor, in acts.DecideExternalSystem) (acts.Preview, error) {
	return f.previewSystem(in, "deleted")
}

func (f *fakeAdmin) DeleteExternalSystem(_ context.Context, _ acts.Actor, in acts.DecideExternalSystem) (acts.ExternalSystemDecision, error) {
	return f.decideSystem(in, acts.Accepted)
}

func (f *fakeAdmin) PreviewSetScanPriority(_ context.Context, _ acts.Actor, in acts.SetScanPriority) (acts.Preview, error) {
	p, err := f.preview(fmt.Sprintf("Mail first: %v.", in.On))
	p.Asks, p.Consequences = false, nil
	return p, err
}

func (f *fakeAdmin) SetScanPriority(_ context.Context, _ acts.Actor, in acts.SetScanPriority) (acts.ScanPriority, error) {
	return acts.ScanPriority{On: in.On, Revision: 8}, f.change(in.Revision, func() { f.external.priority = in.On })
}

func alert(id int64, state acts.AlertState) acts.Alert {
	a := acts.Alert{
		ID: id, State: state, Importance: "high", Technology: "am", Source: "mail", Created: epoch.Add(time.Second), Submitted: epoch,
		ObjectName: "invoice\x1b[2J.exe", ObjectType: "application/x-msdownload", ObjectSize: 68, MD5: "44d88612fea8a8f36de82e1278abb02f", SHA256: "275a021b",
		Detections: []string{"EICAR-Test-File", "Win.Test"}, Engine: "builtin", RuleSet: "1", System: "mail1", SystemName: "gateway", Fingerprint: fingerprint(1),
		Instance: "a", ScanID: "s-1", Remote: "192.0.2.25",
	}
	if state != acts.AlertNew {
		a.StateBy, a.StateAt = "olga", epoch.Add(time.Hour)
	}
	return a
}

func (f *fakeAdmin) Alerts(_ context.Context, _ acts.Actor, filter acts.AlertFilter) (acts.AlertList, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.external.filter = filter
	list := acts.AlertList{Alerts: []acts.Alert{}, Revision: f.revision}
	if filter.System != "none" {
		list.Alerts = append(list.Alerts, alert(2, acts.AlertInProcess), alert(1, acts.AlertNew))
		list.Alerts[1].ObjectName = strings.Repeat("long ", 100)
	}
	return list, nil
}

func (f *fakeAdmin) Alert(_ context.Context, _ acts.Actor, id int64) (acts.Alert, error) {
	if id > 2 {
		return acts.Alert{}, &acts.Error{Code: acts.NotFound, Text: "no such alert", Hint: "list them"}
	}
	return alert(id, acts.AlertInProcess), nil
}

func (f *fakeAdmin) SetAlertState(_ context.Context, _ acts.Actor, in acts.SetAlertState) (acts.Alert, error) {
	return alert(in.ID, in.State), f.change(in.Revision, func() {})
}

func scanStatus() acts.ScanStatus {
	return acts.ScanStatus{
		Waiting: 7, Running: 2, Uploading: 1, Kept: 40, Oldest: epoch, SpoolBytes: 1_500_000, SpoolQuota: 10_000_000_000, MaxObjectSize: 100_000_000,
		Workers: 2, MaximumScanPriority: true, Verdicts: map[string]uint64{"detect": 3, "not detected": 37, "error": 1},
		Engines: []acts.ScanEngine{
			{Name: "builtin", Technology: "am", Version: "1", RuleSet: "2026-11-22", Rules: 3},
			{Name: "clamd", Technology: "am", Trouble: "It cannot be reached\x1b: start it."},
		},
		Behind: 5, Aside: "3 objects without a record are kept", Degraded: true, Reason: "the disk is full",
		Failures: []acts.ScanFailure{
			{At: epoch, System: "mail1", ScanID: "m-7", SHA256: strings.Repeat("ab", 32), State: "error", Engine: "clamd", Reason: "clamd: the archive is encrypted\x1b[2J"},
			{At: epoch, System: "files", Instance: "i", SHA256: strings.Repeat("cd", 32), State: "timeout", Engine: "clamd", Reason: "clamd: the engine took too long"},
		},
	}
}

func (f *fakeAdmin) ScanStatus(context.Context, acts.Actor) (acts.ScanStatus, error) {
	return scanStatus(), nil
}
