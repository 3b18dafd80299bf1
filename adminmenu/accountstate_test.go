package adminmenu

import (
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
)

func TestAnAccountIsDisabledAndEnabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.people()
		d := drive(t, central(fakeCentral{f}))
		openAccount(d, "anna")
		d.expect("State           Enabled", "[Disable]")
		d.button("Disable")
		d.at("Confirmation")
		d.expect("Account anna is disabled", "Sessions that are ended at once. (today: 2)", "Disable this account?")
		d.button("No")
		d.at("Account")
		if f.account("anna").Disabled {
			t.Fatal("disabled without a Yes")
		}
		d.button("Disable")
		d.button("Yes")
		d.at("Account")
		d.expect("The account anna is disabled. 2 sessions were ended.")
		d.wait(1100 * time.Millisecond)
		d.expect("Disabled: neither password nor keys sign in", "[Enable]")
		d.refuse("[Disable]")
		d.golden("account-disabled")
		d.press("esc")
		d.expect("disabled, second factor on")
		d.choose("anna")
		d.button("Enable")
		d.at("Account")
		d.expect("The account anna is enabled.")
		if f.account("anna").Disabled {
			t.Error("not enabled")
		}
	})
}

func TestALostSecondFactorIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.people()
		d := drive(t, sensor(fakeSensor{f}))
		openAccount(d, "otto")
		d.expect("Off: the password alone signs in", "by another: has to be changed")
		d.refuse("[Remove second factor]")
		d.press("esc")
		d.choose("anna")
		d.at("Account")
		d.expect("On: a code is asked for after the password")
		d.button("Remove second factor")
		d.at("Confirmation")
		d.expect("Remove the second factor?")
		d.button("Yes")
		d.at("Account")
		d.expect("The second factor of anna was removed. 2 sessions were ended.")
		d.wait(1100 * time.Millisecond)
		d.expect("Off: the password alone signs in")
		d.refuse("[Remove second factor]")
	})
}

func TestAnAdministratorIsOfferedWhatHeMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.people()
		d := drive(t, sensor(fakeSensor{f}).as("clerk", acts.Administrator))
		openAccount(d, "admin")
		d.expect("To change this account takes the role local-administrator; clerk has the role administrator.")
		d.refuse("[Set password]", "[Add key]", "[Disable]", "[Delete account]")
		d.choose(keyFingerprint("admin"))
		d.at("Public key")
		d.refuse("[Delete key]")
		d.press("esc", "esc")
		d.choose("anna")
		d.expect("[Set password]", "[Disable]", "[Delete account]")
		d.press("esc")
		d.button("New account")
		d.press("tab")
		d.expect("< security-officer >")
		d.press("left")
		d.expect("< administrator >")
		d.press("right")
		d.expect("< security-officer >")
	})
}

func TestTheFocusStaysOnItsButtonWhenOthersComeAndGo(t *testing.T) {
	named := func(words ...string) (all []button) {
		for _, w := range words {
			all = append(all, button{word: w})
		}
		return all
	}
	for _, c := range []struct {
		focus  int
		now    []button
		wanted int
	}{
		{1, named("b", "c"), 0}, {2, named("a", "x", "b", "c"), 3}, {2, named("a"), 0}, {inPart, named("a"), inPart}, {0, named("z", "b"), 0},
	} {
		w := &window{buttons: named("a", "b", "c"), focus: c.focus}
		w.renew(c.now)
		if w.focus != c.wanted || len(w.buttons) != len(c.now) {
			t.Errorf("focus %d, then %+v: %d, want %d", c.focus, c.now, w.focus, c.wanted)
		}
	}
}
