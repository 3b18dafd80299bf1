package admin_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
)

func TestGeneratedCertificateLetsAnAgentInUntilItIsDeleted(t *testing.T) {
	w := start(t)
	w.validation(true)
	pair := w.generate("web-1")
	agent := w.agent(pair)
	if err := w.send(agent, 1, "/bin/first"); err != nil {
		t.Fatal(err)
	}
	preview, err := w.PreviewDeleteAgentCertificates(t.Context(), local, acts.DeleteAgentCertificates{Fingerprints: []pki.Fingerprint{pair.Fingerprint()}})
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(preview.Lines, " "); !strings.Contains(text, "1 connected agent uses this certificate.") || preview.Consequences[0].Count != 1 {
		t.Fatalf("preview %+v", preview)
	}
	done, err := w.DeleteAgentCertificates(t.Context(), local, acts.DeleteAgentCertificates{Fingerprints: []pki.Fingerprint{pair.Fingerprint()}, Revision: preview.Revision})
	if err != nil {
		t.Fatal(err)
	}
	if done.Cut != 1 || done.Revision <= preview.Revision {
		t.Fatalf("withdrawal %+v", done)
	}
	if err := w.send(agent, 2, "/bin/second"); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Fatalf("after the deletion: %v", err)
	}
	var seen []string
	if err := w.Events(t.Context(), local, acts.EventFilter{}, func(e acts.Event) bool { seen = append(seen, e.Process.Executable); return true }); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen[0] != "/bin/first" {
		t.Fatalf("events %v", seen)
	}
	refusedAs(t, second(w.DeleteAgentCertificates(t.Context(), local, acts.DeleteAgentCertificates{Fingerprints: []pki.Fingerprint{pair.Fingerprint()}})), acts.NotFound)
}

// TestDeletionOfManyNamesThoseInUse has two certificates in use among many.
func TestDeletionOfManyNamesThoseInUse(t *testing.T) {
	w := start(t)
	var all []pki.Fingerprint
	for i := range 12 {
		pair := w.generate("")
		if i == 5 || i == 9 {
			if err := w.send(w.agent(pair), uint64(i), "/bin/x"); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, pair.Fingerprint())
	}
	ask := func(fs ...pki.Fingerprint) []string {
		t.Helper()
		p, err := w.PreviewDeleteAgentCertificates(t.Context(), local, acts.DeleteAgentCertificates{Fingerprints: fs})
		if err != nil {
			t.Fatal(err)
		}
		return p.Lines
	}
	const uses = ": 1 connected agent uses this certificate."
	off := "Validation is off: nobody is cut off until it is turned on."
	if got, want := ask(all...), []string{all[5].String() + uses, all[9].String() + uses, "No connected agent uses the other 10.", off}; !slices.Equal(got, want) {
		t.Errorf("twelve: %q", got)
	}
	if got, want := ask(all[0], all[9]), []string{all[9].String() + uses, all[0].String() + ": 0 connected agents use this certificate.", off}; !slices.Equal(got, want) {
		t.Errorf("two: %q", got)
	}
}

func second[T any](_ T, err error) error { return err }

func TestUploadTakesManyOrNothing(t *testing.T) {
	w := start(t)
	good, other := pkitest.Agent(t, "good"), pkitest.Agent(t, "other")
	files := func(p ...*pki.Pair) (out []acts.UploadAgentCertificate) {
		for i, pair := range p {
			out = append(out, acts.UploadAgentCertificate{Name: string(rune('a'+i)) + ".pem", PEM: pair.EncodePEM()})
		}
		return out
	}
	bad := append(files(good), acts.UploadAgentCertificate{Name: "bad.pem", PEM: other.CertificatePEM()})
	_, err := w.UploadAgentCertificates(t.Context(), local, bad)
	if e := refusedAs(t, err, acts.Invalid); !strings.HasPrefix(e.Text, "bad.pem: ") || !strings.Contains(e.Hint, "nothing of this upload was added") {
		t.Fatalf("error %q, hint %q", e.Text, e.Hint)
	}
	list, err := w.AgentCertificates(t.Context(), local, acts.AgentCertificateFilter{})
	if err != nil || len(list.Certificates) != 0 {
		t.Fatalf("list after a refused upload: %v, %v", list.Certificates, err)
	}
	done, err := w.UploadAgentCertificates(t.Context(), local, files(good, other, good))
	if err != nil || len(done.Added) != 2 {
		t.Fatalf("upload %+v, %v", done, err)
	}
	again, err := w.UploadAgentCertificates(t.Context(), local, files(good))
	if err != nil || len(again.Added) != 0 || len(again.Present) != 1 || again.Present[0] != good.Fingerprint() {
		t.Fatalf("upload of a listed one: %+v, %v", again, err)
	}
	w.validation(true)
	if err := w.send(w.agent(good), 1, "/bin/x"); err != nil {
		t.Fatalf("the uploaded certificate is refused: %v", err)
	}
	w.stop()
	w = startIn(t, w.dir)
	if err := w.send(w.agent(other), 2, "/bin/x"); err != nil {
		t.Fatalf("after a restart: %v", err)
	}
}

// TestKeyOfAnUploadIsNotStored searches the state folder and the logs; the heap
// is searched where the whole way of an upload is, in cmd/centralnode.
func TestKeyOfAnUploadIsNotStored(t *testing.T) {
	w := start(t)
	pair := pkitest.Agent(t, "secret")
	scalar, err := pair.TLS().PrivateKey.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	file := pair.EncodePEM()
	text := strings.Split(string(file[bytes.Index(file, []byte("PRIVATE KEY")):]), "\n")[1]
	if _, err := w.UploadAgentCertificates(t.Context(), local, []acts.UploadAgentCertificate{{Name: "a.pem", PEM: file}}); err != nil {
		t.Fatal(err)
	}
	if len(bytes.Trim(file, "\x00")) != 0 {
		t.Error("the upload was not overwritten")
	}
	w.stop()
	seen := false
	look := func(where string, raw []byte) {
		seen = seen || bytes.Contains(raw, pair.Leaf().Raw) || bytes.Contains(raw, []byte(base64.StdEncoding.EncodeToString(pair.Leaf().Raw)))
		if bytes.Contains(raw, scalar) || bytes.Contains(raw, []byte(text)) || bytes.Contains(raw, []byte(base64.StdEncoding.EncodeToString([]byte(text)))) {
			t.Errorf("%s holds the private key", where)
		}
	}
	look("the log", w.logs.Bytes())
	err = filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		look(path, raw)
		return err
	})
	if err != nil || !seen {
		t.Fatalf("%v; the certificate itself was found: %v", err, seen)
	}
}

func TestListIsFilteredByPartsOfBothColumns(t *testing.T) {
	w := start(t)
	one, two := w.generate("one"), w.generate("two")
	for name, c := range map[string]struct {
		filter acts.AgentCertificateFilter
		want   []pki.Fingerprint
	}{
		"nothing":                {acts.AgentCertificateFilter{}, []pki.Fingerprint{one.Fingerprint(), two.Fingerprint()}},
		"fingerprint, lower":     {acts.AgentCertificateFilter{Fingerprint: strings.ToLower(one.Fingerprint().String())}, []pki.Fingerprint{one.Fingerprint()}},
		"fingerprint, no colons": {acts.AgentCertificateFilter{Fingerprint: strings.ReplaceAll(two.Fingerprint().String()[:20], ":", " ")}, []pki.Fingerprint{two.Fingerprint()}},
		"serial":                 {acts.AgentCertificateFilter{Serial: pki.SerialOf(one.Leaf()).String()[3:20]}, []pki.Fingerprint{one.Fingerprint()}},
		"both, of different":     {acts.AgentCertificateFilter{Serial: pki.SerialOf(one.Leaf()).String(), Fingerprint: two.Fingerprint().String()}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := w.AgentCertificates(t.Context(), local, c.filter)
			if err != nil || len(list.Certificates) != len(c.want) {
				t.Fatalf("%d rows, %v; want %d", len(list.Certificates), err, len(c.want))
			}
			for _, f := range c.want {
				if !strings.Contains(rows(list), f.String()) {
					t.Errorf("%s is missing", f)
				}
			}
		})
	}
}

func rows(l acts.AgentCertificateList) string {
	var b strings.Builder
	for _, c := range l.Certificates {
		b.WriteString(c.Fingerprint.String() + "\n")
	}
	return b.String()
}

func TestSwitchPreviewsAndCutsThoseWithoutAListedCertificate(t *testing.T) {
	w := start(t)
	stranger := w.agent(pkitest.Agent(t, "stranger"))
	if err := w.send(stranger, 1, "/bin/x"); err != nil {
		t.Fatal(err)
	}
	preview, err := w.PreviewSetValidation(t.Context(), local, acts.SetValidation{On: true})
	if err != nil || preview.Consequences[0].Count != 1 {
		t.Fatalf("preview %+v, %v", preview, err)
	}
	if done := w.validation(true); done.Cut != 1 {
		t.Fatalf("%+v", done)
	}
	if done := w.validation(true); done.Cut != 0 {
		t.Fatalf("turned on twice: %+v", done)
	}
	if err := w.send(stranger, 2, "/bin/x"); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Fatalf("with validation on: %v", err)
	}
	w.validation(false)
	if err := w.send(stranger, 2, "/bin/x"); err != nil {
		t.Fatalf("with validation off again: %v", err)
	}
	_, err = w.SetValidation(t.Context(), local, acts.SetValidation{On: true, Revision: preview.Revision})
	refusedAs(t, err, acts.Stale)
	// Whether a deletion cuts anybody depends on the switch: who saw another
	// position of it is asked to look again.
	listed := w.generate("listed")
	in := acts.DeleteAgentCertificates{Fingerprints: []pki.Fingerprint{listed.Fingerprint()}}
	seen, err := w.PreviewDeleteAgentCertificates(t.Context(), local, in)
	if err != nil {
		t.Fatal(err)
	}
	w.validation(true)
	in.Revision = seen.Revision
	refusedAs(t, second(w.DeleteAgentCertificates(t.Context(), local, in)), acts.Stale)
}
