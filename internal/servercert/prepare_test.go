package servercert_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/conduct"
	"vedette/internal/entity"
	"vedette/internal/kv"
	"vedette/internal/servercert"
	"vedette/internal/sessions"
	"vedette/pki"
	"vedette/pki/pkitest"
)

var (
	anna = acts.Actor{Account: "anna", Role: acts.LocalAdministrator, Face: acts.FaceMenu, From: "192.0.2.7"}
	bob  = acts.Actor{Account: "bob", Role: acts.Administrator, Face: acts.FaceMenu, From: "192.0.2.8"}
	eve  = acts.Actor{Account: "eve", Role: acts.SecurityOfficer, Face: acts.FaceMenu, From: "192.0.2.9"}
)

// deeds are the acts over a world.
type deeds struct {
	*servercert.Acts
	*world
	trail *audit.Trail
	path  string
	cut   int
}

func newDeeds(t *testing.T) *deeds {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state", "state.db")
	d := &deeds{world: open(t, path), path: path}
	d.trail = audit.New(d.state, time.Now)
	may := func(r acts.Role, _ string) bool { return r == acts.LocalAdministrator || r == acts.Administrator }
	silent := slog.New(slog.DiscardHandler)
	d.Acts = servercert.NewActs(d.keeper, conduct.New(d.trail, sessions.NewTable(), may, silent), servercert.Effects{
		Consequences: func(context.Context) ([]acts.Consequence, error) { return []acts.Consequence{{Text: "x"}}, nil },
		CutAll: func() int {
			d.cut++
			return 1
		},
	}, silent)
	return d
}

// steps collects what was told.
func steps(into *[]string) func(string) { return func(s string) { *into = append(*into, s) } }

func refused(t *testing.T, err error, code acts.Code, parts ...string) {
	t.Helper()
	e, ok := err.(*acts.Error)
	if !ok || e.Code != code || e.Hint == "" {
		t.Fatalf("error %#v, want code %q with a next step", err, code)
	}
	for _, part := range parts {
		if !strings.Contains(e.Text, part) {
			t.Errorf("text %q, want %q in it", e.Text, part)
		}
	}
}

func (d *deeds) done(t *testing.T) (out []string) {
	t.Helper()
	all, err := d.trail.List(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range slices.Backward(all) {
		out = append(out, r.Account+": "+r.Act+" "+r.Result)
	}
	return out
}

// holds says whether the state file, or what else lies in its folder, has the
// private key of a pair in it.
func (d *deeds) holds(t *testing.T, p *pki.Pair) bool {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(p.TLS().PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	// The key lies in PEM within base64 of JSON, or might lie bare.
	wanted := [][]byte{key, []byte(base64.StdEncoding.EncodeToString(key))[:40], []byte(base64.StdEncoding.EncodeToString(p.EncodePEM())[400:800])}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(d.path), "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(wanted, func(part []byte) bool { return bytes.Contains(data, part) }) {
			return true
		}
	}
	return false
}

func TestAGeneratedCertificateIsServedOnlyWhenItIsApplied(t *testing.T) {
	d := newDeeds(t)
	before := served(t, d.world)
	p, err := d.PreviewGenerateServerCertificate(t.Context(), anna, acts.GenerateServerCertificate{})
	if err != nil || len(p.Consequences) != 1 {
		t.Fatal(err)
	}
	var told []string
	forgotten, err := d.PrepareGenerateServerCertificate(t.Context(), anna, acts.GenerateServerCertificate{Names: []string{"extra.example"}, Revision: p.Revision}, steps(&told))
	if err != nil || forgotten.Act != servercert.ActGenerate || forgotten.Revision != p.Revision || forgotten.Upload != 0 || forgotten.Fingerprint != forgotten.Pair.Fingerprint() || !slices.Contains(forgotten.Names, "extra.example") {
		t.Fatalf("prepared %+v, %v", forgotten, err)
	}
	if len(told) != 3 || !strings.Contains(told[0], "ECDSA P-256") || !strings.Contains(told[2], "read back") {
		t.Errorf("steps %q", told)
	}
	if served(t, d.world) != before || d.cut != 0 || len(d.done(t)) != 0 {
		t.Fatalf("preparing has an effect: served %s, cut %d times, records %q", served(t, d.world), d.cut, d.done(t))
	}
	prepared, err := d.PrepareGenerateServerCertificate(t.Context(), anna, acts.GenerateServerCertificate{}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	now, err := d.ApplyServerCertificate(t.Context(), anna, prepared)
	if err != nil || now.Fingerprint != prepared.Fingerprint || served(t, d.world) != prepared.Fingerprint || d.cut != 1 || now.Cut != 1 || now.Since.IsZero() {
		t.Fatalf("applied %+v, %v; cut %d times", now, err, d.cut)
	}
	if d.holds(t, forgotten.Pair) || !d.holds(t, prepared.Pair) {
		t.Error("the state has the key that was forgotten, or not the one in use")
	}
	_, err = d.ApplyServerCertificate(t.Context(), bob, forgotten)
	refused(t, err, acts.Stale, "what you saw has changed since: certificate generate by anna from 192.0.2.7 at 20", "nothing was done")
	_, err = d.PrepareGenerateServerCertificate(t.Context(), bob, acts.GenerateServerCertificate{Revision: p.Revision}, func(string) {})
	refused(t, err, acts.Stale, "certificate generate by anna")
	if served(t, d.world) != prepared.Fingerprint || d.cut != 1 {
		t.Error("a stale one was served")
	}
	want := []string{"anna: certificate generate done", "bob: certificate generate refused", "bob: certificate generate refused"}
	if got := d.done(t); !slices.Equal(got, want) {
		t.Errorf("records %q, want %q", got, want)
	}
}

func TestAnUploadedCertificateIsServedOnlyAsItWasShown(t *testing.T) {
	d := newDeeds(t)
	own, other := pkitest.PairFor(t, pkitest.ECDSAKey(t)), pkitest.PairFor(t, pkitest.ECDSAKey(t))
	upload := func(who acts.Actor, p *pki.Pair) {
		t.Helper()
		if _, err := d.UploadServerCertificate(t.Context(), who, p.EncodePEM()); err != nil {
			t.Fatal(err)
		}
	}
	prepare := func() acts.PreparedServerCertificate {
		t.Helper()
		var told []string
		p, err := d.PrepareInstallServerCertificate(t.Context(), anna, acts.InstallServerCertificate{}, steps(&told))
		if err != nil || p.Upload == 0 || p.Act != servercert.ActInstall || len(told) != 3 {
			t.Fatalf("prepared %+v, %v; steps %q", p, err, told)
		}
		return p
	}
	upload(anna, own)
	p := prepare()
	upload(bob, other)
	_, err := d.ApplyServerCertificate(t.Context(), anna, p)
	refused(t, err, acts.Stale, "certificate upload by bob from 192.0.2.8")
	p = prepare()
	if err := d.DiscardServerCertificate(t.Context(), bob, acts.DiscardServerCertificate{}); err != nil {
		t.Fatal(err)
	}
	_, err = d.ApplyServerCertificate(t.Context(), anna, p)
	refused(t, err, acts.Stale, "certificate discard by bob from 192.0.2.8")
	refused(t, d.DiscardServerCertificate(t.Context(), anna, acts.DiscardServerCertificate{}), acts.NotFound, "no kata.pem")
	if shown, err := d.ServerCertificate(t.Context(), anna); err != nil || shown.Uploaded != nil {
		t.Errorf("shown %+v, %v", shown, err)
	}
	upload(anna, own)
	p = prepare()
	now, err := d.ApplyServerCertificate(t.Context(), anna, p)
	if err != nil || now.Fingerprint != own.Fingerprint() || now.Uploaded != nil || d.cut != 1 {
		t.Fatalf("applied %+v, %v", now, err)
	}
	_, err = d.ApplyServerCertificate(t.Context(), anna, p)
	refused(t, err, acts.Stale, "certificate install by anna")

	// A given file leaves an upload where it is.
	upload(anna, own)
	if now, err = d.InstallServerCertificate(t.Context(), anna, acts.InstallServerCertificate{PEM: other.EncodePEM()}); err != nil || now.Fingerprint != other.Fingerprint() || now.Uploaded == nil {
		t.Errorf("installed %+v, %v", now, err)
	}
}

func TestWhatBreaksARuleIsNotPrepared(t *testing.T) {
	d := newDeeds(t)
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	_, err := d.PrepareInstallServerCertificate(t.Context(), anna, acts.InstallServerCertificate{PEM: pair.CertificatePEM()}, func(s string) { t.Errorf("told as done: %s", s) })
	refused(t, err, acts.Invalid, "key")
	_, err = d.PrepareGenerateServerCertificate(t.Context(), anna, acts.GenerateServerCertificate{Names: []string{"not a name"}}, func(s string) { t.Errorf("told as done: %s", s) })
	refused(t, err, acts.Invalid)
	for _, p := range []acts.PreparedServerCertificate{{}, {Act: servercert.ActInstall}, {Act: servercert.ActView, Pair: pair}, {Pair: pair}} {
		_, err = d.ApplyServerCertificate(t.Context(), anna, p)
		refused(t, err, acts.Invalid, "prepared")
	}
	_, err = d.ApplyServerCertificate(t.Context(), eve, acts.PreparedServerCertificate{Act: servercert.ActInstall, Pair: pair, Revision: 99})
	refused(t, err, acts.NotAllowed)
	_, err = d.PrepareGenerateServerCertificate(t.Context(), eve, acts.GenerateServerCertificate{}, func(s string) { t.Errorf("told as done: %s", s) })
	refused(t, err, acts.NotAllowed)
	refused(t, d.DiscardServerCertificate(t.Context(), eve, acts.DiscardServerCertificate{}), acts.NotAllowed)
	if d.cut != 0 {
		t.Error("connections were cut")
	}
}

// TestKilledAtAnyStepTheOldOrTheNewCertificateIsThere opens, after each step, a
// copy of the state file as it is then: what a killed daemon would find.
func TestKilledAtAnyStepTheOldOrTheNewCertificateIsThere(t *testing.T) {
	d := newDeeds(t)
	old := served(t, d.world)
	found := func() pki.Fingerprint {
		t.Helper()
		copied := filepath.Join(t.TempDir(), "state.db")
		data, err := os.ReadFile(d.path)
		if err == nil {
			err = os.WriteFile(copied, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		w := open(t, copied)
		defer w.state.Close()
		if w.made {
			t.Fatal("the certificate was lost")
		}
		return served(t, w)
	}
	is := func(step string, want pki.Fingerprint) {
		t.Helper()
		if got := found(); got != want {
			t.Fatalf("killed after %q the next start serves %s, want %s", step, got, want)
		}
	}
	prepared, err := d.PrepareGenerateServerCertificate(t.Context(), anna, acts.GenerateServerCertificate{}, func(done string) { is(done, old) })
	if err != nil {
		t.Fatal(err)
	}
	is("prepare", old)
	apply := func(p acts.PreparedServerCertificate) {
		t.Helper()
		before := served(t, d.world)
		err := d.keeper.Replace(t.Context(), p.Pair, p.Revision, kv.Revision(p.Upload), func(ctx context.Context, subject []string, c entity.Change) error {
			is("begin to write", before)
			if err := d.commit(ctx, subject, c); err != nil {
				return err
			}
			is("written, not served", p.Fingerprint)
			if served(t, d.world) != before {
				t.Error("served before it was known to be written")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		is("apply", p.Fingerprint)
	}
	apply(prepared)

	own := pkitest.Pair(t, pki.KeyRSA3072)
	if _, err := d.UploadServerCertificate(t.Context(), anna, own.EncodePEM()); err != nil {
		t.Fatal(err)
	}
	is("upload", prepared.Fingerprint)
	next, err := d.PrepareInstallServerCertificate(t.Context(), anna, acts.InstallServerCertificate{}, func(done string) { is(done, prepared.Fingerprint) })
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	if err := d.keeper.Replace(t.Context(), next.Pair, next.Revision, kv.Revision(next.Upload), func(context.Context, []string, entity.Change) error { return full }); !errors.Is(err, full) {
		t.Fatal(err)
	}
	is("a write that failed", prepared.Fingerprint)
	apply(next)
	if found() != own.Fingerprint() {
		t.Error("not the uploaded one")
	}
}
