package servercert_test

import (
	"path/filepath"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/internal/servercert"
	"vedette/pki"
	"vedette/pki/pkitest"
)

// TestACopyThatWasCutOffKeepsTheEarlierUpload cuts a kata.pem at every byte.
func TestACopyThatWasCutOffKeepsTheEarlierUpload(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "state", "state.db"))
	earlier, next := pkitest.Pair(t, pki.KeyECDSAP256), string(pkitest.Agent(t, "other").EncodePEM())
	if _, err := w.keeper.Upload(t.Context(), earlier.EncodePEM(), w.commit); err != nil {
		t.Fatal(err)
	}
	first := strings.Index(next, "-----BEGIN") + len("-----BEGIN ")
	firstEnd := strings.Index(next, "-----END")
	firstEnd += strings.Index(next[firstEnd:], "-----\n") + len("-----")
	second := firstEnd + strings.Index(next[firstEnd:], "-----BEGIN") + len("-----BEGIN ")
	refused := 0
	for n := first; n < len(strings.TrimSpace(next)); n++ {
		if n >= firstEnd && n < second {
			continue // a whole certificate, whose key is missing: told when it is looked at
		}
		refused++
		if _, err := w.keeper.Upload(t.Context(), []byte(next[:n]), w.commit); acts.CodeOf(err) != acts.Invalid || !strings.Contains(err.Error(), "not whole") {
			t.Fatalf("cut at byte %d of %d: %v", n, len(next), err)
		}
	}
	shown, err := w.keeper.Show(t.Context())
	if err != nil || shown.Uploaded == nil || shown.Uploaded.Fingerprint != earlier.Fingerprint() || refused < 100 {
		t.Errorf("%d refused, %+v is kept, %v", refused, shown.Uploaded, err)
	}
	if _, err := w.keeper.Upload(t.Context(), []byte(next), w.commit); err != nil {
		t.Errorf("the whole one is refused: %v", err)
	}
}

// TestWhatWasUploadedSinceThePreviewIsNotInstalled: the person would use what
// nobody showed him.
func TestWhatWasUploadedSinceThePreviewIsNotInstalled(t *testing.T) {
	d := newDeeds(t)
	shown, other := pkitest.Pair(t, pki.KeyECDSAP256), pkitest.Agent(t, "other")
	upload := func(p *pki.Pair) {
		t.Helper()
		if _, err := d.UploadServerCertificate(t.Context(), anna, p.EncodePEM()); err != nil {
			t.Fatal(err)
		}
	}
	upload(shown)
	p, err := d.PreviewInstallServerCertificate(t.Context(), anna, acts.InstallServerCertificate{})
	if err != nil {
		t.Fatal(err)
	}
	upload(other)
	in := acts.InstallServerCertificate{Revision: p.Revision}
	if _, err := d.InstallServerCertificate(t.Context(), anna, in); acts.CodeOf(err) != acts.Stale || !strings.Contains(err.Error(), servercert.ActUpload) {
		t.Errorf("by command: %v", err)
	}
	if _, err := d.PrepareInstallServerCertificate(t.Context(), anna, in, func(string) {}); acts.CodeOf(err) != acts.Stale {
		t.Errorf("in the menu: %v", err)
	}
	if p, err = d.PreviewInstallServerCertificate(t.Context(), anna, acts.InstallServerCertificate{}); err != nil {
		t.Fatal(err)
	}
	if now, err := d.InstallServerCertificate(t.Context(), anna, acts.InstallServerCertificate{Revision: p.Revision}); err != nil || now.Fingerprint != other.Fingerprint() {
		t.Errorf("looked at again: %v", err)
	}
}

func TestWhatWasUploadedSinceItWasSeenIsNotDiscarded(t *testing.T) {
	d := newDeeds(t)
	upload := func(p *pki.Pair) acts.DiscardServerCertificate {
		t.Helper()
		f, err := d.UploadServerCertificate(t.Context(), anna, p.EncodePEM())
		shown, showErr := d.ServerCertificate(t.Context(), anna)
		if err != nil || showErr != nil {
			t.Fatal(err, showErr)
		}
		if shown.Uploaded.Fingerprint != f.Fingerprint || shown.Uploaded.Revision == 0 {
			t.Fatalf("%+v", shown.Uploaded)
		}
		return acts.DiscardServerCertificate{Revision: shown.Uploaded.Revision}
	}
	seen := upload(pkitest.Pair(t, pki.KeyECDSAP256))
	now := upload(pkitest.Agent(t, "other"))
	if err := d.DiscardServerCertificate(t.Context(), bob, seen); acts.CodeOf(err) != acts.Stale || !strings.Contains(err.Error(), servercert.ActUpload) {
		t.Errorf("another one was uploaded meanwhile: %v", err)
	}
	if err := d.DiscardServerCertificate(t.Context(), bob, now); err != nil {
		t.Errorf("seen: %v", err)
	}
	if err := d.DiscardServerCertificate(t.Context(), anna, now); acts.CodeOf(err) != acts.Stale || !strings.Contains(err.Error(), servercert.ActDiscard) {
		t.Errorf("discarded by another meanwhile: %v", err)
	}
}
