package admin_test

import (
	"context"
	"testing"

	"vedette/internal/acts"
	"vedette/internal/conduct/conducttest"
	"vedette/pki"
	"vedette/pki/pkitest"
)

// TestEveryRoleMayDoWhatTheTableSays walks every act with every role; the
// table is the one of docs/security.md.
func TestEveryRoleMayDoWhatTheTableSays(t *testing.T) {
	w := start(t)
	upload := func() []acts.UploadAgentCertificate {
		return []acts.UploadAgentCertificate{{Name: "a.pem", PEM: pkitest.Agent(t, "a").EncodePEM()}}
	}
	anybody := acts.Roles()
	auditors := []acts.Role{acts.LocalAdministrator, acts.Administrator, acts.SecurityAuditor}
	administrators := []acts.Role{acts.LocalAdministrator, acts.Administrator}
	officers := []acts.Role{acts.LocalAdministrator, acts.SeniorSecurityOfficer, acts.SecurityOfficer}
	locals := []acts.Role{acts.LocalAdministrator}
	some := []pki.Fingerprint{{1}}
	for name, c := range map[string]struct {
		may []acts.Role
		do  func(context.Context, acts.Actor) error
	}{
		"status": {anybody, func(ctx context.Context, a acts.Actor) error { return second(w.Status(ctx, a)) }},
		"hosts":  {anybody, func(ctx context.Context, a acts.Actor) error { return second(w.Hosts(ctx, a, acts.HostFilter{})) }},
		"events": {anybody, func(ctx context.Context, a acts.Actor) error {
			return w.Events(ctx, a, acts.EventFilter{}, func(acts.Event) bool { return true })
		}},
		"event":      {anybody, func(ctx context.Context, a acts.Actor) error { return second(w.Event(ctx, a, "x.1.0")) }},
		"event page": {anybody, func(ctx context.Context, a acts.Actor) error { return second(w.EventPage(ctx, a, acts.EventFilter{})) }},
		"host":       {anybody, func(ctx context.Context, a acts.Actor) error { return second(w.Host(ctx, a, "x")) }},
		"activity":   {anybody, func(ctx context.Context, a acts.Actor) error { return second(w.Activity(ctx, a)) }},
		"set activity": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.SetActivity(ctx, a, acts.SetActivity{}))
		}},
		"set activity preview": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewSetActivity(ctx, a, acts.SetActivity{}))
		}},
		"watch": {anybody, func(ctx context.Context, a acts.Actor) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return w.WatchEvents(ctx, a, acts.EventFilter{}, func(acts.Event) bool { return true })
		}},
		"certificate": {auditors, func(ctx context.Context, a acts.Actor) error { return second(w.ServerCertificate(ctx, a)) }},
		"list": {auditors, func(ctx context.Context, a acts.Actor) error {
			return second(w.AgentCertificates(ctx, a, acts.AgentCertificateFilter{}))
		}},
		"audit":  {auditors, func(ctx context.Context, a acts.Actor) error { return second(w.Audit(ctx, a, acts.AuditFilter{})) }},
		"verify": {auditors, func(ctx context.Context, a acts.Actor) error { return second(w.VerifyAudit(ctx, a)) }},
		"generate": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.GenerateServerCertificate(ctx, a, acts.GenerateServerCertificate{}))
		}},
		"generate preview": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewGenerateServerCertificate(ctx, a, acts.GenerateServerCertificate{}))
		}},
		"upload": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.UploadServerCertificate(ctx, a, []byte("x")))
		}},
		"install": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.InstallServerCertificate(ctx, a, acts.InstallServerCertificate{PEM: []byte("x")}))
		}},
		"install preview": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewInstallServerCertificate(ctx, a, acts.InstallServerCertificate{PEM: []byte("x")}))
		}},
		"discard": {administrators, func(ctx context.Context, a acts.Actor) error {
			return w.DiscardServerCertificate(ctx, a, acts.DiscardServerCertificate{})
		}},
		"apply": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.ApplyServerCertificate(ctx, a, acts.PreparedServerCertificate{Act: "certificate install", Pair: pkitest.Pair(t, pki.KeyECDSAP256), Revision: 1}))
		}},
		"accounts": {anybody, func(ctx context.Context, a acts.Actor) error { return second(w.Accounts(ctx, a)) }},
		"own password": {anybody, func(ctx context.Context, a acts.Actor) error {
			return second(w.ChangePassword(ctx, a, acts.ChangePassword{New: "short"}))
		}},
		"own key": {anybody, func(ctx context.Context, a acts.Actor) error { return second(w.AddKey(ctx, a, acts.AddKey{})) }},
		"own key deleted": {anybody, func(ctx context.Context, a acts.Actor) error {
			return second(w.DeleteKey(ctx, a, acts.DeleteKey{Account: a.Account}))
		}},
		"another's key": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.AddKey(ctx, a, acts.AddKey{Account: "b"}))
		}},
		"another's key deleted": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.DeleteKey(ctx, a, acts.DeleteKey{Account: "b"}))
		}},
		"another's password": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.SetPassword(ctx, a, acts.SetPassword{Name: "b"}))
		}},
		"create": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.CreateAccount(ctx, a, acts.CreateAccount{Name: "b"}))
		}},
		"delete account": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.DeleteAccount(ctx, a, acts.DeleteAccount{Name: "b"}))
		}},
		"delete account preview": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewDeleteAccount(ctx, a, acts.DeleteAccount{Name: "b"}))
		}},
		"role": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.SetRole(ctx, a, acts.SetRole{Name: "b", Role: acts.SecurityOfficer}))
		}},
		"role preview": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewSetRole(ctx, a, acts.SetRole{Name: "b", Role: acts.SecurityOfficer}))
		}},
		"disable": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.DisableAccount(ctx, a, acts.DisableAccount{Name: "b"}))
		}},
		"disable preview": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewDisableAccount(ctx, a, acts.DisableAccount{Name: "b"}))
		}},
		"enable": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.EnableAccount(ctx, a, acts.EnableAccount{Name: "b"}))
		}},
		"another's second factor": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.RemoveSecondFactor(ctx, a, acts.RemoveSecondFactor{Name: "b"}))
		}},
		"another's second factor preview": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewRemoveSecondFactor(ctx, a, acts.RemoveSecondFactor{Name: "b"}))
		}},
		"own sessions":       {anybody, func(ctx context.Context, a acts.Actor) error { return second(w.OwnSessions(ctx, a)) }},
		"own sessions ended": {anybody, func(ctx context.Context, a acts.Actor) error { return second(w.EndOtherSessions(ctx, a)) }},
		"own second factor": {anybody, func(ctx context.Context, a acts.Actor) error {
			return second(w.BeginSecondFactor(ctx, a, acts.BeginSecondFactor{}))
		}},
		"own second factor shown": {anybody, func(ctx context.Context, a acts.Actor) error { return second(w.SecondFactorBegun(ctx, a)) }},
		"own second factor on": {anybody, func(ctx context.Context, a acts.Actor) error {
			return second(w.ConfirmSecondFactor(ctx, a, acts.ConfirmSecondFactor{}))
		}},
		"own second factor off": {anybody, func(ctx context.Context, a acts.Actor) error {
			return second(w.EndSecondFactor(ctx, a, acts.EndSecondFactor{}))
		}},
		"agent generate": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.GenerateAgentCertificate(ctx, a, acts.GenerateAgentCertificate{}))
		}},
		"agent upload": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.UploadAgentCertificates(ctx, a, upload()))
		}},
		"delete": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.DeleteAgentCertificates(ctx, a, acts.DeleteAgentCertificates{Fingerprints: some}))
		}},
		"delete preview": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewDeleteAgentCertificates(ctx, a, acts.DeleteAgentCertificates{Fingerprints: some}))
		}},
		"switch": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.SetValidation(ctx, a, acts.SetValidation{}))
		}},
		"sensors": {auditors, func(ctx context.Context, a acts.Actor) error { return second(w.SensorServers(ctx, a)) }},
		"sensor":  {auditors, func(ctx context.Context, a acts.Actor) error { return second(w.SensorServer(ctx, a, "x")) }},
		"sensor history": {auditors, func(ctx context.Context, a acts.Actor) error {
			return second(w.SensorHistory(ctx, a, "x", acts.ViewHistory{}))
		}},
		"accept": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.AcceptSensorServer(ctx, a, acts.DecideSensorServer{Which: "x"}))
		}},
		"accept preview": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewAcceptSensorServer(ctx, a, acts.DecideSensorServer{Which: "x"}))
		}},
		"reject": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.RejectSensorServer(ctx, a, acts.DecideSensorServer{Which: "x"}))
		}},
		"reject preview": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewRejectSensorServer(ctx, a, acts.DecideSensorServer{Which: "x"}))
		}},
		"delete Sensor": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.DeleteSensorServer(ctx, a, acts.DecideSensorServer{Which: "x"}))
		}},
		"delete Sensor preview": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewDeleteSensorServer(ctx, a, acts.DecideSensorServer{Which: "x"}))
		}},
		"systems": {auditors, func(ctx context.Context, a acts.Actor) error { return second(w.ExternalSystems(ctx, a)) }},
		"system":  {auditors, func(ctx context.Context, a acts.Actor) error { return second(w.ExternalSystem(ctx, a, "x")) }},
		"accept system": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.AcceptExternalSystem(ctx, a, acts.DecideExternalSystem{Which: "x"}))
		}},
		"accept system preview": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewAcceptExternalSystem(ctx, a, acts.DecideExternalSystem{Which: "x"}))
		}},
		"reject system": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.RejectExternalSystem(ctx, a, acts.DecideExternalSystem{Which: "x"}))
		}},
		"reject system preview": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewRejectExternalSystem(ctx, a, acts.DecideExternalSystem{Which: "x"}))
		}},
		"delete system": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.DeleteExternalSystem(ctx, a, acts.DecideExternalSystem{Which: "x"}))
		}},
		"delete system preview": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewDeleteExternalSystem(ctx, a, acts.DecideExternalSystem{Which: "x"}))
		}},
		"scan priority": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.SetScanPriority(ctx, a, acts.SetScanPriority{}))
		}},
		"scan priority preview": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewSetScanPriority(ctx, a, acts.SetScanPriority{}))
		}},
		"scan":   {anybody, func(ctx context.Context, a acts.Actor) error { return second(w.ScanStatus(ctx, a)) }},
		"alerts": {anybody, func(ctx context.Context, a acts.Actor) error { return second(w.Alerts(ctx, a, acts.AlertFilter{})) }},
		"alert":  {anybody, func(ctx context.Context, a acts.Actor) error { return second(w.Alert(ctx, a, 1)) }},
		"alert state": {officers, func(ctx context.Context, a acts.Actor) error {
			return second(w.SetAlertState(ctx, a, acts.SetAlertState{ID: 1, State: acts.AlertClosed}))
		}},
		"switch preview": {administrators, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewSetValidation(ctx, a, acts.SetValidation{}))
		}},
	} {
		for _, role := range append(acts.Roles(), "", "root") {
			err := c.do(t.Context(), acts.Actor{Account: "someone", Role: role, Face: acts.FaceCommand, From: "local"})
			allowed := false
			for _, r := range c.may {
				allowed = allowed || r == role
			}
			if refused := acts.CodeOf(err) == acts.NotAllowed; refused == allowed {
				t.Errorf("%s by %q: %v; the table says allowed %v", name, role, err, allowed)
			} else if refused {
				conducttest.NamesWhoMay(t, err, c.may)
			}
		}
	}
}

func TestEveryActLeavesItsRecordInAChain(t *testing.T) {
	w := start(t)
	w.validation(true)
	pair := w.generate("web-1")
	if _, err := w.DeleteAgentCertificates(t.Context(), local, acts.DeleteAgentCertificates{Fingerprints: []pki.Fingerprint{pair.Fingerprint()}}); err != nil {
		t.Fatal(err)
	}
	auditor := acts.Actor{Account: "eve\x1b[31m", Role: acts.SecurityAuditor, Face: acts.FaceCommand, From: "192.0.2.1"}
	if _, err := w.SetValidation(t.Context(), auditor, acts.SetValidation{}); acts.CodeOf(err) != acts.NotAllowed {
		t.Fatal(err)
	}
	records, err := w.Audit(t.Context(), local, acts.AuditFilter{})
	if err != nil {
		t.Fatal(err)
	}
	type line struct{ account, act, result string }
	want := []line{
		{"centralnode", "account create", "done"},
		{"centralnode", "certificate generate", "done"},
		{"centralnode", "ssh-host-key make", "done"},
		{"local", "agent-certificate validation", "done"},
		{"local", "agent-certificate generate", "done"},
		{"local", "agent-certificate delete", "done"},
		{`eve\u{1b}[31m`, "agent-certificate validation", "refused"},
	}
	if len(records) != len(want) {
		t.Fatalf("%d records, want %d: %+v", len(records), len(want), records)
	}
	for i, r := range records {
		if got := (line{r.Account, r.Act, r.Result}); got != want[i] {
			t.Errorf("record %d is %+v, want %+v", i, got, want[i])
		}
	}
	if records[5].Subject[0] != pair.Fingerprint().String() {
		t.Errorf("subject %v", records[5].Subject)
	}
	check, err := w.VerifyAudit(t.Context(), local)
	if err != nil || check.Records != uint64(len(want)) || check.Head != records[len(records)-1].Hash {
		t.Fatalf("verify %+v, %v", check, err)
	}
}
