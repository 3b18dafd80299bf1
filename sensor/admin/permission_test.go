package admin_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/pki"
	"vedette/pki/pkitest"
)

func second[T any](_ T, err error) error { return err }

func TestTableOfRolesAndActs(t *testing.T) {
	everybody, locals := acts.Roles(), []acts.Role{acts.LocalAdministrator}
	auditors := []acts.Role{acts.LocalAdministrator, acts.Administrator, acts.SecurityAuditor}
	admins := []acts.Role{acts.LocalAdministrator, acts.Administrator}
	w := start(t)
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
		"discard": {admins, func(ctx context.Context, a acts.Actor) error { return w.DiscardServerCertificate(ctx, a) }},
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
		"another's key": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.AddKey(ctx, a, acts.AddKey{Account: "b"}))
		}},
		"another's key deleted": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.DeleteKey(ctx, a, acts.DeleteKey{Account: "b"}))
		}},
		"another's password": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.SetPassword(ctx, a, acts.SetPassword{Name: "b"}))
		}},
		"create": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.CreateAccount(ctx, a, acts.CreateAccount{Name: "b"}))
		}},
		"preview delete": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.PreviewDeleteAccount(ctx, a, acts.DeleteAccount{Name: "b"}))
		}},
		"delete": {locals, func(ctx context.Context, a acts.Actor) error {
			return second(w.DeleteAccount(ctx, a, acts.DeleteAccount{Name: "b"}))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, role := range append(acts.Roles(), "", "root") {
				code := acts.CodeOf(c.do(t.Context(), acts.Actor{Account: "a", Role: role, Face: acts.FaceCommand, From: "local"}))
				if allowed := slices.Contains(c.who, role); allowed != (code != acts.NotAllowed) {
					t.Errorf("role %q: code %q", role, code)
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
