package adminmenu

import (
	"fmt"
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
			RTT: 1234 * time.Microsecond, Streams: 12, RetainedBytes: 34_000, PolicyRevision: 4, Validation: true,
			Ingress: acts.Ingress{Agents: 12, Strangers: 3, Refused: 4, Bytes: 12_300_000_000, Rate: 250_000_000, Limit: 1_000_000_000},
		}
		for i, class := range []string{"small", "small", "bulk", "bulk"} {
			f.link.Lanes = append(f.link.Lanes, acts.Lane{Class: class, Congestion: "bbr", Local: fmt.Sprintf("192.0.2.1:%d", 50000+i), Remote: "192.0.2.9:443", Since: now.Add(-time.Duration(i) * time.Minute)})
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
		d.expect("Accepted since 1999-12-31 21:00:00 UTC (3 h 0 min)", "192.0.2.9:443", "1.23 ms", "12; 34 kB wait for acknowledgement", "12 connections, and 3 not carried; 4 refused",
			"250 Mbit/s of 1 Gbit/s (25 %); 12.3 GB since the start", "on (policy revision 4)",
			"small bbr, 192.0.2.1:50000 to 192.0.2.9:443, since 00:00:00 UTC", "bulk bbr, 192.0.2.1:50003 to 192.0.2.9:443, since 1999-12-31 23:57:00 UTC")
		d.refuse("lines 1-") // nothing scrolls
		d.golden("link-state")

		f.change(func(f *fake) {
			f.central.State, f.central.Detail, f.central.Next = acts.LinkUnreachable, "Nobody answers at 192.0.2.9:443.", "Look there."
			f.link.Lanes, f.link.RTT, f.link.Streams, f.link.Ingress.Held = nil, 0, 0, true
			f.link.Warnings = []string{"BBR is not available: load tcp_bbr."}
		})
		d.wait(2 * time.Second)
		d.expect("Unreachable", "Nobody answers at 192.0.2.9:443.", "Look there.", "not measured", "The link has no lane now.", "the limit holds agents back now", "BBR is not available")
		d.golden("link-state-unreachable")
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
		d.resize(132, 40)
		d.at("Link state")
		d.refuse("lines 1-")
		d.expect("bulk bbr, [2001:db8:1111:2222:3333:4444:5555:6666]:50000 to [2001:db8:7777:8888:9999:aaaa:bbbb:cccc]:443")
	})
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
