package e2e

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
)

// authenticator is the app on somebody's phone: RFC 6238 with six digits and
// steps of 30 seconds.
type authenticator struct {
	t      testing.TB
	secret []byte
	step   uint64 // the next code is of
}

func newAuthenticator(t testing.TB, secret string) *authenticator {
	t.Helper()
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(strings.ReplaceAll(secret, " ", "")))
	if err != nil {
		t.Fatalf("the secret %q: %v", secret, err)
	}
	return &authenticator{t: t, secret: raw, step: uint64(time.Now().Unix()) / 30}
}

// code is one that was not given before: nobody waits for the next half minute,
// since the server takes codes of phones that are one step ahead.
func (a *authenticator) code() string {
	a.t.Helper()
	mac := hmac.New(sha1.New, a.secret)
	_ = binary.Write(mac, binary.BigEndian, a.step) // a hash takes everything
	a.step++
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1_000_000)
}

// TestWebSecondFactor switches a second factor on, signs in with it, and
// switches it off again.
func TestWebSecondFactor(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, s scripting) {
		w := newWeb(t)
		p, elsewhere := w.administrator(t, s), w.administrator(t, s)
		p.opens("/account")
		p.presses("Switch the second factor on")
		p.fills("Current password", "wrong")
		p.presses("Go on")
		p.alert().sees("password")
		p.fills("Current password", webPassword)
		p.presses("Go on")
		secret := p.marks("dd code")
		if len(secret) != 1 {
			t.Fatalf("the secret is shown as %q", secret)
		}
		app := newAuthenticator(t, secret[0])
		p.fills("Code", "000000")
		p.presses("Switch on")
		p.alert().sees("code")
		first := app.code()
		p.fills("Code", first)
		p.presses("Switch on")
		p.sees("Your second factor is on", "1 other session was ended")
		elsewhere.opens("/account")
		elsewhere.sees("Your session has ended.")

		// A code that was used signs nobody in, and a password alone does not.
		elsewhere.signsIn("admin", webPassword)
		elsewhere.sees("Code of the authenticator app")
		elsewhere.opens("/settings/certificates")
		elsewhere.sees("Code of the authenticator app")
		elsewhere.fills("Code of the authenticator app", first)
		elsewhere.presses("Go on")
		elsewhere.sees("This code is not right.")
		elsewhere.fills("Code of the authenticator app", app.code())
		elsewhere.presses("Go on")
		elsewhere.sees("Server certificate")

		elsewhere.opens("/account")
		elsewhere.presses("Switch the second factor off")
		elsewhere.fills("Current password", webPassword)
		elsewhere.presses("Switch off")
		elsewhere.sees("Your second factor is off")
		p.opens("/account")
		p.sees("Your session has ended.")
		p.signsIn("admin", webPassword)
		p.sees("Change password")
		if log := tail(w.log); strings.Contains(log, secret[0]) {
			t.Error("the secret is in the log")
		}
		w.stop()
	})
}

// TestWebAccounts has a Local administrator add somebody, who then works, and
// change what that person may do while they are signed in.
func TestWebAccounts(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, s scripting) {
		w := newWeb(t)
		p := w.administrator(t, s)
		p.section("Accounts")
		p.presses("Add account")
		p.fills("Name", "boris")
		p.chooses("Role", "Security auditor")
		p.fills("Password", "simple")
		p.fills("Repeat it", "simple")
		p.presses("Add account")
		p.alert().sees("8 characters")
		p.fills("Password", "Quiet-river-55")
		p.fills("Repeat it", "Quiet-river-55")
		p.presses("Add account")
		p.sees("boris", "Security auditor")

		b := w.comes(t, s)
		b.signsIn("boris", "Quiet-river-55")
		b.fills("Current password", "Quiet-river-55")
		b.fills("New password", "Other-river-66")
		b.fills("New password again", "Other-river-66")
		b.presses("Change the password")
		b.section("Certificates")
		b.sees("Server certificate")
		if a := b.asked(question{What: "button", Name: "Generate"}); a.Problem == "" {
			t.Error("a Security auditor is offered Generate")
		}

		p.section("Accounts")
		p.follows("boris")
		p.presses("Disable")
		p.sees("Disable the account boris?")
		p.presses("Yes")
		p.sees("The account boris is disabled", "ended")
		b.opens("/settings/certificates")
		b.sees("Your session has ended.")
		b.signsIn("boris", "Other-river-66")
		b.sees("The name or the password is not right.")
		for _, a := range read[acts.AccountList](w, "account", "list").Accounts {
			if a.Name == "boris" && (!a.Disabled || a.Role != acts.SecurityAuditor) {
				t.Errorf("the disabled account: %+v", a)
			}
		}
		p.section("Accounts")
		p.follows("boris")
		p.presses("Enable")
		b.signsIn("boris", "Other-river-66")
		b.sees("Server certificate")

		p.section("Accounts")
		p.follows("boris")
		p.presses("Delete account")
		p.sees("Delete the account boris?")
		p.presses("Yes")
		p.sees("The account boris was deleted")
		b.opens("/settings/certificates")
		b.sees("Your session has ended.")
		if out := w.must("account", "list"); strings.Contains(out, "boris") {
			t.Errorf("the account is still there:\n%s", out)
		}
		w.must("audit", "verify")
		w.stop()
	})
}

// TestWebKeySignsIn adds a public key in the browser, and it signs in over SSH.
func TestWebKeySignsIn(t *testing.T) {
	t.Parallel()
	n := prepareNode(t)
	n.web = freePort(t)
	k := openDoor(n.daemon)
	w := &web{node: n, browser: newBrowser(t, publicKey(t, n.web))}
	p := w.comes(t, withScript)
	p.signsIn("admin", k.password)
	p.fills("Current password", k.password)
	p.fills("New password", webPassword)
	p.fills("New password again", webPassword)
	p.presses("Change the password")
	_ = os.Remove(filepath.Join(k.dir, "id"))
	k.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "laptop", "-f", "id")
	p.opens("/account")
	p.fills("Public key", strings.TrimSpace(k.read("id.pub")))
	p.presses("Add key")
	p.sees("laptop")
	if said := k.must("ssh", "admin@HOST", "status"); !strings.Contains(said, "Server certificate") {
		t.Errorf("the key signs in, and reads:\n%s", said)
	}
	w.stop()
}
