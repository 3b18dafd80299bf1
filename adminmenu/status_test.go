package adminmenu

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
)

func TestStatusOfASensor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.linked()
		d := drive(t, sensor(fakeSensor{f}))
		d.press("1", "enter") // the first entry of the main menu
		d.at("Status")
		d.expect("No problems.", "0.4.0", "1 day 12 h (started 1999-12-30 12:00:00 UTC)", "connect to 192.0.2.1:443", ":22, 1 session",
			"SHA256:"+strings.Repeat("k", 43), f.certificate.Fingerprint.String(), "(3650 days left)",
			"192.0.2.9:443, Accepted for 3 h 0 min", "12 connections, and 3 not carried; 4 refused", "250 Mbit/s of 1 Gbit/s (25 %)")
		d.golden("status-sensor")
		f.change(func(f *fake) {
			f.problems = []string{"The state file takes no writes: disk full", "The server certificate expires in 6 days."}
			f.link.Ingress.Held = true
		})
		d.wait(2 * time.Second)
		d.expect("Problems", "- The state file takes no writes: disk full", "the limit holds agents back now")
		d.refuse("No problems.")
		if top := d.screen.text(); strings.Index(top, "disk full") > strings.Index(top, "6 days") || strings.Index(top, "6 days") > strings.Index(top, "Version") {
			t.Errorf("problems do not stand above, the worst first:\n%s", top)
		}
		d.button("Close")
		d.at("Administrator menu")
	})
}

func TestStatusOfACentralNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		f.integrated()
		f.change(func(f *fake) {
			f.scan = acts.ScanStatus{Waiting: 12, Running: 2, Uploading: 3, Oldest: time.Now().Add(-75 * time.Second), Engines: []acts.ScanEngine{{Name: "builtin"}, {Name: "clamd"}}}
			f.alerts = acts.AlertCounts{New: 3, InProcess: 1, Closed: 40}
		})
		d := drive(t, central(fakeCentral{f}))
		d.choose("Status")
		d.at("Status")
		d.expect("Ext. systems 1 accepted, 2 pending, 1 rejected", "Scanning 12 waiting, 2 running, 3 arriving; the oldest for 1 min 15 s", "Alerts 3 new, 1 in process; the command alert list shows them")
		d.refuse("clamd")
		d.expect("1 accepted (1 connected), 1 pending, 1 rejected", "30 connections, and 2 not let in; 30 hosts", "Validation off", "1234 packages, 5.6 MB, embedded (on disk); oldest")
		d.golden("status-centralnode")
		f.change(func(f *fake) {
			f.validation, f.servers[1].State = true, acts.Accepted
			f.priority, f.scan.Waiting = true, 0
			f.scan.Degraded, f.scan.Reason, f.scan.Engines[1].Trouble = true, "no room in the spool", "nobody answers at \x1b[2J/run/clamd.sock"
			f.events.Degraded, f.events.Reason, f.events.Refused = true, "no space left on device", 7
		})
		d.wait(2 * time.Second)
		d.expect("2 accepted (1 connected), 0 pending", "Validation on", "7 packages answered", "no space left on device")
		d.press("end")
		d.expect("Scanning 0 waiting, 2 running, 3 arriving; mail sensors first", "Scan degraded no room in the spool", `Engine clamd: nobody answers at \u{1b}[2J/run/clamd.sock`)
		d.refuse("builtin", "the oldest for")
	})
}

// While the daemon cannot tell, the last that it told stays, and the window
// says so.
func TestStatusThatCannotBeReadSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		d := drive(t, sensor(fakeSensor{f}))
		d.choose("Status")
		f.failing("Status", &acts.Error{Code: acts.Unavailable, Text: "the state file cannot be read", Hint: "look at the disk"})
		d.wait(2 * time.Second)
		d.expect("Cannot be read now", "the state file cannot be read", "look at the disk", "connect to 192.0.2.1:443")
		f.failing("Status", nil)
		d.wait(2 * time.Second)
		d.refuse("Cannot be read now")
	})
}

func TestStatusLines(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	door := sshText(acts.SSHDoor{})
	if door != "not on the network, only the local socket" {
		t.Errorf("without a door on the network: %q", door)
	}
	for _, c := range []struct {
		at   time.Duration
		want string
		ink  ink
	}{
		{365 * 24 * time.Hour, "(365 days left)", normal},
		{91 * 24 * time.Hour, "(91 days left)", normal},
		{90 * 24 * time.Hour, "(90 days left)", warning},
		{24 * time.Hour, "(1 day left)", warning},
		{5 * time.Hour, "(5 h 0 min left)", warning},
		{0, "(expired 0 s ago)", bad},
		{-49 * time.Hour, "(expired 2 days 1 h ago)", bad},
	} {
		if l := expires(now.Add(c.at), now); !strings.HasSuffix(l.text, c.want) || l.ink != c.ink {
			t.Errorf("%s: %q, ink %d; want %q, ink %d", c.at, l.text, l.ink, c.want, c.ink)
		}
	}
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 59 * time.Second: "59 s", 61 * time.Second: "1 min 1 s", 61 * time.Minute: "1 h 1 min", 25 * time.Hour: "1 day 1 h", 400 * 24 * time.Hour: "400 days 0 h",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%s) is %q, want %q", d, got, want)
		}
	}
}
