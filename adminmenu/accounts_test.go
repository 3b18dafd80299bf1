package adminmenu

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
)

// as is who works in a menu.
func (s setup) as(name string, role acts.Role) setup {
	s.who = testActor()
	s.who.Account, s.who.Role = name, role
	return s
}

// openAccount opens the window of an account.
func openAccount(d *driver, name string) {
	d.t.Helper()
	d.choose("Accounts and keys")
	d.at("Accounts and keys")
	d.choose(name)
	d.at("Account")
}

// fill types into the fields of a form, from where the cursor is.
func fill(d *driver, fields ...string) {
	d.t.Helper()
	for i, f := range fields {
		if i > 0 {
			d.press("tab")
		}
		if f != "" {
			d.send(f)
		}
	}
}

func TestAnAccountIsMadeAndDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.people()
		d := drive(t, central(fakeCentral{f}))
		d.choose("Accounts and keys")
		d.expect("admin (you)", "anna", "security-officer", "New account")
		d.golden("accounts")
		d.button("New account")
		d.at("New account")
		fill(d, "berta", "", "Bertas-horse7", "Bertas-horse7")
		d.expect("at least 8 characters", "lower case, upper case, digits, others", "not the user name", "< security-officer >")
		d.refuse("horse")
		d.golden("new-account")
		d.press("enter")
		d.at("Accounts and keys")
		d.expect("The account berta was made.", "> berta")
		if a := f.account("berta"); a == nil || a.Role != acts.SecurityOfficer {
			t.Fatalf("made: %+v", a)
		}

		d.choose("anna")
		d.at("Account")
		d.expect("security-officer", "2 signed in now", "anna@laptop", keyFingerprint("anna 1"))
		d.golden("account")
		d.button("Delete account")
		d.at("Confirmation")
		d.expect("Account anna is deleted", "Sessions that are ended at once. (today: 2)")
		d.golden("delete-account")
		d.send("ann")
		d.button("Delete")
		d.at("Confirmation")
		d.expect("Nothing was done: the word is anna.")
		if f.account("anna") == nil {
			t.Fatal("deleted without her name")
		}
		d.press("end", "a")
		d.button("Delete")
		d.at("Accounts and keys")
		d.expect("The account anna was deleted. 2 sessions were ended.")
		if f.account("anna") != nil {
			t.Error("not deleted")
		}
	})
}

func TestANewAccountKeepsAllFieldsButPasswordsWhenItIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		d := drive(t, sensor(fakeSensor{f}))
		d.choose("Accounts and keys")
		d.button("New account")
		fill(d, "berta", "a", "berta", "berta", "")
		d.press("enter")
		d.at("Error")
		d.expect("is shorter than 8 characters, needs three of: lower case, upper case, digits, other characters, is the name of the account", "Next step")
		d.golden("new-account-refused")
		d.press("enter")
		d.at("New account")
		d.expect("[berta ", "< administrator >")
		d.refuse("*")

		// The cursor stands in the first password.
		fill(d, "Bertas-horse7", "Bertas-horse8")
		d.press("enter")
		d.at("Error")
		d.expect("not repeated as it was typed first")
		if n := f.called("CreateAccount"); n != 1 {
			t.Errorf("the daemon was asked %d times", n)
		}
		d.press("enter")
		fill(d, "Bertas-horse7", "Bertas-horse7")
		d.button("Ok")
		d.at("Accounts and keys")
		d.expect("The account berta was made.")
	})
}

func TestLeavingAHalfTypedAccountAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		d := drive(t, sensor(fakeSensor{f}))
		d.choose("Accounts and keys")
		d.button("New account")
		d.press("esc")
		d.at("Accounts and keys")
		d.button("New account")
		d.press("tab", "right", "esc")
		d.at("Confirmation")
		d.button("No")
		d.at("New account")
		d.press("esc")
		d.button("Yes")
		d.at("Accounts and keys")
	})
}

func TestARoleIsChosenAndNotTyped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, sensor(fakeSensor{newFake(t)}))
		d.choose("Accounts and keys")
		d.button("New account")
		d.press("tab")
		d.expect("< security-officer >", "Left/Right Choose", "? Help")
		for _, step := range []struct{ key, word string }{
			{"right", "senior-security-officer"}, {"space", "security-auditor"}, {"left", "senior-security-officer"},
			{"l", "local-administrator"}, {"right", "security-officer"}, {"left", "local-administrator"}, {"x", "local-administrator"},
			{"s", "security-officer"}, {"A", "administrator"}, {"backspace", "administrator"}, {"1", "administrator"},
		} {
			d.press(step.key)
			d.expect("< " + step.word + " >")
		}
		d.send("\x1b[200~king\x1b[201~")
		d.expect("< administrator >")
		d.refuse("king")
	})
}

func TestNobodyIsOfferedToDeleteHisOwnAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.people()
		d := drive(t, sensor(fakeSensor{f}).as("ADMIN", acts.LocalAdministrator))
		openAccount(d, "admin")
		d.expect("admin (you)", "[Change password]", "[Add key]", "[Delete key]")
		d.refuse("[Delete account]", "[Set password]")
		d.button("Change password")
		d.at("Change password")
	})
}

func TestOtherRolesSeeWhatTheyMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.people()
		officer := drive(t, sensor(fakeSensor{f}).as("anna", acts.SecurityOfficer))
		officer.choose("Accounts and keys")
		officer.expect("anna (you)", "Your own keys and password are yours to change.", "To manage accounts takes the role local-administrator or administrator;", "anna has")
		officer.refuse("otto", "[New account]")
		officer.choose("anna")
		officer.expect("[Change password]", "[Add key]", "[Delete key]")
		officer.refuse("[Delete account]")

		auditor := drive(t, sensor(fakeSensor{f}).as("otto", acts.SecurityAuditor))
		openAccount(auditor, "anna")
		auditor.expect("To change this account takes the role local-administrator or administrator;", "otto has", "anna@laptop")
		auditor.refuse("[Add key]", "[Delete key]", "[Set password]", "[Delete account]")
		auditor.choose(keyFingerprint("anna 1"))
		auditor.at("Public key")
		auditor.refuse("[Delete key]")
	})
}

func TestRefusalsOfAccountsShowWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.people()
		d := drive(t, sensor(fakeSensor{f}))
		f.failing("PreviewDeleteAccount", &acts.Error{Code: acts.Refused, Text: "anna is the last local administrator, who has to stay", Hint: "make another account first"})
		openAccount(d, "anna")
		d.button("Delete account")
		d.at("Error")
		d.expect("anna is the last local administrator", "make another account first")
		d.button("Close")
		d.at("Account")

		f.failing("PreviewDeleteAccount", nil)
		d.button("Delete account")
		d.send("anna")
		f.change(func(f *fake) { f.revision++; f.account("anna").Revision = f.revision })
		d.button("Delete")
		d.at("Error")
		d.expect("Nothing was changed.", "was changed by another administrator")
		d.button("Close")
		d.at("Account")
		if f.account("anna") == nil {
			t.Error("deleted by what was read before the change")
		}
	})
}

func TestTwoMenusSeeEachOthersAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.people()
		one, other := drive(t, sensor(fakeSensor{f})), drive(t, sensor(fakeSensor{f}))
		one.choose("Accounts and keys")
		openAccount(other, "otto")
		other.button("Set password")
		fill(other, "Ottos-horse7")

		f.change(func(f *fake) { f.account("otto").Sessions = 3 })
		one.wait(1100 * time.Millisecond)
		one.choose("otto")
		one.expect("3 signed in now")
		one.button("Delete account")
		one.send("otto")
		one.button("Delete")
		one.at("Accounts and keys")
		one.refuse("security-auditor")

		fill(other, "", "Ottos-horse7")
		other.press("enter")
		other.at("Error")
		other.expect("the account otto does not exist")
		other.press("enter", "esc")
		other.wait(1100 * time.Millisecond)
		other.at("Account")
		other.expect("The account otto does not exist any more", ">[Close]<")
		other.refuse("[Delete account]", "[Set password]")
		other.press("enter")
		other.at("Accounts and keys")
		other.refuse("otto")
	})
}

func TestAccountsThatCannotBeReadSaySo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.people()
		f.failing("Accounts", errors.New("disk gone: AKIAsecret"))
		d := drive(t, sensor(fakeSensor{f}))
		d.errorsOK = true
		d.choose("Accounts and keys")
		d.expect("Cannot be read now", "Something failed inside the program.")
		d.refuse("AKIA", "Nobody may sign in", "Loading")
		f.failing("Accounts", nil)
		d.wait(1100 * time.Millisecond)
		d.expect("anna")
		d.refuse("Cannot be read now")
	})
}

// hostile are texts that try to colour, move or break a screen.
var hostile = []string{
	"\x1b[31m\x1b[2J\x1b[H", "\x9b31m", "[red]x[-:-:-]", "a\r\nb\tc\x07", "\u202eabc\u200d\ufeff", "a\xff\xfe", strings.Repeat("\U0001F469", 90), strings.Repeat("x", 5000), "[\"region\"]y[\"\"]",
}

// whole fails unless the frame of the screen is as it has to be.
func (d *driver) whole() {
	d.t.Helper()
	rows := strings.Split(strings.TrimRight(d.screen.text(), "\n"), "\n")
	for _, row := range rows[1 : len(rows)-2] {
		r := []rune(row)
		if !strings.ContainsRune("│├|+", r[0]) || !strings.ContainsRune("│┤|+", r[len(r)-1]) {
			d.t.Fatalf("the frame is broken in %q:\n%s", row, d.screen.text())
		}
	}
}

func TestForeignTextsOfAccountsCannotMoveTheScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, text := range hostile {
			f := newFake(t)
			f.people()
			f.change(func(f *fake) {
				a := f.account("otto")
				a.Name = text
				a.Keys = []acts.PublicKey{{Fingerprint: keyFingerprint(text), Type: text, Comment: text}}
			})
			d := drive(t, sensor(fakeSensor{f}))
			d.choose("Accounts and keys")
			d.whole()
			d.press("end", "enter")
			d.at("Account")
			d.whole()
			d.press("enter")
			d.at("Public key")
			d.whole()
			d.press("end")
			d.whole()
			d.press("esc")
			d.button("Delete account")
			d.at("Confirmation")
			d.whole()
			d.resize(100, 30)
			d.wait(10 * time.Millisecond)
			d.resize(80, 24)
			d.wait(10 * time.Millisecond)
			d.whole()
		}
	})
}

func TestWindowsOfAccountsFitEverySize(t *testing.T) {
	window := map[string]func(*driver){
		"accounts":    func(d *driver) { d.choose("Accounts and keys") },
		"new account": func(d *driver) { d.choose("Accounts and keys"); d.button("New account"); fill(d, "x", "", "y") },
		"account":     func(d *driver) { openAccount(d, "anna") },
		"key":         func(d *driver) { openAccount(d, "anna"); d.press("down", "enter") },
		"add key": func(d *driver) {
			openAccount(d, "anna")
			d.button("Add key")
			d.send(bracketed(strings.Repeat("k", 1500)))
		},
		"private key":    func(d *driver) { openAccount(d, "anna"); d.button("Add key"); d.send(bracketed("PRIVATE KEY-----")) },
		"delete account": func(d *driver) { openAccount(d, "anna"); d.button("Delete account"); d.send("an") },
		"password":       func(d *driver) { d.choose("Change password"); fill(d, "x", "y") },
		"audit":          func(d *driver) { d.choose("Audit"); d.press("/", "a") },
		"audit record":   func(d *driver) { d.choose("Audit"); d.press("enter") },
		"help":           func(d *driver) { d.choose("Help") },
	}
	for name, open := range window {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			f.people()
			f.recorded(40, time.Second)
			d := drive(t, sensor(fakeSensor{f}))
			open(d)
			before := d.screen.text()
			for _, size := range [][2]int{{200, 60}, {81, 24}, {20, 5}, {1, 1}, {80, 25}, {300, 24}, {80, 24}} {
				d.resize(size[0], size[1])
				d.wait(10 * time.Millisecond)
				if size[0] >= 80 && size[1] >= 24 {
					d.whole()
				}
			}
			if after := d.screen.text(); after != before {
				t.Errorf("%s is after some sizes\n%s\nbefore it was\n%s", name, after, before)
			}
		})
	}
}
