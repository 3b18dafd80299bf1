package adminmenu

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
)

// atSensor is a person at the window of the i-th Sensor.
func atSensor(t *testing.T, f *fake, i int) *driver {
	d := atSensorServers(t, central(fakeCentral{f}))
	for range i {
		d.press("down")
	}
	d.press("enter")
	d.at("Sensor server")
	return d
}

// server is what the fake has of the i-th Sensor.
func (f *fake) server(i int) (v acts.SensorServer) {
	f.change(func(f *fake) { v = f.servers[i] })
	return v
}

func TestASensorIsAcceptedByItsFingerprint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		d := atSensor(t, f, 1)
		whole := f.server(1).Fingerprint.String()
		d.expect("Pending: waits for Accept or Reject", whole, "Compare it by eye", "branch-2", "[Reject]", "[Delete]", "[Close]")
		d.golden("sensor-server-pending")
		d.button("Accept")
		d.at("Confirmation")
		d.expect("Accept this Sensor server?", whole, "Compare the fingerprint with the one that the Sensor itself shows", ">[No]<")
		d.golden("sensor-server-accept")
		d.press("enter") // one too many
		d.at("Sensor server")
		if f.called("AcceptSensorServer") != 0 {
			t.Fatal("accepted without [Yes]")
		}
		d.button("Accept")
		d.button("Yes") // the fake refuses another fingerprint than the one shown
		d.at("Sensor server")
		d.expect("Accepted: branch-2 (192.0.2.2). Done in 7 ms, nobody was cut; revision 11.", "State Accepted", "by admin", ">[Close]<")
		d.golden("sensor-server-accepted")
		if v := f.server(1); v.State != acts.Accepted {
			t.Errorf("is %s", v.State)
		}
		d.button("Close")
		d.at("Sensor servers")
		d.expect("0 pending, 2 accepted, 1 rejected")
	})
}

func TestRejectingASensorSaysWhoIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		d := atSensor(t, f, 0)
		d.button("Reject")
		d.expect("Reject this Sensor server?", "cut at once. (today: 12)")
		d.button("Yes")
		d.expect("Rejected: branch-1 (192.0.2.1). Done in 7 ms, 12 agents' connections cut; revision", "State Rejected")
	})
}

func TestDeletingASensorGoesBackToTheList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		d := atSensor(t, f, 0)
		d.button("Delete")
		d.expect("Delete this Sensor server?", "(today: 12)", ">[No]<")
		d.button("No")
		d.at("Sensor server")
		d.button("Delete")
		d.button("Yes")
		d.at("Sensor servers")
		d.expect("Deleted: branch-1 (192.0.2.1). Done in 7 ms, 12 agents' connections cut; revision", "1 pending, 0 accepted, 1 rejected")
		d.press("enter", "esc") // the result was read
		d.refuse("Deleted: branch-1")
	})
}

func TestAllOfASensorIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		f.change(func(f *fake) {
			v := &f.servers[0]
			v.Addresses, v.ServerCertificate, v.Decided, v.DecidedBy = []string{"192.0.2.1", "2001:db8::1"}, fingerprint("its server certificate"), time.Now(), "anna"
			v.Lanes, v.RTT, v.PolicyRevision, v.IngressBytes, v.Refused = 4, 12345*time.Microsecond, 3, 7_000_000, 5
		})
		d := atSensor(t, f, 0)
		d.expect("2001:db8::1", f.server(0).ID, "0.4.0", "2000-01-01 00:00:00 UTC by anna", "connected; 4 lanes, round trip 12.3 ms", "12 connections; 7 MB read, 5 refused",
			"revision 3, not yet 4", "Agents pin "+fingerprint("its server certificate").String())
		f.change(func(f *fake) {
			f.servers[0].Connected, f.servers[0].LastContact, f.servers[0].Problem = false, time.Now().Add(-time.Hour), "It is gone."
		})
		d.wait(2 * time.Second)
		d.expect("none; last contact", "(1 h 0 min ago)", "Problem It is gone.")
		d.refuse("not yet 4")
	})
}

// Two administrators at one Sensor.
func TestADecisionOnAStaleScreenIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		one, two := atSensor(t, f, 1), atSensor(t, f, 1)
		one.button("Accept")
		two.button("Reject")
		two.button("Yes")
		one.button("Yes")
		one.at("Error")
		one.expect("Nothing was changed.", "was changed by another administrator")
		one.button("Close")
		one.at("Sensor server")
		one.expect("State Rejected")
		if v := f.server(1); v.State != acts.Rejected {
			t.Errorf("is %s", v.State)
		}
	})
}

func TestASensorThatIsGoneSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		d := atSensor(t, f, 1)
		gone := f.server(1)
		f.change(func(f *fake) { f.servers = f.servers[:1] })
		d.wait(2 * time.Second)
		d.expect("not on the list any more", gone.Fingerprint.String(), ">[Close]<")
		d.refuse("[Accept]")
		f.change(func(f *fake) { f.servers = append(f.servers, gone) }) // it asks anew
		d.wait(2 * time.Second)
		d.expect("Pending", "[Accept]", ">[Close]<")
	})
}

func TestWhatTheDaemonRefusesIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		f.failing("PreviewAcceptSensorServer", &acts.Error{Code: acts.Refused, Text: "the Sensor server is Accepted already: nothing was done", Hint: "the list shows what was decided"})
		d := atSensor(t, f, 0)
		d.button("Accept")
		d.at("Error")
		d.expect("Accepted already", "the list shows what was decided")
		d.button("Close")
		d.at("Sensor server")
	})
}

func TestOnlyALocalAdministratorDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, role := range []acts.Role{acts.Administrator, acts.SecurityAuditor} {
			f := newFake(t)
			f.fleet()
			in := central(fakeCentral{f})
			in.who = testActor()
			in.who.Role = role
			d := atSensorServers(t, in)
			d.press("down", "enter")
			d.expect(f.server(1).Fingerprint.String(), "takes the role local-administrator; admin has the role "+string(role), ">[Close]<")
			d.refuse("[Accept]", "[Reject]", "[Delete]")
		}
	})
}

func TestTook(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 ms", 345 * time.Microsecond: "0.345 ms", 12345 * time.Microsecond: "12.3 ms", 1234 * time.Millisecond: "1.23 s", 75 * time.Second: "75 s"} {
		if got := took(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}

func TestALongProblemOfASensorScrolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		f.change(func(f *fake) { f.servers[0].Problem = strings.Repeat("long ", 300) + "end" })
		d := atSensor(t, f, 0)
		d.expect("lines 1-")
		d.press("end")
		d.expect("ID "+f.server(0).ID, "[Accept]")
	})
}
