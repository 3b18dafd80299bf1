package servercert_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/internal/entity"
	"vedette/internal/kv"
	"vedette/internal/servercert"
	"vedette/pki"
	"vedette/pki/pkitest"
)

type world struct {
	state  *kv.Store
	keeper *servercert.Keeper
	made   bool
}

func (w *world) commit(ctx context.Context, _ []string, c entity.Change) error {
	_, err := w.state.Apply(ctx, c.Ops, c.Expect)
	return err
}

func open(t *testing.T, path string) *world {
	t.Helper()
	state, err := kv.Open(path, kv.Options{Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{state: state}
	t.Cleanup(func() { _ = state.Close() }) // a test may have closed it
	w.keeper, w.made, err = servercert.Open(t.Context(), servercert.Config{State: state, Names: []string{"sensor.example"}, Now: time.Now}, w.commit)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func served(t *testing.T, w *world) pki.Fingerprint {
	t.Helper()
	return pki.FingerprintOf(w.keeper.Current().Certificate[0])
}

func TestFirstCertificateIsMadeOnceAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "state.db")
	w := open(t, path)
	first := served(t, w)
	if !w.made {
		t.Fatal("nothing was made")
	}
	if err := w.state.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path)
	if again.made || served(t, again) != first {
		t.Fatal("the second start has another certificate")
	}
}

func TestWhatFailsToBeWrittenIsNotServed(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "state", "state.db"))
	before := served(t, w)
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	full := errors.New("no space left on device")
	err := w.keeper.Replace(t.Context(), pair, 0, 0, func(context.Context, []string, entity.Change) error { return full })
	if !errors.Is(err, full) || served(t, w) != before {
		t.Fatalf("error %v; served before %s, now %s", err, before, served(t, w))
	}
	if err := w.keeper.Replace(t.Context(), pair, 0, 0, w.commit); err != nil || served(t, w) != pair.Fingerprint() {
		t.Fatalf("error %v", err)
	}
	shown, err := w.keeper.Show(t.Context())
	if err != nil || shown.Fingerprint != pair.Fingerprint() {
		t.Fatalf("shown %s, %v", shown.Fingerprint, err)
	}
	if err := w.keeper.Replace(t.Context(), pair, shown.Revision-1, 0, w.commit); acts.CodeOf(err) != acts.Stale {
		t.Fatalf("replaced by who saw an older one: %v", err)
	}
}

func TestServedAndWrittenAreTheSameAfterManyReplacements(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "state", "state.db"))
	var all sync.WaitGroup
	for range 20 {
		pair := pkitest.PairFor(t, pkitest.ECDSAKey(t))
		all.Go(func() {
			if err := w.keeper.Replace(t.Context(), pair, 0, 0, w.commit); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	shown, err := w.keeper.Show(t.Context())
	if err != nil || shown.Fingerprint != served(t, w) {
		t.Fatalf("written %s, served %s, %v", shown.Fingerprint, served(t, w), err)
	}
}

func TestKataPEMWaitsUntilItIsInstalled(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "state", "state.db"))
	if _, _, err := w.keeper.Supplied(t.Context(), acts.InstallServerCertificate{}); acts.CodeOf(err) != acts.NotFound {
		t.Fatalf("no kata.pem: %v", err)
	}
	own := pkitest.Pair(t, pki.KeyECDSAP256)
	if f, err := w.keeper.Upload(t.Context(), own.CertificatePEM(), w.commit); err != nil || f.Problem == "" {
		t.Fatalf("without key: %+v, %v", f, err)
	}
	if _, err := w.keeper.PreviewInstall(t.Context(), "install", acts.InstallServerCertificate{}); acts.CodeOf(err) != acts.Invalid {
		t.Fatalf("preview without key: %v", err)
	}
	if _, err := w.keeper.Upload(t.Context(), own.EncodePEM(), w.commit); err != nil {
		t.Fatal(err)
	}
	shown, err := w.keeper.Show(t.Context())
	if err != nil || shown.Uploaded == nil || shown.Uploaded.Fingerprint != own.Fingerprint() || shown.Fingerprint == own.Fingerprint() {
		t.Fatalf("shown %+v, %v", shown, err)
	}
	pair, upload, err := w.keeper.Supplied(t.Context(), acts.InstallServerCertificate{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.keeper.Replace(t.Context(), pair, shown.Revision, upload, w.commit); err != nil {
		t.Fatal(err)
	}
	if shown, err = w.keeper.Show(t.Context()); err != nil || shown.Uploaded != nil || shown.Fingerprint != own.Fingerprint() {
		t.Fatalf("shown afterwards %+v, %v", shown, err)
	}
	// One that is uploaded in the last moment is not taken for the one before,
	// and not lost.
	if _, err := w.keeper.Upload(t.Context(), pkitest.Agent(t, "next").EncodePEM(), w.commit); err != nil {
		t.Fatal(err)
	}
	if pair, upload, err = w.keeper.Supplied(t.Context(), acts.InstallServerCertificate{}); err != nil {
		t.Fatal(err)
	}
	var conflict *kv.ConflictError
	err = w.keeper.Replace(t.Context(), pair, 0, upload, func(ctx context.Context, subject []string, c entity.Change) error {
		if _, err := w.keeper.Upload(ctx, []byte("another"), w.commit); err != nil {
			t.Error(err)
		}
		return w.commit(ctx, subject, c)
	})
	if shown, showErr := w.keeper.Show(t.Context()); !errors.As(err, &conflict) || showErr != nil || shown.Uploaded == nil || shown.Uploaded.Size != 7 {
		t.Fatalf("error %v, shown %+v, %v", err, shown, showErr)
	}
	if _, err := w.keeper.Upload(t.Context(), make([]byte, pki.MaxFileSize+1), w.commit); acts.CodeOf(err) != acts.Invalid {
		t.Fatalf("over 64 KiB: %v", err)
	}
}

func TestPreviewOfGenerateNamesNamesAndCost(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "state", "state.db"))
	p, err := w.keeper.PreviewGenerate(t.Context(), "generate", acts.GenerateServerCertificate{Names: []string{"extra.example"}, Key: pki.KeyRSA3072})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(p.Lines, "\n")
	validUntil := "valid until " + time.Now().Add(pki.DefaultValidity).UTC().Format(time.DateOnly)
	for _, want := range []string{"sensor.example", "extra.example", "A new key (RSA 3072)", "31 times", served(t, w).String(), validUntil} {
		if !strings.Contains(text, want) {
			t.Errorf("the preview does not say %q:\n%s", want, text)
		}
	}
	if !p.Asks || p.Revision == 0 {
		t.Errorf("preview %+v", p)
	}
	if _, err := w.keeper.PreviewGenerate(t.Context(), "generate", acts.GenerateServerCertificate{Names: []string{"not a name"}}); acts.CodeOf(err) != acts.Invalid {
		t.Errorf("a name that is none: %v", err)
	}
}
