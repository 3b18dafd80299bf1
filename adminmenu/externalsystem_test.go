package adminmenu

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
)

// atExternalSystem is a person at the window of the i-th external system.
func atExternalSystem(t *testing.T, f *fake, i int) *driver {
	d := atExternalSystems(t, central(fakeCentral{f}))
	for range i {
		d.press("down")
	}
	d.press("enter")
	d.at("External system")
	return d
}

// find scrolls down to a text.
func (d *driver) find(want string) {
	d.t.Helper()
	d.press("home")
	for range 60 {
		if strings.Contains(flat(d.screen.text()), flat(want)) {
			return
		}
		d.press("down")
	}
	d.t.Fatalf("%q is nowhere:\n%s", want, d.screen.text())
}

// system is what the fake has of the i-th external system.
func (f *fake) system(i int) (v acts.ExternalSystem) {
	f.change(func(f *fake) { v = f.systems[i] })
	return v
}

func TestAnExternalSystemIsAcceptedByItsFingerprint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		d := atExternalSystem(t, f, 1)
		whole := f.system(1).Fingerprint.String()
		d.expect("Pending: waits for Accept or Reject", whole, "Next step Compare the fingerprint with the certificate that the external system uses", "file-store", "other system, as it says; Accept can correct it", ">[Accept]<", "[Reject]", "[Delete]", "[Close]")
		d.golden("external-system-pending")
		d.button("Accept")
		d.at("Type of the external system")
		d.expect("It says that it is: other system.", "< other system >")
		d.golden("external-system-type")
		d.press("enter") // as it says
		d.at("Confirmation")
		d.expect("Accept this external system?", whole, "Accept it only if they are equal", ">[No]<")
		d.golden("external-system-accept")
		d.press("enter") // one too many
		d.at("External system")
		if f.called("AcceptExternalSystem") != 0 {
			t.Fatal("accepted without [Yes]")
		}
		d.button("Accept")
		d.button("Ok")
		d.button("Yes") // the fake refuses another fingerprint than the one shown
		d.at("External system")
		d.expect("Accepted: file-store, other system. Done in 3 ms, nobody was cut; revision 11.", "State Accepted", "[Change type]", ">[Close]<")
		d.golden("external-system-accepted")
		d.find("by admin")
		if v := f.system(1); v.State != acts.Accepted || v.Type != acts.OtherSystem {
			t.Errorf("is %s, %s", v.State, v.Type)
		}
		d.button("Close")
		d.at("External systems")
		d.expect("1 pending, 2 accepted, 1 rejected")
	})
}

func TestTheTypeIsCorrectedOnAccept(t *testing.T) {
	for name, keys := range map[string][]string{"by arrow": {"right"}, "backwards": {"left"}, "by letter": {"m"}, "by space": {"space"}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			f.integrated()
			d := atExternalSystem(t, f, 1)
			d.button("Accept")
			d.press(keys...)
			d.expect("< mail sensor >")
			d.press("enter")
			d.expect("It will be treated as: mail sensor.")
			d.button("Yes")
			d.expect("Accepted: file-store, mail sensor.", "Type mail sensor")
			if v := f.system(1); v.State != acts.Accepted || v.Type != acts.MailSensor {
				t.Errorf("%s: is %s, %s", name, v.State, v.Type)
			}
		})
	}
}

func TestTheTypeIsCorrectedAfterAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		d := atExternalSystem(t, f, 0)
		d.expect(">[Change type]<")
		d.refuse("[Accept]")
		d.button("Change type")
		d.at("Type of the external system")
		d.expect("Now: mail sensor.", "< mail sensor >")
		d.press("esc") // nothing was typed that could be lost
		d.at("External system")
		d.button("Change type")
		d.button("Ok") // nothing to change
		d.at("Error")
		d.expect("is Accepted already")
		d.button("Close")
		d.button("Change type")
		d.press("o", "enter")
		d.expect("Change the type of this external system?")
		d.button("Yes")
		d.expect("Changed: mail-gateway-1, other system.", "Type other system")
		if v := f.system(0); v.Type != acts.OtherSystem || v.State != acts.Accepted {
			t.Errorf("is %s, %s", v.Type, v.State)
		}
	})
}

func TestRejectingAnExternalSystemSaysWhoIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		d := atExternalSystem(t, f, 0)
		d.button("Reject")
		d.expect("Reject this external system?", "uploads and all. (today: 4)", ">[No]<")
		d.button("Yes")
		d.expect("Rejected: mail-gateway-1, mail sensor. Done in 3 ms, 4 connections cut; revision 11.", "State Rejected", "[Accept] [Delete] >[Close]<")
	})
}

func TestDeletingAnExternalSystemGoesBackToTheList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		d := atExternalSystem(t, f, 0)
		d.button("Delete")
		d.expect("Delete this external system?", "(today: 4)", ">[No]<")
		d.button("No")
		d.at("External system")
		d.button("Delete")
		d.button("Yes")
		d.at("External systems")
		d.expect("Deleted: mail-gateway-1, mail sensor. Done in 3 ms, 4 connections cut; revision", "2 pending, 0 accepted, 1 rejected")
		d.golden("external-systems-deleted")
		d.press("enter", "esc") // the result was read
		d.refuse("Deleted: mail-gateway-1")
	})
}

// The window is the administrator's check of the connection.
func TestAllOfAnExternalSystemIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		d := atExternalSystem(t, f, 0)
		d.golden("external-system-connection")
		for _, want := range []string{
			"State Accepted", "The connection works: there is nothing to do.", f.system(0).Fingerprint.String(), "ID mail-gateway-1", "Sensor 192.0.2.20", "Type mail sensor", "Name gate-1.example",
			"Last call 1999-12-31 23:59:58 UTC (2 s ago)", "192.0.2.20, 2001:db8::20", "12345; 6000 objects taken, 2 calls refused", "4 connections; 7 objects without a verdict",
			"object_too_large: The object is larger than 100 MiB.", "(10 min 0 s ago)", "CN=gate-1.example", "(3650 days left)", "Requested 1999-12-31 23:00:00 UTC", "Decided 1999-12-31 23:30:00 UTC by anna",
			"Other certificates of this ID", f.system(2).Fingerprint.String(),
		} {
			d.find(want)
		}
		d.press("home")
		f.change(func(f *fake) { f.systems[0].Calls, f.systems[0].LastCall = 12346, time.Now() })
		d.wait(2 * time.Second)
		d.expect("12346; 6000 objects", "2000-01-01 00:00:00 UTC (2 s ago)")
	})
}

func TestARequestWithANewCertificateIsMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		d := atExternalSystem(t, f, 2)
		d.expect("State Pending, with a new certificate: waits for Accept or Reject", f.system(2).Fingerprint.String(), "Next step This ID is accepted with another certificate: ask")
		d.golden("external-system-changed")
		d.find(f.system(0).Fingerprint.String())
		d.button("Accept")
		d.button("Ok")
		d.at("Confirmation")
		d.expect("Fingerprint "+f.system(2).Fingerprint.String(), "another certificate, "+f.system(0).Fingerprint.String()+", which stays accepted")
		d.golden("external-system-changed-accept")
	})
}

// Two administrators at one external system.
func TestADecisionOnAStaleSystemIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		one, two := atExternalSystem(t, f, 1), atExternalSystem(t, f, 1)
		one.button("Accept")
		one.press("enter")
		two.button("Reject")
		two.button("Yes")
		one.button("Yes")
		one.at("Error")
		one.expect("Nothing was changed.", "was changed by another administrator")
		one.button("Close")
		one.at("External system")
		one.expect("State Rejected")
		if v := f.system(1); v.State != acts.Rejected {
			t.Errorf("is %s", v.State)
		}
	})
}

func TestAnExternalSystemThatIsGoneSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		d := atExternalSystem(t, f, 1)
		gone := f.system(1)
		f.change(func(f *fake) { f.systems = f.systems[:1] })
		d.wait(2 * time.Second)
		d.expect("another administrator deleted it, or its request made room for another one", "If it calls again, it asks anew.", "file-store", gone.Fingerprint.String(), ">[Close]<")
		d.refuse("[Accept]")
		f.change(func(f *fake) { f.systems = append(f.systems, gone) }) // it asks anew
		d.wait(2 * time.Second)
		d.expect("Pending", "[Accept]", ">[Close]<")
		f.change(func(f *fake) { f.systems[1].State = acts.Accepted })
		d.wait(2 * time.Second)
		d.expect("[Change type]")
		f.change(func(f *fake) { f.systems = f.systems[:1] })
		d.wait(2 * time.Second)
		d.expect("another administrator deleted it. If it calls again")
	})
}

// While the type is chosen another administrator deletes the request.
func TestAnExternalSystemThatGoesWhileItsTypeIsChosen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		d := atExternalSystem(t, f, 1)
		d.button("Accept")
		f.change(func(f *fake) { f.systems = f.systems[:1] })
		d.wait(2 * time.Second)
		d.press("enter")
		d.at("Error")
		d.expect("does not exist", "file-store/BE:60")
		d.button("Close")
		d.at("External system")
		d.wait(2 * time.Second)
		d.expect("another administrator deleted it")
	})
}

func TestOnlyALocalAdministratorDecidesAboutExternalSystems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, role := range []acts.Role{acts.Administrator, acts.SecurityAuditor} {
			f := newFake(t)
			f.integrated()
			in := central(fakeCentral{f})
			in.who = testActor()
			in.who.Role = role
			d := atExternalSystems(t, in)
			d.press("down", "enter")
			d.expect(f.system(1).Fingerprint.String(), ">[Close]<")
			d.refuse("[Accept]", "[Reject]", "[Delete]")
			d.find("To accept, reject or delete external systems takes the role local-administrator; admin has the role " + string(role))
		}
	})
}

// The keys of the windows do what the footer says, and no key decides alone.
func TestKeysOfAnExternalSystem(t *testing.T) {
	for _, tt := range []struct {
		keys []string
		at   string
	}{
		{[]string{"enter"}, "Type of the external system"},
		{[]string{"a", "enter"}, "Type of the external system"},
		{[]string{"r", "enter"}, "Confirmation"},
		{[]string{"d", "enter"}, "Confirmation"},
		{[]string{"right", "enter"}, "Confirmation"},
		{[]string{"left", "enter"}, "External systems"},
		{[]string{"c", "enter"}, "External systems"},
		{[]string{"tab", "tab", "tab", "space"}, "External systems"},
		{[]string{"esc"}, "External systems"},
		{[]string{"enter", "esc"}, "External system"},
		{[]string{"enter", "tab", "tab", "enter"}, "External system"},
		{[]string{"enter", "enter", "esc"}, "External system"},
		{[]string{"enter", "enter", "enter"}, "External system"},
		{[]string{"?"}, "Help on keys"},
		{[]string{"enter", "?"}, "Help on keys"},
		{[]string{"x", "1", "/", "delete", "pgdn", "pgup", "end", "home", "ctrl-l", bracketed("yes\n")}, "External system"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			f.integrated()
			d := atExternalSystem(t, f, 1)
			d.press(tt.keys...)
			if got := d.title(); got != tt.at {
				t.Errorf("%v lead to %q, want %q", tt.keys, got, tt.at)
			}
			if n := f.called("AcceptExternalSystem") + f.called("RejectExternalSystem") + f.called("DeleteExternalSystem"); n != 0 {
				t.Errorf("%v decided", tt.keys)
			}
		})
	}
}

func TestExternalSystemLines(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	text := func(v acts.ExternalSystem) string {
		var b strings.Builder
		for _, l := range externalSystemLines(v, now) {
			fmt.Fprintf(&b, "%s|%s|%d\n", l.label, l.text, l.ink)
		}
		return b.String()
	}
	base := acts.ExternalSystem{ID: "x", Fingerprint: fingerprint("x"), Sensor: "192.0.2.1", Addresses: []string{"192.0.2.1"}, Type: acts.OtherSystem, State: acts.Accepted, Requested: now}
	for name, tt := range map[string]struct {
		change      func(*acts.ExternalSystem)
		has, hasNot []string
	}{
		"bare": {func(*acts.ExternalSystem) {}, []string{"State|Accepted|0", "Last call|none|", "Calls|0; 0 objects taken, 0 calls refused|0"},
			[]string{"Name|", "Subject|", "Expires|", "Decided|", "Last error|", "Calls come from|", "Other certificates", "Next step|", "new certificate"}},
		"rejected and changed":   {func(v *acts.ExternalSystem) { v.State, v.Changed = acts.Rejected, true }, []string{fmt.Sprintf("State|Rejected|%d", bad)}, []string{"as it says;"}},
		"accepted, once changed": {func(v *acts.ExternalSystem) { v.Changed = true }, nil, []string{"new certificate"}},
		"several addresses":      {func(v *acts.ExternalSystem) { v.Addresses = append(v.Addresses, "192.0.2.2") }, []string{"Calls come from|192.0.2.1, 192.0.2.2|0"}, nil},
		"expired":                {func(v *acts.ExternalSystem) { v.NotAfter = now.Add(-49 * time.Hour) }, []string{"(expired 2 days 1 h ago)"}, nil},
		"an error": {func(v *acts.ExternalSystem) {
			v.NextStep, v.LastError, v.LastErrorAt = "It was answered with no object.", "no object", now.Add(-time.Minute)
		}, []string{"Last error|2026-11-22 11:59:00 UTC (1 min 0 s ago): no object|0"}, nil},
		"by nobody": {func(v *acts.ExternalSystem) { v.Decided = now }, []string{"Decided|2026-11-22 12:00:00 UTC|0"}, nil},
	} {
		v := base
		tt.change(&v)
		got := text(v)
		for _, want := range tt.has {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", name, want, got)
			}
		}
		for _, want := range tt.hasNot {
			if strings.Contains(got, want) {
				t.Errorf("%s: %q in\n%s", name, want, got)
			}
		}
	}
}
