package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vedette/internal/acts"
)

// TestWebFirstSignInChangesTheGeneratedPassword walks the first sign-in: the
// generated password, which stands in a file, has to be changed before anything
// else.
func TestWebFirstSignInChangesTheGeneratedPassword(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, s scripting) {
		w := newWebOf(t)
		raw, err := os.ReadFile(filepath.Join(w.state(), "initial-password"))
		if err != nil {
			t.Fatal(err)
		}
		generated := strings.TrimSpace(string(raw))
		p := w.comes(t, s)
		p.signsIn("admin", "not-the-Password1")
		p.sees("The name or the password is not right.")
		p.signsIn("nobody", generated)
		p.sees("The name or the password is not right.")
		p.signsIn("admin", generated)
		p.sees("Choose your password")
		// Nothing else can be done first.
		for _, path := range []string{"/", "/settings/certificates", "/settings/certificates/server/generate"} {
			p.opens(path)
			p.sees("Choose your password")
		}
		choose := func(current, password, repeated string) {
			t.Helper()
			p.fills("Current password", current)
			p.fills("New password", password)
			p.fills("New password again", repeated)
			p.presses("Change the password")
		}
		choose(generated, "Another-horse-8", "Another-horse-9")
		p.sees("The two new passwords are not the same.")
		choose("wrong", "Another-horse-8", "Another-horse-8")
		p.sees("Choose your password", "password")
		choose(generated, "simple", "simple")
		p.sees("Choose your password", "8 characters")
		choose(generated, generated, generated)
		p.sees("This is the password that somebody else knows.")
		choose(generated, "Another-horse-8", "Another-horse-8")
		p.sees("Dashboard")
		p.section("Certificates")
		p.sees("Server certificate")
		p.presses("admin Local administrator")
		p.presses("Sign out")
		p.sees("You are signed out.")
		p.opens("/settings/certificates")
		p.sees("Sign in")
		p.signsIn("admin", generated)
		p.sees("The name or the password is not right.")
		p.signsIn("admin", "Another-horse-8")
		// What was asked for follows.
		p.sees("Server certificate")
		if records := w.must("audit", "list"); !strings.Contains(records, "account change-password") {
			t.Errorf("the records do not tell of the password:\n%s", records)
		}
		if records := w.must("audit", "list"); strings.Contains(records, "Another-horse-8") || strings.Contains(tail(w.log), "horse") {
			t.Errorf("a password is in the records or the log:\n%s", records)
		}
		w.stop()
	})
}

// TestWebSessionEndsWithItsAccount has an account deleted while somebody is
// signed in with it.
func TestWebSessionEndsWithItsAccount(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, s scripting) {
		w := newWeb(t)
		file := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(file, []byte("Quiet-river-55\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		w.must("account", "create", "anna", "--role", string(acts.SecurityAuditor), "--password-file", file)
		p := w.comes(t, s)
		p.signsIn("anna", "Quiet-river-55")
		p.sees("Choose your password")
		p.fills("Current password", "Quiet-river-55")
		p.fills("New password", "Other-river-66")
		p.fills("New password again", "Other-river-66")
		p.presses("Change the password")
		p.sees("Dashboard")
		p.section("Certificates")
		p.sees("Server certificate")
		// An auditor looks, and is offered nothing that changes something.
		if a := p.asked(question{What: "button", Name: "Generate"}); a.Problem == "" {
			t.Error("an auditor is offered Generate")
		}
		w.must("account", "delete", "anna", "--yes")
		p.opens("/settings/certificates")
		p.sees("Your session has ended.")
		p.signsIn("anna", "Other-river-66")
		p.sees("The name or the password is not right.")
		w.stop()
	})
}
