package adminmenu

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"vedette/internal/acts"
)

// longLine is a line of an authorized_keys file of about 1 KB.
func longLine() string {
	blob := make([]byte, 740)
	_, _ = rand.Read(blob)
	return "ssh-rsa AAAA" + base64.StdEncoding.EncodeToString(blob) + " anna@a-new-laptop"
}

func bracketed(s string) string { return "\x1b[200~" + s + "\x1b[201~" }

func TestAKeyIsPastedOnATerminalOf80Columns(t *testing.T) {
	for how, send := range map[string]func(*driver, string){
		"bracketed":             func(d *driver, s string) { d.send(bracketed(s + "\n")) },
		"bracketed, as Windows": func(d *driver, s string) { d.send(bracketed(s + "\r\n")) },
		"typed": func(d *driver, s string) {
			for part := range slices.Chunk([]byte(s+"\r"), 3) {
				d.send(string(part))
			}
		},
		"typed at once": func(d *driver, s string) { d.send(s + "\r") },
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t)
				f.people()
				d := drive(t, sensor(fakeSensor{f}))
				openAccount(d, "anna")
				d.button("Add key")
				d.at("Add key")
				line := longLine()
				send(d, line)
				d.at("Add key")
				d.expect(line[:200], "anna@a-new-laptop", "[Add key]")
				d.whole()
				d.button("Add key")
				d.at("Account")
				fp := keyFingerprint(strings.Fields(line)[1])
				d.expect("The key "+fp+" was added.", "> "+fp)
				if len(f.given) != 1 || f.given[0] != line {
					t.Errorf("the daemon was given %q, want %q", f.given, line)
				}
			})
		})
	}
}

func TestAnAddedKeyIsTakenOffTheScreenWhenItIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.people()
		d := drive(t, sensor(fakeSensor{f}))
		openAccount(d, "anna")
		d.button("Add key")
		d.button("Add key")
		d.expect("There is no key yet")
		d.press("enter")
		d.expect("Tab goes to the buttons.")
		d.send("ssh-ed25519 BBBBC3 nonsense")
		d.press("enter")
		d.refuse("Tab goes to the buttons.")
		d.press("enter")
		d.expect("Tab goes to the buttons.")
		d.press("backspace")
		d.golden("add-key")
		d.button("Add key")
		d.at("Error")
		d.expect("this is no whole public key", "Next step")
		d.button("Close")
		d.at("Add key")
		d.refuse("nonsense")
		d.send("something")
		d.press("esc")
		d.at("Confirmation")
		d.expect("What you pasted here is lost")
	})
}

// privateKeys are private keys in the formats that people have, with a part of
// each that may never be on the screen.
var privateKeys = map[string]struct{ text, secret string }{
	"OpenSSH":              {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUSECRETA\nSECRETB==\n-----END OPENSSH PRIVATE KEY-----\n", "SECRET"},
	"PKCS #8":              {"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEISECRETC\n-----END PRIVATE KEY-----\n", "SECRET"},
	"RSA, encrypted":       {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nSECRETD\n-----END RSA PRIVATE KEY-----\n", "SECRET"},
	"PuTTY":                {"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: x\nPublic-Lines: 2\nAAAA\nPrivate-Lines: 1\nSECRETE\n", "SECRET"},
	"OpenSSH without head": {"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUSECRETF\nSECRETG\n", "SECRET"},
	"behind a public key":  {"ssh-ed25519 AAAAC3 x\n-----BEGIN OPENSSH PRIVATE KEY-----\nSECRETH\n", "SECRET"},
}

func TestAPrivateKeyIsRefusedAndNotKeptOnTheScreen(t *testing.T) {
	for format, k := range privateKeys {
		for how, send := range map[string]func(*driver, string){
			"bracketed": func(d *driver, s string) { d.send(bracketed(s)) },
			"typed": func(d *driver, s string) {
				for _, b := range []byte(strings.ReplaceAll(s, "\n", "\r")) {
					d.send(string(b))
					d.refuse(k.secret)
				}
			},
		} {
			t.Run(format+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFake(t)
					f.people()
					d := drive(t, sensor(fakeSensor{f}))
					openAccount(d, "anna")
					d.button("Add key")
					send(d, k.text)
					d.at("Add key")
					d.expect("This is a private key.", "Nothing of it was kept")
					d.refuse(k.secret)
					if format == "OpenSSH" {
						d.golden("add-key-private")
					}
					d.button("Add key")
					d.at("Add key")
					d.expect("There is no key yet")
					d.send("ssh-ed25519 AAAAC3 right")
					d.expect("right")
					d.press("ctrl-u")
					d.refuse("right")
					if n := f.called("AddKey"); n != 0 {
						t.Errorf("the daemon was given the key, %d times", n)
					}
				})
			})
		}
	}
}

func TestKeyTextKeepsTheLinesOfAFile(t *testing.T) {
	k := &keyText{}
	k.paste("\r\n\n---- BEGIN SSH2 PUBLIC KEY ----\r\nComment: \"x\"\r\nAAAA\tB\x1b\x7f\r---- END SSH2 PUBLIC KEY ----\r\n\r\n")
	if got, want := k.String(), "---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"x\"\nAAAA B\n---- END SSH2 PUBLIC KEY ----"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	k.forget()
	k.paste(strings.Repeat("x", 3*maxKeyText))
	if n := len(k.String()); n != maxKeyText {
		t.Errorf("%d characters were kept", n)
	}
	for range 10 {
		k.typed(keyBackspace)
	}
	if n := len(k.String()); n != maxKeyText-10 {
		t.Errorf("%d characters are left", n)
	}
}

func TestKeyTextOverwritesWhatItForgets(t *testing.T) {
	for name, forget := range map[string]func(*keyText){
		"the window closes": func(k *keyText) { k.forget() },
		"a private key":     func(k *keyText) { k.paste("-----BEGIN PRIVATE KEY-----\nSECRET") },
	} {
		k := &keyText{}
		k.paste("secret one, long enough to make the buffer grow twice and then some more")
		kept := k.value.value[:cap(k.value.value)]
		forget(k)
		if s := strings.Trim(string(kept), "\x00"); s != "" || k.String() != "" {
			t.Errorf("%s: %q is left, and %q shown", name, s, k.String())
		}
	}
}

func TestAKeyIsDeletedAfterAPreview(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.people()
		d := drive(t, sensor(fakeSensor{f}))
		openAccount(d, "anna")
		first, second := keyFingerprint("anna 1"), keyFingerprint("anna 2")
		d.press("down", "enter")
		d.at("Public key")
		d.expect(second, "sk-ecdsa-sha2-nistp256@openssh.com", "token of Anna", "1999-12-31 23:00:00 UTC")
		d.golden("account-key")
		d.button("Delete key")
		d.at("Confirmation")
		d.expect("The public key "+second+" signs in as anna no longer.", "Sessions that are ended at once. (today: 2)", ">[No]<")
		d.golden("delete-key")
		d.press("enter")
		d.at("Account")
		if n := f.called("DeleteKey"); n != 0 {
			t.Fatal("deleted against [No]")
		}
		d.button("Delete key")
		d.button("Yes")
		d.at("Account")
		d.expect("The key "+second+" was deleted. 2 sessions were ended.", first)
		if keys := f.account("anna").Keys; len(keys) != 1 || keys[0].Fingerprint != first {
			t.Errorf("left: %+v", keys)
		}

		// Another administrator changes the account between preview and [Yes].
		d.button("Delete key")
		f.change(func(f *fake) { f.revision++; f.account("anna").Revision = f.revision })
		d.button("Yes")
		d.at("Error")
		d.expect("Nothing was changed.")
		d.button("Close")
		d.at("Account")
		f.change(func(f *fake) { f.account("anna").Keys = nil })
		d.wait(1100 * 1e6)
		d.expect("only the password signs in")
		d.button("Delete key")
		d.at("Account")
		d.expect("There is no key to delete.")
	})
}

func TestOfficersManageTheirOwnKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.people()
		d := drive(t, sensor(fakeSensor{f}).as("anna", acts.SecurityOfficer))
		openAccount(d, "anna")
		d.button("Add key")
		d.send(bracketed("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI anna@home"))
		d.button("Add key")
		d.at("Account")
		d.expect("was added.", "anna@home")
		d.button("Delete key")
		d.button("Yes")
		d.at("Account")
		d.expect("was deleted.")
		if n := len(f.account("anna").Keys); n != 2 {
			t.Errorf("%d keys", n)
		}
	})
}
