package admin_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/conduct/conducttest"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/capacity"
)

func second[T any](_ T, err error) error { return err }

func TestTableOfRolesAndActs(t *testing.T) {
	everybody := acts.Roles()
	auditors := []acts.Role{acts.LocalAdministrator, acts.Administrator, acts.SecurityAuditor}
	admins := []acts.Role{acts.LocalAdministrator, acts.Administrator}
	w := start(t)
	w.link.test = func(context.Context, capacity.Spec) (capacity.Result, error) { return capacity.Result{}, nil }
	in := acts.SetCentralNode{Address: address, Fingerprint: pki.Fingerprint{1}}
	for name, c := range map[string]struct {
		who []acts.Role
		do  func(context.Context, acts.Actor) error
	}{
		"status": {everybody, func(ctx context.Context, a acts.Actor) error { return second(w.Status(ctx, a)) }},
		"link":   {everybody, func(ctx context.Context, a acts.Actor) error { return second(w.Link(ctx, a)) }},
		"watch": {everybody, func(ctx context.Context, a acts.Actor) error {
			return w.WatchLink(ctx, a, func(acts.Link) bool { return false })
		}},
		"history": {everybody, func(ctx context.Context, a acts.Actor) error {
			return second(w.LinkHistory(ctx, a, acts.ViewHistory{}))
		}},
		"test":         {admins, func(ctx context.Context, a acts.Actor) error { return second(w.TestLink(ctx, a, acts.TestLink{})) }},
		"central node": {everybody, func(ctx context.Context, a acts.Actor) error { return second(w.CentralNode(ctx, a)) }},
		"audit":        {auditors, func(ctx context.Context, a acts.Actor) error { return second(w.Audit(ctx, a, acts.AuditFilter{})) }},
		"verify":       {auditors, func(ctx context.Context, a acts.Actor) error { return second(w.VerifyAudit(ctx, a)) }},
		"certificate":  {auditors, func(ctx context.Context, a acts.Actor) error { return second(w.ServerCertificate(ctx, a)) }},
		"preview set":  {admins, func(ctx context.Context, a acts.Actor) error { return second(w.PreviewSetCentralNode(ctx, a, in)) }},
		"set":          {admins, func(ctx context.Context, a acts.Actor) error { return second(w.SetCentralNode(ctx, a, in)) }},
		"preview certify": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewGenerateServerCertificate(ctx, a, acts.GenerateServerCertificate{}))
		}},
		"certify": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.GenerateServerCertificate(ctx, a, acts.GenerateServerCertificate{}))
		}},
		"upload": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.UploadServerCertificate(ctx, a, []byte("x")))
		}},
		"preview install": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewInstallServerCertificate(ctx, a, acts.InstallServerCertificate{}))
		}},
		"install": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.InstallServerCertificate(ctx, a, acts.InstallServerCertificate{}))
		}},
		"discard": {admins, func(ctx context.Context, a acts.Actor) error {
			return w.DiscardServerCertificate(ctx, a, acts.DiscardServerCertificate{})
		}},
		"apply": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.ApplyServerCertificate(ctx, a, acts.PreparedServerCertificate{Act: "certificate install", Pair: pkitest.Pair(t, pki.KeyECDSAP256), Revision: 1}))
		}},
		"accounts": {everybody, func(ctx context.Context, a acts.Actor) error { return second(w.Accounts(ctx, a)) }},
		"own password": {everybody, func(ctx context.Context, a acts.Actor) error {
			return second(w.ChangePassword(ctx, a, acts.ChangePassword{New: "short"}))
		}},
		"own key": {everybody, func(ctx context.Context, a acts.Actor) error { return second(w.AddKey(ctx, a, acts.AddKey{})) }},
		"own key deleted": {everybody, func(ctx context.Context, a acts.Actor) error {
			return second(w.DeleteKey(ctx, a, acts.DeleteKey{Account: a.Account}))
		}},
		"another's key": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.AddKey(ctx, a, acts.AddKey{Account: "b"}))
		}},
		"another's key deleted": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.DeleteKey(ctx, a, acts.DeleteKey{Account: "b"}))
		}},
		"another's password": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.SetPassword(ctx, a, acts.SetPassword{Name: "b"}))
		}},
		"create": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.CreateAccount(ctx, a, acts.CreateAccount{Name: "b"}))
		}},
		"preview delete": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewDeleteAccount(ctx, a, acts.DeleteAccount{Name: "b"}))
		}},
		"delete": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.DeleteAccount(ctx, a, acts.DeleteAccount{Name: "b"}))
		}},
		"role": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.SetRole(ctx, a, acts.SetRole{Name: "b", Role: acts.SecurityOfficer}))
		}},
		"role preview": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewSetRole(ctx, a, acts.SetRole{Name: "b", Role: acts.SecurityOfficer}))
		}},
		"disable": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.DisableAccount(ctx, a, acts.DisableAccount{Name: "b"}))
		}},
		"disable preview": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewDisableAccount(ctx, a, acts.DisableAccount{Name: "b"}))
		}},
		"enable": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.EnableAccount(ctx, a, acts.EnableAccount{Name: "b"}))
		}},
		"another's second factor": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.RemoveSecondFactor(ctx, a, acts.RemoveSecondFactor{Name: "b"}))
		}},
		"another's second factor preview": {admins, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewRemoveSecondFactor(ctx, a, acts.RemoveSecondFactor{Name: "b"}))
		}},
		"own sessions":       {everybody, func(ctx context.Context, a acts.Actor) error { return second(w.OwnSessions(ctx, a)) }},
		"own sessions ended": {everybody, func(ctx context.Context, a acts.Actor) error { return second(w.EndOtherSessions(ctx, a)) }},
		"own second factor": {everybody, func(ctx context.Context, a acts.Actor) error {
			return second(w.BeginSecondFactor(ctx, a, acts.BeginSecondFactor{}))
		}},
		"own second factor shown": {everybody, func(ctx context.Context, a acts.Actor) error { return second(w.SecondFactorBegun(ctx, a)) }},
		"own second factor on": {everybody, func(ctx context.Context, a acts.Actor) error {
			return second(w.ConfirmSecondFactor(ctx, a, acts.ConfirmSecondFactor{}))
		}},
		"own second factor off": {everybody, func(ctx context.Context, a acts.Actor) error {
			return second(w.EndSecondFactor(ctx, a, acts.EndSecondFactor{}))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, role := range append(acts.Roles(), "", "root") {
				err := c.do(t.Context(), acts.Actor{Account: "a", Role: role, Face: acts.FaceCommand, From: "local"})
				allowed, refused := slices.Contains(c.who, role), acts.CodeOf(err) == acts.NotAllowed
				if allowed == refused {
					t.Errorf("role %q: %v", role, err)
				}
				if refused {
					conducttest.NamesWhoMay(t, err, c.who)
				}
			}
		})
	}
	done := slices.DeleteFunc(w.records(t, "central-node set"), func(r audit.Record) bool { return r.Result != audit.Done })
	if len(done) != len(admins) {
		t.Errorf("a Central Node was configured %d times, by %d roles that may", len(done), len(admins))
	}
}

func TestWhoMayNotLeavesARecord(t *testing.T) {
	w := start(t)
	_, err := w.SetCentralNode(t.Context(), auditor, acts.SetCentralNode{Address: "evil.example", Fingerprint: pki.Fingerprint{1}})
	refusedAs(t, err, acts.NotAllowed)
	r := w.records(t, "central-node set")
	if len(r) != 1 || r[0].Result != audit.Refused || r[0].Account != auditor.Account || !slices.Contains(r[0].Subject, "evil.example") || r[0].From != auditor.From {
		t.Fatalf("records %+v", r)
	}
	shown, err := w.Audit(t.Context(), auditor, acts.AuditFilter{Act: "central-node set"})
	if err != nil || len(shown) != 1 || strings.Contains(shown[0].Account, "\x1b") {
		t.Errorf("shown %+v, %v", shown, err)
	}
}
