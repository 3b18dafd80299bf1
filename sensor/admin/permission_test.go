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
	"vedette/sensor/proxy"
)

func second[T any](_ T, err error) error { return err }

func TestTableOfRolesAndActs(t *testing.T) {
	everybody := acts.Roles()
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
	if pointed := w.link.pointed(); len(pointed) != len(admins) {
		t.Errorf("the link was pointed %d times, by %d roles that may", len(pointed), len(admins))
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

func TestAReplacedServerCertificateCutsAgentsAndSaysWhatFollows(t *testing.T) {
	w := start(t)
	w.count(proxy.Counts{Agents: 5})
	before, err := w.ServerCertificate(t.Context(), auditor)
	if err != nil || !slices.Contains(before.Names, "sensor.example") {
		t.Fatalf("certificate %+v, %v", before, err)
	}
	p, err := w.PreviewGenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{})
	if err != nil || !p.Asks || len(p.Consequences) != 2 || p.Consequences[0].Text != "The data of previously installed certificates will be overwritten." || p.Consequences[1].Count != 5 || w.cut != 0 {
		t.Fatalf("preview %+v, %v", p, err)
	}
	after, err := w.GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{Revision: p.Revision})
	if err != nil || after.Fingerprint == before.Fingerprint || w.cut != 1 {
		t.Fatalf("generated %+v, %v, cut %d times", after, err, w.cut)
	}
	_, err = w.GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{Revision: p.Revision})
	refusedAs(t, err, acts.Stale)

	pair := pkitest.Pair(t, pki.KeyRSA3072)
	if f, err := w.UploadServerCertificate(t.Context(), local, pair.EncodePEM()); err != nil || f.Fingerprint != pair.Fingerprint() {
		t.Fatalf("uploaded %+v, %v", f, err)
	}
	installed, err := w.InstallServerCertificate(t.Context(), local, acts.InstallServerCertificate{})
	if err != nil || installed.Fingerprint != pair.Fingerprint() || installed.Uploaded != nil || w.cut != 2 {
		t.Fatalf("installed %+v, %v, cut %d times", installed, err, w.cut)
	}
	_, err = w.InstallServerCertificate(t.Context(), local, acts.InstallServerCertificate{})
	refusedAs(t, err, acts.NotFound)
	_, err = w.InstallServerCertificate(t.Context(), local, acts.InstallServerCertificate{PEM: pair.CertificatePEM()})
	refusedAs(t, err, acts.Invalid)
	if w.cut != 2 {
		t.Error("a refused certificate cut agents")
	}
	if r := w.records(t, "certificate install"); len(r) != 3 || r[0].Result != audit.Done || r[1].Result != audit.Refused || r[2].Result != audit.Refused {
		t.Errorf("records %+v", r)
	}
}
