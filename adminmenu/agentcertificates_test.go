package adminmenu

import (
	"encoding/binary"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
)

// atAgentCertificates is a person at the list of agent certificates.
func atAgentCertificates(t *testing.T, in setup) *driver {
	d := drive(t, in)
	d.choose("Program settings")
	d.choose("Endpoint Agent certificates")
	d.at("Endpoint Agent certificates")
	return d
}

func TestAgentCertificatesAreListedLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		f.change(func(f *fake) {
			f.agents[1].LastSeen = time.Now()
			f.agents[1].Warnings = []string{"The certificate expires soon."}
		})
		d := atAgentCertificates(t, central(fakeCentral{f}))
		d.expect("Validate Endpoint Agent TLS certificates: off", "30 certificates; every agent is let in", "TLS certificate", "Serial number", "Expires", "Agents", "Last seen",
			f.agents[0].Fingerprint.String()[:17], f.agents[0].Serial.String()[:17], "2000-12-31", "2000-01-01 00:00")
		d.golden("agent-certificates")
		f.change(func(f *fake) { f.validation, f.agents = true, f.agents[:1] })
		d.wait(2 * time.Second)
		d.expect("Validate Endpoint Agent TLS certificates: on", "1 certificate; only agents with a listed one are let in")
		f.change(func(f *fake) { f.agents = nil })
		d.wait(2 * time.Second)
		d.expect("No certificate is on the list: no agent is let in.", "agent-certificate generate")
		d.press("enter", "space", "delete")
		d.expect("There is no certificate to delete.")
		d.golden("agent-certificates-empty")
	})
}

func TestAgentCertificatesAreFilteredByBothColumns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		serial := pki.Serial("00C0FFEE" + strings.Repeat("5A", 12))
		f.change(func(f *fake) { f.agents[7].Serial = serial })
		d := atAgentCertificates(t, central(fakeCentral{f}))
		whole := f.agents[3].Fingerprint.String()
		for _, part := range []string{
			whole[9:26], strings.ToLower(whole[9:26]), strings.ReplaceAll(whole[9:26], ":", ""), strings.ReplaceAll(whole[9:26], ":", " "), "SHA256 Fingerprint=" + whole,
		} {
			d.press("/", part)
			d.expect("Filter (1 of 30)", "> "+whole[:17])
			d.press("esc")
			d.expect(f.agents[0].Fingerprint.String()[:17])
		}
		for _, part := range []string{"c0:ff:ee", "C0FF EE5a", "00c0ffee"} {
			d.press("/", part)
			d.expect("Filter (1 of 30)", "00:C0:FF:EE:5A:5A")
			d.press("esc")
		}
		d.press("/", "xyz", "enter")
		d.expect("No row contains the text of the filter.")
	})
}

func TestMarkedCertificatesAreDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		f.change(func(f *fake) { f.late = []string{"branch-3 \x1b[7m"} })
		d := atAgentCertificates(t, central(fakeCentral{f}))
		one, two := f.agents[1], f.agents[2]
		d.press("down", "space", "space")
		d.button("Delete")
		d.at("Confirmation")
		d.expect("Delete 2 certificates from the list?", "cut at once. (today: 3)", one.Fingerprint.String()+": 1 connected agents", two.Fingerprint.String()+": 2 connected agents", ">[No]<")
		d.golden("agent-certificates-delete")
		d.button("No")
		d.at("Endpoint Agent certificates")
		d.press("backtab", "backtab", "backtab") // back into the table
		d.press("delete")                        // the marks are still there
		d.expect("Delete 2 certificates")
		d.button("Yes")
		d.at("Result")
		d.expect("Deleted 2 certificates.", "Cut 3 connections, in 12 ms", "Revision 11; nothing of those who were cut is taken after it", "Sensors 1 Sensor with the new policy",
			`Late The Sensor branch-3 \u{1b}[7m did not say in time`, one.Fingerprint.String(), two.Fingerprint.String())
		d.golden("agent-certificates-deleted")
		d.button("Close")
		d.at("Endpoint Agent certificates")
		d.expect("28 certificates")
		d.refuse(one.Fingerprint.String()[:17], two.Fingerprint.String()[:17])
		if len(f.agents) != 28 {
			t.Errorf("%d certificates are left", len(f.agents))
		}
	})
}

func TestMarksHiddenByTheFilterAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		d := atAgentCertificates(t, central(fakeCentral{f}))
		d.press("space", "/", f.agents[5].Fingerprint.String()[:26], "enter", "space", "delete")
		d.at("Confirmation")
		d.expect("Delete 2 certificates from the list? 1 of them are marked, and hidden by the filter.")
	})
}

func TestTheSwitchAsksWithWhomItCuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		f.change(func(f *fake) { f.unlisted = 5 })
		d := atAgentCertificates(t, central(fakeCentral{f}))
		d.button("Validation on/off")
		d.at("Confirmation")
		d.expect("Turn on: Validate Endpoint Agent TLS certificates?", "because they show no listed certificate. (today: 5)", "Only agents with a listed certificate", ">[No]<")
		d.golden("agent-certificates-validation")
		d.button("Yes")
		d.at("Result")
		d.expect("Validate Endpoint Agent TLS certificates: on.", "Cut 5 connections, in 1.2 s")
		d.press("esc")
		d.expect("Validate Endpoint Agent TLS certificates: on")

		f.change(func(f *fake) { f.unlisted = 0 })
		d.button("Validation on/off")
		d.expect("Turn off:")
		d.button("Yes")
		d.expect("certificates: off.")
		d.refuse("who were cut")
	})
}

func TestTheSwitchOfAFasterAdministrator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		one, two := atAgentCertificates(t, central(fakeCentral{f})), atAgentCertificates(t, central(fakeCentral{f}))
		one.button("Validation on/off")
		two.button("Validation on/off")
		two.button("Yes")
		one.button("Yes") // on what is out of date
		one.at("Error")
		one.expect("Nothing was changed.")
		one.button("Close")
		one.expect("Validate Endpoint Agent TLS certificates: on")

		// Before the next look, the other one is off already.
		f.holding("AgentCertificates")
		f.change(func(f *fake) { f.validation = false })
		one.button("Validation on/off")
		one.at("Nothing to do")
		one.expect("Validation is off already.")
		one.button("Close")
		if n := f.called("SetValidation"); n != 2 {
			t.Errorf("set %d times", n)
		}
	})
}

func TestAStaleListDeletesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		one, two := atAgentCertificates(t, central(fakeCentral{f})), atAgentCertificates(t, central(fakeCentral{f}))
		one.press("delete")
		two.press("down", "delete")
		two.button("Yes")
		one.button("Yes")
		one.at("Error")
		one.expect("Nothing was changed.", "was changed by another administrator")
		one.button("Close")
		one.at("Endpoint Agent certificates")
		one.expect("29 certificates")
	})
}

func TestOneCertificateIsShownWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		f.change(func(f *fake) {
			f.agents[1].Subject, f.agents[1].LastSeen = "CN=agent\x1b[31m[red]", time.Now().Add(-time.Minute)
			f.agents[1].Warnings = []string{"The certificate expires in 7 days."}
		})
		d := atAgentCertificates(t, central(fakeCentral{f}))
		d.press("down", "enter")
		d.at("Endpoint Agent certificate")
		d.expect(f.agents[1].Fingerprint.String(), f.agents[1].Serial.String(), `CN=agent\u{1b}[31m[red]`, "(365 days left)", "generated", "1 connection now", "The certificate expires in 7 days.", ">[Close]<")
		d.golden("agent-certificate")
		d.button("Delete")
		d.expect("Delete 1 certificate from the list?")
		d.button("Yes")
		d.at("Result")
		d.button("Close")
		d.at("Endpoint Agent certificates") // the window of what is gone is gone too
		d.press("enter")
		f.change(func(f *fake) { f.agents = nil })
		d.wait(2 * time.Second)
		d.expect("not on the list any more")
		d.refuse("[Delete]")
	})
}

func TestWhoMayNotChangeTheListSeesWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		in := central(fakeCentral{f})
		in.who = testActor()
		in.who.Role = acts.SecurityAuditor
		d := atAgentCertificates(t, in)
		d.expect("takes the role local-administrator or administrator; admin has the role security-auditor", "[Close]")
		d.refuse("[Delete]", "[Validation on/off]", "Space Mark")
		d.press("space", "delete")
		d.at("Endpoint Agent certificates")
		d.press("home", "enter")
		d.refuse("[Delete]")
		if f.called("PreviewDeleteAgentCertificates") != 0 {
			t.Error("the daemon was asked")
		}
	})
}

// What concerns all stands where it is seen first.
func TestSentencesBeginWithWhatConcernsAll(t *testing.T) {
	f := fingerprint("a").String()
	got := sentences(acts.Preview{Lines: []string{f + ": 0 connected agents use this certificate.", "Validation is off: nobody is cut off until it is turned on."}})
	if len(got) != 2 || !strings.HasPrefix(got[0].text, "Validation is off") || !strings.HasPrefix(got[1].text, f) {
		t.Errorf("%v", got)
	}
}

// thousands gives a Central Node as many agent certificates as it is made for.
func (f *fake) thousands() {
	f.change(func(f *fake) {
		now := time.Now()
		for i := range uint64(15_000) {
			fp := fingerprint(fmt.Sprint("agent ", i))
			serial := binary.BigEndian.AppendUint64(fp[8:16:16], i)
			f.agents = append(f.agents, acts.AgentCertificate{Fingerprint: fp, Serial: pki.Serial(fmt.Sprintf("%X", serial)), Subject: fmt.Sprint("CN=agent-", i), NotBefore: now, NotAfter: now.Add(365 * 24 * time.Hour), Connected: 1, LastSeen: now})
		}
	})
}

// spent is the processor time of this process, which no bubble stops.
func spent(t testing.TB) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// With 15,000 rows every key is answered at once. The bound is wide, since the
// race detector costs ten times; a walk over all rows that measures each breaks
// it all the same.
func TestManyCertificatesStayQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.thousands()
		d := atAgentCertificates(t, central(fakeCentral{f}))
		d.expect("15000 certificates")
		last := f.agents[14_999].Fingerprint.String()
		for _, keys := range [][]string{{"end"}, {"pgup"}, {"up"}, {"space"}, {"home"}, {"pgdn"}, {"end"}, {"/"}, {last[:2]}, {last[3:5]}, {last[6:8]}, {"enter"}, {"home"}} {
			before := spent(t)
			d.press(keys...)
			used := spent(t) - before
			t.Logf("%q: %s", keys, used)
			if used > time.Second {
				t.Errorf("%q took %s of processor time", keys, used)
			}
		}
		d.expect("of 15000)", last[:17])
		before := spent(t)
		d.wait(time.Second)
		used := spent(t) - before
		t.Logf("a look: %s", used)
		if used > 3*time.Second {
			t.Errorf("a look took %s of processor time", used)
		}
	})
}
