package adminmenu

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"vedette/internal/acts"
)

func TestOnesOwnPasswordIsChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.change(func(f *fake) { f.accounts[0].Sessions = 3 })
		d := drive(t, sensor(fakeSensor{f}))
		d.choose("Change password")
		d.at("Change password")
		d.expect("password of admin", "at least 8 characters", "Current password")
		fill(d, "wrong", "New-horse7", "New-horse7")
		d.refuse("wrong", "New-horse")
		d.golden("change-password")
		d.press("enter")
		d.at("Error")
		d.expect("the current password is not right", "Next step")
		d.button("Close")
		d.at("Change password")
		d.refuse("*")

		f.failing("ChangePassword", &acts.Error{Code: acts.Unavailable, Text: "too many attempts, try again in 8s", Hint: "a local administrator can set the password at once"})
		fill(d, "current", "New-horse7", "New-horse7")
		d.press("enter")
		d.expect("too many attempts, try again in 8s", "a local administrator can set the password at once")
		f.failing("ChangePassword", nil)
		d.press("enter")

		fill(d, "current", "short", "short")
		d.press("enter")
		d.expect("is shorter than 8 characters, needs three of")
		d.press("enter")

		fill(d, "current", "New-horse7", "New-horse7")
		d.button("Ok")
		d.at("Change password")
		d.expect("Your password is changed.", "2 other sessions were ended.")
		d.golden("change-password-done")
		d.button("Close")
		d.at("Administrator menu")
	})
}

func TestThePasswordOfAnotherAccountIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.people()
		before := f.account("anna").Changed
		d := drive(t, sensor(fakeSensor{f}))
		openAccount(d, "anna")
		d.button("Set password")
		d.at("Set password")
		d.expect("All sessions of anna are ended then")
		fill(d, "ANNA", "ANNA")
		d.press("enter")
		d.at("Error")
		d.expect("is shorter than 8 characters, needs three of", "is the name of the account")
		d.press("enter")
		fill(d, "Annas-horse7", "Annas-horse7")
		d.golden("set-password")
		d.press("enter")
		d.at("Account")
		d.expect("The password of anna is set. 2 sessions were ended.")
		if !f.account("anna").Changed.After(before) {
			t.Error("it is not set")
		}
	})
}

func TestTheConsoleIsToldWhereToSetPasswords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		s := central(fakeCentral{f}).as("local", acts.LocalAdministrator)
		s.who.From, s.who.Session = "local", 0
		d := drive(t, s)
		d.choose("Change password")
		d.at("Change password")
		d.expect("The console has no password of its own.", "open the account there, and choose Set password")
		d.golden("change-password-console")
		d.button("Accounts and keys")
		d.at("Accounts and keys")
		d.refuse("(you)")
		d.choose("admin")
		d.expect("[Set password]")
		d.press("esc", "esc")
		d.at("Administrator menu")
		d.choose("Help")
		d.press("pgdn")
		d.expect("scp kata.pem admin@central-1.example:")
	})
}

func TestPasswordsAreOverwrittenWhenTheirWindowIsGone(t *testing.T) {
	const secret = "Secret-horse7"
	for name, leave := range map[string]func(*driver){
		"left":        func(d *driver) { d.press("esc"); d.button("Yes"); d.button("Yes") },
		"cancelled":   func(d *driver) { d.button("Cancel") },
		"acted upon":  func(d *driver) { d.button("Ok") },
		"dropped":     func(d *driver) { _ = d.keys.Close(); <-d.done },
		"program end": func(d *driver) { close(d.draining); <-d.done },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t)
				f.failing("ChangePassword", errors.New("disk full"))
				var s *menuSession
				d := drive(t, alone(func(own *menuSession) *window {
					s = own
					s.changePassword(f)
					w := s.top()
					s.stack = nil
					return w
				}))
				d.errorsOK = true
				fill(d, secret, secret, secret)
				var kept [][]rune
				for _, one := range s.top().part.(*form).fields {
					kept = append(kept, one.value[:cap(one.value)])
				}
				if !strings.Contains(string(kept[0]), secret) {
					t.Fatal("the field holds something else")
				}
				leave(d)
				for i, buffer := range kept {
					if left := strings.Trim(string(buffer), "\x00"); left != "" {
						t.Errorf("field %d still holds %q", i, left)
					}
				}
				if text := d.screen.text() + d.screen.said() + d.log.String(); strings.Contains(text, "horse") {
					t.Errorf("the password is shown or logged:\n%s", text)
				}
			})
		})
	}
}

// TestNoPasswordIsCutWithoutAWord pastes one that is longer than the daemons
// take: they have to see that it is.
func TestNoPasswordIsCutWithoutAWord(t *testing.T) {
	f := passwordField("x")
	f.insert(strings.Repeat("x", 513))
	if n := len(f.String()); n != 513 {
		t.Errorf("%d characters are left of 513", n)
	}
}
