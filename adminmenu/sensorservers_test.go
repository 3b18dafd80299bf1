package adminmenu

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
)

// atSensorServers is a person at the list of Sensor servers.
func atSensorServers(t *testing.T, in setup) *driver {
	d := drive(t, in)
	d.choose("Program settings")
	d.choose("Sensor servers")
	d.at("Sensor servers")
	return d
}

func TestSensorServersAreListedLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		d := atSensorServers(t, central(fakeCentral{f}))
		d.expect("Server list: 1 pending, 1 accepted, 1 rejected. Open a pending one", "IP/name", "Type", "State", "Fingerprint", "Agents", "Link",
			"192.0.2.1 branch-1", "Remote", "Accepted", "connected", "Pending", "Rejected")
		d.golden("sensor-servers")
		d.press("down") // the selection stays where it is while the list changes
		f.change(func(f *fake) {
			f.servers[0].Connected, f.servers[0].Agents = false, 0
			f.servers[1].State, f.servers[1].Connected, f.servers[1].Problem = acts.Accepted, true, "Its clock is wrong."
			f.servers = append([]acts.SensorServer{{Fingerprint: fingerprint("new"), Name: "branch-0", Address: "192.0.2.99", Type: acts.TypeSameServer, State: acts.Pending, Connected: true}}, f.servers...)
		})
		d.wait(2 * time.Second)
		d.expect("1 pending, 2 accepted, 1 rejected", "> 192.0.2.2 branch-2", "192.0.2.99 branch-0", "Central Node", "problem")
	})
}

func TestSensorServersAreFiltered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		d := atSensorServers(t, central(fakeCentral{f}))
		digits := f.servers[1].Fingerprint.String()[3:14] // in the middle, with colons
		d.press("/", strings.ToLower(strings.ReplaceAll(digits, ":", " ")))
		d.expect("Filter (1 of 3)", "branch-2")
		d.refuse("branch-1", "branch-3")
		d.press("enter", "enter")
		d.at("Sensor server")
		d.expect(f.servers[1].Fingerprint.String())
		d.press("esc", "esc")
		d.expect("branch-1", "branch-3")
	})
}

func TestNoSensorHasAskedYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		d := atSensorServers(t, central(fakeCentral{f}))
		d.expect("no Sensor server and no request", "Next: in the administrator menu of the Sensor, Program settings, Configure Central Node.")
		d.press("enter", "down", "end", "/", "x", "esc") // nothing to open, nothing to fear
		d.at("Sensor servers")
		d.golden("sensor-servers-empty")
		f.fleet()
		d.wait(2 * time.Second)
		d.expect("branch-1")
		d.refuse("no Sensor server and no request")
	})
}

func TestNamesOfSensorsCannotBreakTheScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		f.change(func(f *fake) {
			f.servers[0].Name = "\x1b[31mevil\u202e[red]\n" + strings.Repeat("長", 40)
			f.servers[0].Problem, f.servers[0].Version = "\x1b]0;owned\x07", "[::b]1\r\n"
			f.servers[0].Addresses = []string{"\x9b2J", "192.0.2.77"}
		})
		d := atSensorServers(t, central(fakeCentral{f}))
		d.expect(`\u{1b}[31mevil\u{202e}[red]\u{a}`, "branch-2", "branch-3")
		d.press("home", "enter")
		d.expect(`\u{1b}]0;owned\u{7}`, `[::b]1\u{d}\u{a}`, "192.0.2.77")
	})
}

// Whoever may not look at the list is told once, and leaves one audit record,
// not one each second.
func TestWhoMayNotSeeSensorServersIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.failing("SensorServers", &acts.Error{Code: acts.NotAllowed, Text: "the role security-officer may not do this (sensor view)", Hint: "ask a local administrator, an administrator or a security auditor"})
		d := atSensorServers(t, central(fakeCentral{f}))
		d.wait(time.Minute)
		d.expect("The role security-officer may not do this (sensor view).", "Ask a local")
		d.refuse("Loading")
		if n := f.called("SensorServers"); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestSensorServersInASCII(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		f.change(func(f *fake) { f.servers[1].Name = "Zürich" })
		in := central(fakeCentral{f})
		in.terminal.ASCII = true
		d := atSensorServers(t, in)
		d.golden("ascii-sensor-servers")
		d.press("down", "enter")
		d.golden("ascii-sensor-server")
		if d.screen.beyond > 0 {
			t.Errorf("%d bytes are beyond ASCII", d.screen.beyond)
		}
	})
}

func TestSensorServersOnOtherSizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		d := atSensorServers(t, central(fakeCentral{f}))
		d.press("down")
		d.resize(60, 20)
		d.expect("terminal too small")
		d.resize(200, 50)
		d.expect("> 192.0.2.2 branch-2")
		d.resize(80, 24)
		d.expect("> 192.0.2.2 branch-2")
	})
}
