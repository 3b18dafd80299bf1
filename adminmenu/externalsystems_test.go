package adminmenu

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
)

// atExternalSystems is a person at the list of external systems.
func atExternalSystems(t *testing.T, in setup) *driver {
	d := drive(t, in)
	d.choose("Program settings")
	d.choose("External systems")
	d.at("External systems")
	return d
}

func TestExternalSystemsAreListedLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		d := atExternalSystems(t, central(fakeCentral{f}))
		d.expect("Certificate fingerprint "+f.certificate.Fingerprint.String(), "Maximum scan priority: off", "Server list: 2 pending, 1 accepted, 1 rejected. Open one to decide.",
			"Sensor", "Type", "Name", "ID", "State", "mail sensor", "other system", "file-store", "Accepted", "Pending", "Rejected", "someone", "A new certificate: this ID was known with another one.")
		d.refuse("gate-1.example") // a dash for a mail sensor
		d.golden("external-systems")
		d.press("down") // the selection stays where it is while the list changes
		f.change(func(f *fake) {
			f.priority = true
			f.systems[1].State = acts.Accepted
			first := f.systems[0]
			first.ID, first.State = "archive", acts.Pending
			f.systems = append([]acts.ExternalSystem{first}, f.systems...)
		})
		d.wait(2 * time.Second)
		d.expect("Maximum scan priority: on", "2 pending, 2 accepted, 1 rejected", "> 192.0.2.21 other system", "archive")
	})
}

func TestExternalSystemsAreFiltered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		d := atExternalSystems(t, central(fakeCentral{f}))
		whole := f.systems[1].Fingerprint.String()
		for _, part := range []string{"FILE-st", "192.0.2.21", strings.ToLower(strings.ReplaceAll(whole[60:80], ":", " ")), "town hall"} {
			d.press("/", part)
			d.expect("Filter (1 of 4)", "file-store")
			d.refuse("someone")
			d.press("esc")
			d.expect("someone")
		}
		d.press("/", "mail-g", "enter")
		d.expect("Filter (2 of 4)")
		d.press("down", "enter") // the same ID twice: the selected one opens
		d.at("External system")
		d.expect(f.systems[2].Fingerprint.String(), "Pending")
	})
}

func TestNoExternalSystemHasAskedYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		d := atExternalSystems(t, central(fakeCentral{f}))
		d.expect("no external system and no request", f.certificate.Fingerprint.String(), "Next: have the external system compare the fingerprint above")
		d.press("enter", "down", "end", "/", "x", "esc")
		d.at("External systems")
		d.golden("external-systems-empty")
		f.integrated()
		d.wait(2 * time.Second)
		d.expect("file-store")
		d.refuse("no external system and no request")
	})
}

func TestTextsOfExternalSystemsCannotBreakTheScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		f.change(func(f *fake) {
			v := &f.systems[1]
			v.ID, v.Name = strings.Repeat("A", 128), "\x1b[31mevil\u202e[red]\n"+strings.Repeat("長", 400)
			v.Subject, v.LastError, v.LastErrorAt = "CN=\x9b2J[::b]", "\x1b]0;owned\x07: "+strings.Repeat("long ", 2000), time.Now()
			v.Sensor, v.Addresses = "\x1b[2J"+strings.Repeat("1:", 40), []string{"192.0.2.77", "\x9b2J"}
			v.NextStep = "\x1b[7mdo it"
			v.Type = "mail \x1b[7msensor"
		})
		d := atExternalSystems(t, central(fakeCentral{f}))
		d.expect(`\u{1b}[2J`, `\u{1b}`, "AAAAAAAA…", "someone", "192.0.2.22")
		d.golden("external-systems-hostile")
		d.press("down", "enter")
		d.at("External system")
		for _, want := range []string{strings.Repeat("A", 128), "Requested", `\u{1b}]0;owned\u{7}: long`, `\u{1b}[7mdo it`, `\u{1b}[31mevil\u{202e}[red]\u{a}`, "192.0.2.77"} {
			d.find(want)
		}
		d.press("end")
		d.expect("[Accept]", "long long")
	})
}

// Whoever may not look at the list is told once, and leaves one audit record,
// not one each second.
func TestWhoMayNotSeeExternalSystemsIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.failing("ExternalSystems", &acts.Error{Code: acts.NotAllowed, Text: "the role security-officer may not do this (external-system view)", Hint: "ask a local administrator, an administrator or a security auditor"})
		in := central(fakeCentral{f})
		in.who = testActor()
		in.who.Role = acts.SecurityOfficer
		d := atExternalSystems(t, in)
		d.wait(time.Minute)
		d.expect("The role security-officer may not do this (external-system view).", "Ask a local")
		d.refuse("Loading", "[Priority on/off]")
		if n := f.called("ExternalSystems"); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestExternalSystemsInASCII(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		f.change(func(f *fake) { f.systems[1].Name = "Zürich, " + f.systems[1].Name })
		in := central(fakeCentral{f})
		in.terminal.ASCII = true
		d := atExternalSystems(t, in)
		d.golden("ascii-external-systems")
		d.press("down", "enter")
		d.golden("ascii-external-system")
		if d.screen.beyond > 0 {
			t.Errorf("%d bytes are beyond ASCII", d.screen.beyond)
		}
	})
}

func TestExternalSystemsOnOtherSizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		f.change(func(f *fake) {
			f.systems[3].Sensor = "2001:db8:1234:5678:9abc:def0:1234:5678"
			f.systems[1].Name = "Archive of what people hand in at the town hall"
		})
		d := atExternalSystems(t, central(fakeCentral{f}))
		d.expect("Archive of", "5678:9abc:def0:")
		d.refuse("town hall") // three lines at most
		d.press("down")
		d.resize(60, 20)
		d.expect("terminal too small")
		d.resize(200, 50)
		d.expect("> 192.0.2.21", "2001:db8:1234:5678:9abc:def0:1234:5678", f.systems[1].Name)
		d.golden("external-systems-wide")
		d.resize(80, 24)
		d.expect("> 192.0.2.21")
	})
}

func TestThePriorityAsksWhatItMeans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		d := atExternalSystems(t, central(fakeCentral{f}))
		d.button("Priority on/off")
		d.at("Confirmation")
		d.expect("Turn on: Maximum scan priority?", "Objects of mail sensors (1 accepted) will be scanned before all others.", ">[No]<")
		d.golden("external-systems-priority")
		d.press("enter")
		d.at("External systems")
		if f.called("SetScanPriority") != 0 {
			t.Fatal("set without [Yes]")
		}
		d.button("Priority on/off")
		d.button("Yes")
		d.at("External systems")
		d.expect("Maximum scan priority is on; revision 11.", "Maximum scan priority: on; mail sensors come first.")
		f.change(func(f *fake) { f.priority = false }) // by another administrator
		d.wait(passing + time.Second)
		d.expect("Maximum scan priority: off")
		d.refuse("Maximum scan priority is on")
		f.change(func(f *fake) { f.priority = true })
		d.wait(2 * time.Second)
		d.button("Priority on/off")
		d.expect("Turn off: Maximum scan priority?", "will take turns.")
		d.button("Yes")
		d.expect("Maximum scan priority: off; no system comes before another.")
	})
}

func TestThePriorityOfAFasterAdministrator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		one, two := atExternalSystems(t, central(fakeCentral{f})), atExternalSystems(t, central(fakeCentral{f}))
		one.button("Priority on/off")
		two.button("Priority on/off")
		two.button("Yes")
		one.button("Yes") // on what is out of date
		one.at("Error")
		one.expect("Nothing was changed.", "the switch was changed by another administrator")
		one.button("Close")
		one.at("External systems")
		one.expect("Maximum scan priority: on")

		// Before the next look, the other one is off already.
		f.holding("ExternalSystems")
		f.change(func(f *fake) { f.priority = false })
		one.button("Priority on/off")
		one.at("Confirmation")
		one.expect("Maximum scan priority is off already.", ">[No]<")
		one.press("enter")
		if n := f.called("SetScanPriority"); n != 2 {
			t.Errorf("set %d times", n)
		}
	})
}

// A switch that nobody has seen yet is not turned.
func TestThePriorityWaitsUntilItIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		release := f.holding("ExternalSystems")
		d := atExternalSystems(t, central(fakeCentral{f}))
		d.expect("Loading ...")
		d.button("Priority on/off")
		d.at("External systems")
		release()
		d.wait(2 * time.Second)
		d.button("Priority on/off")
		d.at("Confirmation")
	})
}

func TestRolesAtThePriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for role, may := range map[acts.Role]bool{acts.LocalAdministrator: true, acts.Administrator: true, acts.SecurityAuditor: false} {
			f := newFake(t)
			f.integrated()
			in := central(fakeCentral{f})
			in.who = testActor()
			in.who.Role = role
			d := atExternalSystems(t, in)
			d.expect("file-store")
			if may {
				d.expect("[Priority on/off]")
				d.refuse("takes the role")
				continue
			}
			d.refuse("[Priority on/off]")
			d.expect("To change the priority takes the role local-administrator or administrator; admin has the role security-auditor.")
		}
	})
}
