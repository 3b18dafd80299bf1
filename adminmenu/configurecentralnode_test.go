package adminmenu

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
)

// configuring is a person at Configure Central Node.
func configuring(t *testing.T, f *fake) *driver {
	d := drive(t, sensor(fakeSensor{f}))
	d.choose("Program settings")
	d.choose("Configure Central Node")
	d.at("Configure Central Node")
	return d
}

// kept is the Central Node that the fake Sensor has.
func (f *fake) kept() (n acts.CentralNode) {
	f.change(func(f *fake) { n = f.central })
	return n
}

func TestConfigureCentralNodeHasTheDocumentedWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		d := configuring(t, f)
		d.expect("Unconfigured since", "not configured", "Configure the Central Node.", f.central.LinkIdentity.String())
		d.golden("configure-1-state")
		d.button("Change")
		d.at("Input Central Node IP address")
		d.press("192.0.2.9")
		d.golden("configure-2-input")
		d.button("Ok")
		d.at("Certificate of the Central Node")
		d.expect(fingerprint("192.0.2.9").String(), "CN=central-1.example", "Valid from", "Valid until", "Make sure that the displayed certificate matches the Central Node component certificate.")
		d.expect(">[Cancel]<")
		d.golden("configure-3-certificate")
		if n := f.kept(); n.Address != "" {
			t.Fatalf("configured before [Ok]: %+v", n)
		}
		d.button("Ok")
		d.at("Configure Central Node")
		d.expect("Pending since", "192.0.2.9", "An administrator of the Central Node has to accept this Sensor.", "The Central Node is configured.")
		d.golden("configure-4-done")
		if n := f.kept(); n.Expected != fingerprint("192.0.2.9") {
			t.Errorf("pinned %s", n.Expected)
		}
		f.change(func(f *fake) {
			f.central.State, f.central.Next, f.central.Met = acts.LinkAccepted, "", f.central.Expected
		})
		d.wait(2 * time.Second)
		d.expect("Accepted since", "the expected certificate")
		d.refuse("Pending")
		d.button("Cancel")
		d.at("Program settings")
	})
}

func TestAnotherCertificateIsShownBesideTheExpectedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.linked()
		f.change(func(f *fake) {
			f.central.State, f.central.Met = acts.LinkCertificateChanged, fingerprint("another")
			f.central.Detail, f.central.Next = "The server shows another certificate.", "Compare, then confirm it."
		})
		d := configuring(t, f)
		d.expect("Certificate changed", "Expected", fingerprint("central").String(), "Met", fingerprint("another").String(), "Compare, then confirm it.")
		d.button("Change")
		d.press("192.0.2.10", "enter")
		d.at("Certificate of the Central Node")
		d.expect("It takes the place of the Central Node at 192.0.2.9:443.", "Expected", fingerprint("central").String(), "Met", fingerprint("192.0.2.10").String())
		d.golden("configure-certificate-changed")
		d.press("end")
		d.expect("The link begins anew", "(today: 12)")
		d.press("enter") // one too many, on [Cancel]
		d.at("Input Central Node IP address")
		d.expect("192.0.2.10")
		if n := f.kept(); n.Expected != fingerprint("central") || n.Address != "192.0.2.9:443" {
			t.Errorf("changed: %+v", n)
		}
	})
}

func TestABadAddressKeepsWhatWasTyped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		d := configuring(t, f)
		d.button("Change")
		d.press("192.0.2 9")
		d.button("Ok")
		d.at("Error")
		d.expect("this is no address", "give a name or an IP address, with :port where it is not 443")
		d.button("Close")
		d.at("Input Central Node IP address")
		d.expect("[192.0.2 9")
		d.press("backspace", "backspace", ".9", "enter") // the focus is where one types
		d.at("Certificate of the Central Node")
		d.expect("192.0.2.9:443")
	})
}

func TestAnUnreachableCentralNodeSaysWhyAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.failing("PreviewSetCentralNode", &acts.Error{Code: acts.Unavailable, Text: "Nobody answers at 192.0.2.9:443: \x1b[2Jconnection refused", Hint: "Look there."})
		d := configuring(t, f)
		d.button("Change")
		d.press("192.0.2.9", "enter")
		d.at("Error")
		d.expect(`Nobody answers at 192.0.2.9:443: \u{1b}[2Jconnection refused`, "Look there.")
		d.press("esc")
		d.at("Input Central Node IP address")
		d.expect("[192.0.2.9")
		f.failing("PreviewSetCentralNode", nil)
		d.press("enter")
		d.at("Certificate of the Central Node")
	})
}

func TestLookingAtTheCertificateCanBeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		release := f.holding("PreviewSetCentralNode")
		defer release()
		d := configuring(t, f)
		d.button("Change")
		d.press("192.0.2.9", "enter")
		d.at("Connecting to the Central Node")
		d.press("enter", "enter") // nobody can confirm what was not shown
		d.press("esc")
		d.at("Input Central Node IP address")
		d.expect("[192.0.2.9")
		release()
		d.wait(time.Second)
		d.at("Input Central Node IP address") // the late answer opens nothing
		d.press("esc")
		d.at("Confirmation")
		d.expect("What you typed here is lost")
		d.button("Yes")
		d.at("Configure Central Node")
		if f.called("SetCentralNode") != 0 {
			t.Error("something was configured")
		}
	})
}

func TestEscAnywhereKeepsTheCentralNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.linked()
		before := f.kept()
		d := configuring(t, f)
		d.press("enter", "esc") // nothing typed: nothing to ask
		d.at("Configure Central Node")
		d.press("enter", "192.0.2.10", "enter")
		d.at("Certificate of the Central Node")
		d.press("esc")
		d.at("Input Central Node IP address")
		d.press("esc")
		d.button("Yes")
		d.at("Configure Central Node")
		d.press("esc")
		d.at("Program settings")
		if f.kept() != before || f.called("SetCentralNode") != 0 {
			t.Errorf("changed: %+v", f.kept())
		}
	})
}

// Two administrators: the second one decides on what the first one changed
// meanwhile.
func TestAStaleConfirmationConfiguresNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		one, two := configuring(t, f), configuring(t, f)
		one.button("Change")
		one.press("192.0.2.9", "enter")
		two.button("Change")
		two.press("192.0.2.10", "enter")
		two.button("Ok")
		two.expect("192.0.2.10")
		one.button("Ok")
		one.at("Error")
		one.expect("Nothing was changed.", "was changed by another administrator")
		one.button("Close")
		one.at("Configure Central Node")
		one.expect("192.0.2.10") // the fresh state
		if n := f.kept(); n.Expected != fingerprint("192.0.2.10") {
			t.Errorf("configured %+v", n)
		}
	})
}

func TestWhoMayNotChangeTheCentralNodeSeesWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		in := sensor(fakeSensor{f})
		in.who = testActor()
		in.who.Account, in.who.Role = "eve", acts.SecurityAuditor
		d := drive(t, in)
		d.choose("Program settings")
		d.choose("Configure Central Node")
		d.expect("Unconfigured", "takes the role local-administrator or administrator; eve has the role security-auditor", ">[Cancel]<")
		d.refuse("[Change]")
	})
}

func TestComparisonShowsEveryLine(t *testing.T) {
	f := fingerprint("a")
	for name, c := range map[string]struct {
		in   acts.Preview
		want string
	}{
		"values":               {acts.Preview{Lines: []string{"Subject: CN=a: b", "Valid from: now"}}, "Subject|CN=a: b;Valid from|now"},
		"sentences":            {acts.Preview{Lines: []string{"Nobody shows a certificate there now: refused", matches}}, "|Nobody shows a certificate there now: refused;|" + matches},
		"expected and met":     {acts.Preview{Lines: []string{"Expected: AA, the one of before.", "Met: BB"}}, "Expected|AA (the one of before);Met|BB"},
		"fingerprint told":     {acts.Preview{Fingerprint: f, Lines: []string{"Fingerprint (SHA-256): " + f.String()}}, "Fingerprint|" + f.String()},
		"fingerprint not told": {acts.Preview{Fingerprint: f, Lines: []string{"Yes."}}, "|Yes.;Fingerprint|" + f.String()},
	} {
		var got []string
		for _, l := range comparison(c.in) {
			got = append(got, l.label+"|"+l.text)
		}
		if s := strings.Join(got, ";"); s != c.want {
			t.Errorf("%s: %q, want %q", name, s, c.want)
		}
	}
}

// What the server at a mistyped address says of itself is foreign text.
func TestASubjectCannotBreakTheComparison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.change(func(f *fake) {
			f.met = "CN=\x1b[2Jevil\u202e[red]\r\nFingerprint (SHA-256): " + fingerprint("central").String()
		})
		d := configuring(t, f)
		d.button("Change")
		d.press("192.0.2.66", "enter")
		d.at("Certificate of the Central Node")
		d.expect(`Subject CN=\u{1b}[2Jevil\u{202e}[red]\u{d}\u{a}Fingerprint (SHA-256): `, fingerprint("192.0.2.66").String())
		d.resize(79, 24)
		d.expect("terminal too small")
		d.press("tab", "enter") // nobody confirms what is not shown
		d.resize(100, 30)
		d.at("Certificate of the Central Node")
		d.expect(fingerprint("192.0.2.66").String(), ">[Cancel]<")
		if f.called("SetCentralNode") != 0 {
			t.Error("configured unseen")
		}
	})
}

// Whoever leaves while the Central Node is being configured finds it done, or
// is told that it was not.
func TestConfiguringGoesOnWhenItIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		d := configuring(t, f)
		d.button("Change")
		d.press("192.0.2.9", "enter")
		release := f.holding("SetCentralNode")
		d.button("Ok")
		d.at("Configuring the Central Node")
		d.press("esc")
		d.at("Configure Central Node")
		d.expect("Unconfigured")
		release()
		d.wait(2 * time.Second)
		d.expect("Pending", "192.0.2.9")

		d.button("Change")
		d.press("192.0.2.10", "enter")
		release = f.holding("SetCentralNode")
		f.failing("SetCentralNode", &acts.Error{Code: acts.Unavailable, Text: "the disk is full"})
		d.button("Ok")
		d.press("esc")
		release()
		d.wait(time.Second)
		d.expect("The act that you left was not done: the disk is full", "Central Node 192.0.2.9")
	})
}
