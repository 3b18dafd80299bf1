package servercert_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/internal/servercert"
	"vedette/pki"
	"vedette/pki/pkitest"
)

func TestEveryViolatedRuleIsSaidWithWhatToDo(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "state", "state.db"))
	file := pkitest.CertificatePEM(pkitest.SelfSigned(t, pkitest.Key(t, "rsa1024")))
	_, err := w.keeper.PreviewInstall(t.Context(), "install", acts.InstallServerCertificate{PEM: file})
	var refusal *acts.Error
	var faults acts.FileFaults
	if !errors.As(err, &refusal) || refusal.Code != acts.Invalid || !errors.As(err, &faults) || len(faults) != 2 {
		t.Fatalf("error %#v", err)
	}
	for _, want := range []string{"2 rules are violated: ", "no private key", "1024 bits"} {
		if !strings.Contains(refusal.Text, want) {
			t.Errorf("the refusal does not say %q: %s", want, refusal.Text)
		}
	}
	for _, f := range faults {
		if f.Hint == "" || !strings.Contains(refusal.Hint, f.Hint) {
			t.Errorf("the next step of %q is missing in %q", f.Text, refusal.Hint)
		}
	}
	if !errors.Is(err, &pki.RuleError{Rule: pki.RuleNoKey}) || !errors.Is(err, &pki.RuleError{Rule: pki.RuleKeyTooShort}) {
		t.Error("a caller cannot tell which rules they are")
	}
	// A kata.pem that waits says the same.
	f, err := w.keeper.Upload(t.Context(), file, w.commit)
	if err != nil || !strings.Contains(f.Problem, "1024 bits") || !strings.Contains(f.Problem, "no private key") || f.Hint != faults.Hints() {
		t.Errorf("kata.pem: %+v, %v", f, err)
	}
	if other := errors.New("another"); servercert.RuleError(other) != other || servercert.Faults("", other) != nil {
		t.Error("an error that is no rule's is changed")
	}
}
