package adminmenu

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
)

// linked gives a Sensor an accepted Central Node and a link that works.
func (f *fake) linked() {
	f.change(func(f *fake) {
		now := time.Now()
		f.central.Address, f.central.State, f.central.Since, f.central.Next = "192.0.2.9:443", acts.LinkAccepted, now.Add(-3*time.Hour), ""
		f.central.Expected, f.central.Met = fingerprint("central"), fingerprint("central")
		f.link = acts.Link{
			Quality: quality(), RTT: 1234 * time.Microsecond, Streams: 12, RetainedBytes: 34_000, PolicyRevision: 4, Validation: true,
			Ingress: acts.Ingress{Agents: 12, Strangers: 3, Refused: 4, Bytes: 12_300_000_000, Rate: 250_000_000, Limit: 1_000_000_000},
		}
		for i, class := range []string{"small", "small", "bulk", "bulk"} {
			f.link.Lanes = append(f.link.Lanes, acts.Lane{Class: class, Congestion: "bbr", RTT: time.Duration(20+i) * time.Millisecond, Segments: 1000, Retransmitted: uint64(5 * i), Local: fmt.Sprintf("192.0.2.1:%d", 50000+i), Remote: "192.0.2.9:443", Since: now.Add(-time.Duration(i) * time.Minute)})
		}
	})
}

func TestLinkStateIsOneWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.linked()
		d := drive(t, sensor(fakeSensor{f}))
		d.choose("Program settings")
		d.choose("Link state")
		d.at("Link state")
		d.expect("Accepted since 1999-12-31 21:00:00 UTC (3 h 0 min)", "192.0.2.9:443", "Packet loss OK 0.1 % 10.0 % 3 h 0 min", "Packet delay OK 21.5 ms 100.0 ms",
			"Channel capacity Not measured - -", "which `sensor link test` measures", "Last 10 s 1 min 15 min", ">[Close]<")
		d.golden("link-state")
		d.press("end")
		d.expect("1.23 ms", "12; 34 kB wait for acknowledgement", "12 connections, and 3 not carried; 4 refused",
			"250 Mbit/s of 1 Gbit/s (25 %); 12.3 GB since the start", "on (policy revision 4)",
			"small bbr, 20.0 ms, 0.0 % retransmitted, 192.0.2.1:50000 to 192.0.2.9:443, since 00:00:00 UTC",
			"bulk bbr, 23.0 ms, 1.5 % retransmitted, 192.0.2.1:50003 to 192.0.2.9:443, since 1999-12-31 23:57:00 UTC")
		d.golden("link-state-end")
		d.press("home", "pgdn")
		d.expect("Copies off")
		d.press("home")

		f.change(func(f *fake) { f.link.Quality = worse() })
		d.wait(2 * time.Second)
		d.golden("link-state-exceeded")
		d.expect("Packet loss Exceeded 12.3 % 10.0 % 1 min 17 s", "Loss and delay together Exceeded", "Packet delay Warning 84.0 ms 100.0 ms", "At most 10 % of the packets", "Ask for the line")
		d.press("home", "pgdn")
		d.expect("SPAN traffic 1 Gbit/s", "- held back for - 1.0 s 2.0 s")
		d.press("down", "down", "down")
		d.expect("Copies on, small frames go on two lanes; 1.2 MB of the 34 MB", "Capacity 413.2 Mbit/s, measured 1999-12-31 23:00:00 UTC")

		f.change(func(f *fake) {
			f.central.State, f.central.Detail, f.central.Next = acts.LinkUnreachable, "Nobody answers at 192.0.2.9:443.", "Look there."
			f.link.Lanes, f.link.RTT, f.link.Streams, f.link.Ingress.Held = nil, 0, 0, true
			f.link.Warnings = []string{"BBR is not available: load tcp_bbr."}
			f.link.Quality = acts.LinkQuality{Verdict: acts.VerdictUnknown, Unmeasured: "There is no link."}
			for _, limit := range acts.Limits() {
				f.link.Quality.Limits = append(f.link.Quality.Limits, acts.Judged{Limit: limit, Verdict: acts.VerdictUnknown})
			}
		})
		d.wait(2 * time.Second)
		d.press("home")
		d.expect("Unreachable", "Nobody answers at 192.0.2.9:443.", "Look there.", "BBR is not available", "- Not measured: There is no link.")
		d.golden("link-state-unreachable")
		d.press("end")
		d.expect("not measured", "The link has no lane now.", "the limit holds agents back now")
	})
}

func TestTheLimitsStandInColumns(t *testing.T) {
	now := time.Now()
	lines := qualityLines(acts.LinkQuality{Limits: []acts.Judged{
		{Limit: acts.LimitJoint, Verdict: acts.VerdictUnknown, Since: now.Add(-30*24*time.Hour - 23*time.Hour)},
		{Limit: acts.LimitCapacity, Verdict: acts.VerdictOK, Amount: 1_002_000_000, Bound: 123_449_000, Since: now.Add(-169 * time.Second)},
	}}, now)
	column := strings.Index(lines[0].text, "For")
	for _, l := range lines[1:3] {
		if len(l.text) > 76 || l.text[column-1] != ' ' || l.text[column] == ' ' {
			t.Errorf("%q under %q", l.text, lines[0].text)
		}
	}
}

// TestWhatAFigureIsOnItsWayToStandsBelowIt has a verdict that waits whether a
// figure lasts, and one that the measurement's own tolerance holds back.
func TestWhatAFigureIsOnItsWayToStandsBelowIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.linked()
		f.change(func(f *fake) {
			q := quality()
			q.Limits[0].Amount, q.Limits[0].Toward, q.Limits[0].ToFor = 0.138, acts.VerdictExceeded, 4*time.Second
			q.Limits[1].Verdict, q.Limits[1].Amount = acts.VerdictWarning, 0.1004
			q.Limits[2].Verdict, q.Limits[2].Amount, q.Limits[2].Toward, q.Limits[2].ToFor = acts.VerdictWarning, 1.38, acts.VerdictExceeded, 4*time.Second
			q.Verdict, f.link.Quality = acts.VerdictWarning, q
		})
		d := atLinkState(t, sensor(fakeSensor{f}))
		d.golden("link-state-on-its-way")
		d.expect("Packet delay Warning 100.4 ms 100.0 ms 3 h 0 min", "within the tolerance of 1.0 ms", "Loss and delay together Warning 138.0 % 100.0 % 3 h 0 min", "Packet loss OK 13.8 % 10.0 %", "beyond it for 4 s")
	})
}

func TestALinkWithLongAddressesScrolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.linked()
		f.change(func(f *fake) {
			for i := range f.link.Lanes {
				f.link.Lanes[i].Local, f.link.Lanes[i].Remote = "[2001:db8:1111:2222:3333:4444:5555:6666]:50000", "[2001:db8:7777:8888:9999:aaaa:bbbb:cccc]:443"
			}
			f.link.Warnings = []string{"\x1b]0;owned\x07 [red]warning\u202e"}
		})
		d := drive(t, sensor(fakeSensor{f}))
		d.choose("Program settings")
		d.choose("Link state")
		d.expect(`\u{1b}]0;owned\u{7} [red]warning\u{202e}`)
		d.press("end")
		d.expect("[2001:db8:7777:8888:9999:aaaa:bbbb:cccc]:443")
		d.resize(160, 60)
		d.at("Link state")
		d.refuse("lines 1-")
		d.expect("bulk bbr, 23.0 ms, 1.5 % retransmitted, [2001:db8:1111:2222:3333:4444:5555:6666]:50000 to [2001:db8:7777:8888:9999:aaaa:bbbb:cccc]:443")
	})
}

func TestAnIdleLaneSaysSo(t *testing.T) {
	if got := laneText(acts.Lane{Congestion: "bbr", Idle: true, Local: "a", Remote: "b"}, time.Now()); !strings.HasPrefix(got, "bbr, idle, a to b") {
		t.Error(got)
	}
}

func TestLinkText(t *testing.T) {
	for state, want := range map[acts.LinkState]ink{
		acts.LinkAccepted: normal, acts.LinkPending: warning, acts.LinkUnconfigured: warning,
		acts.LinkUnreachable: bad, acts.LinkRejected: bad, acts.LinkCertificateChanged: bad, acts.LinkSameServer: bad,
	} {
		if got := linkInk(state); got != want {
			t.Errorf("%s has ink %d, want %d", state, got, want)
		}
	}
	if got := policyText(acts.Link{}); got != "unknown until the Central Node tells it" {
		t.Errorf("before any policy: %q", got)
	}
	if got := ingressLines(acts.Ingress{})[0].text; got != "0 bit/s now; 0 bytes since the start" {
		t.Errorf("without a limit: %q", got)
	}
}
