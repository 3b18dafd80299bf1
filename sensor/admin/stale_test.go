package admin_test

import (
	"strings"
	"testing"

	"vedette/adminmenu"
	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/sensor/admin"
)

var _ adminmenu.Sensor = (*admin.Admin)(nil)

// bob is faster.
var bob = acts.Actor{Account: "bob", Role: acts.LocalAdministrator, Face: acts.FaceMenu, From: "192.0.2.7"}

// staleBy wants a refusal that names what was faster.
func staleBy(t *testing.T, err error, act string) {
	t.Helper()
	want := "what you saw has changed since: " + act + " by bob from 192.0.2.7 at 20"
	if e := refusedAs(t, err, acts.Stale); !strings.HasPrefix(e.Text, want) || !strings.HasSuffix(e.Text, "Z; nothing was done") {
		t.Errorf("text %q, want %q", e.Text, want)
	}
}

func TestAnActOnAStaleScreenIsToldWhatChanged(t *testing.T) {
	t.Run("central-node set", func(t *testing.T) {
		w := start(t)
		in := acts.SetCentralNode{Address: address, Fingerprint: pki.Fingerprint{7}}
		p, err := w.PreviewSetCentralNode(t.Context(), local, in)
		if err == nil {
			_, err = w.SetCentralNode(t.Context(), bob, in)
		}
		if err != nil {
			t.Fatal(err)
		}
		in.Revision = p.Revision
		staleBy(t, second(w.SetCentralNode(t.Context(), local, in)), "central-node set")
	})
	t.Run("after the daemon's own change", func(t *testing.T) {
		w := start(t)
		in := acts.SetCentralNode{Address: address, Fingerprint: pki.Fingerprint{7}}
		set, err := w.SetCentralNode(t.Context(), bob, in)
		if err == nil {
			err = w.entities.SaveAnnounced(t.Context(), pki.Fingerprint{7}, pki.Fingerprint{8})
		}
		if err != nil {
			t.Fatal(err)
		}
		in.Revision = set.Revision
		if e := refusedAs(t, second(w.SetCentralNode(t.Context(), local, in)), acts.Stale); !strings.Contains(e.Text, "by this server itself") {
			t.Errorf("text %q", e.Text)
		}
	})
	t.Run("certificate generate and install", func(t *testing.T) {
		w := start(t)
		own := pkitest.Pair(t, pki.KeyECDSAP256).EncodePEM()
		p, err := w.PreviewGenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{})
		if err == nil {
			_, err = w.InstallServerCertificate(t.Context(), bob, acts.InstallServerCertificate{PEM: own})
		}
		if err != nil {
			t.Fatal(err)
		}
		staleBy(t, second(w.GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{Revision: p.Revision})), "certificate install")
		staleBy(t, second(w.InstallServerCertificate(t.Context(), local, acts.InstallServerCertificate{PEM: own, Revision: p.Revision})), "certificate install")
	})
	t.Run("accounts", func(t *testing.T) {
		w := start(t)
		create := func(name string) {
			t.Helper()
			if _, err := w.CreateAccount(t.Context(), bob, acts.CreateAccount{Name: name, Role: acts.Administrator, Password: "Correct-horse7"}); err != nil {
				t.Fatal(err)
			}
		}
		create("anna")
		list, err := w.Accounts(t.Context(), local)
		if err == nil {
			_, err = w.SetPassword(t.Context(), bob, acts.SetPassword{Name: "anna", Password: "Other-horse8"})
		}
		if err != nil {
			t.Fatal(err)
		}
		staleBy(t, second(w.DeleteAccount(t.Context(), local, acts.DeleteAccount{Name: "anna", Revision: list.Revision})), "account password")
		staleBy(t, second(w.PreviewDeleteKey(t.Context(), local, acts.DeleteKey{Account: "anna", Fingerprint: "x", Revision: list.Revision})), "account password")
		if _, err := w.DeleteAccount(t.Context(), bob, acts.DeleteAccount{Name: "anna"}); err != nil {
			t.Fatal(err)
		}
		staleBy(t, second(w.DeleteAccount(t.Context(), local, acts.DeleteAccount{Name: "anna", Revision: list.Revision})), "account delete")
		staleBy(t, second(w.DeleteKey(t.Context(), local, acts.DeleteKey{Account: "anna", Fingerprint: "x", Revision: list.Revision})), "account delete")
		refusedAs(t, second(w.DeleteAccount(t.Context(), local, acts.DeleteAccount{Name: "anna"})), acts.NotFound)
	})
}
