package adminmenu

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"vedette/internal/acts"
	"vedette/pki"
)

// management opens Certificate management.
func management(t testing.TB, f *fake) *driver {
	t.Helper()
	d := drive(t, sensor(fakeSensor{f}))
	d.at("Administrator menu")
	d.choose("Program settings")
	d.at("Program settings")
	d.choose("Manage server certificate")
	d.at("Certificate management")
	return d
}

// step is one window of a chain: its title, what it says, and what goes on.
type step struct {
	title  string
	says   []string
	button string // empty: ENTER
	list   string // the entry to choose instead
	// prepared: the key is made when this window is there
	prepared bool
}

// walk goes through a chain, window by window.
func (d *driver) walk(steps []step) {
	d.t.Helper()
	for _, st := range steps {
		d.at(st.title)
		d.expect(st.says...)
		switch {
		case st.list != "":
			d.choose(st.list)
		case st.button != "":
			d.button(st.button)
		default:
			d.press("enter")
		}
	}
}

func generateChain(f *fake) []step {
	old := f.certificate.Fingerprint.String()
	return []step{
		{title: "Certificate management", says: []string{old}, list: "New"},
		{title: "Information on the new certificate", says: []string{"A new key", "[Continue]", "[Cancel]"}, button: "Continue"},
		{title: "Confirmation", says: []string{"(today: 3)", "192.0.2.10", "Mail sensors must be authorised again. (not in use here)", "[Generate]", "[Cancel]"}, button: "Generate"},
		{title: "Creation of the certificate", says: []string{"A new key was made: ECDSA P-256.", "The certificate is created.", "Press ENTER."}, prepared: true},
		{title: "Information on the certificate", says: []string{"not in use yet", "CN=new.example", "[Continue]", "[Cancel]"}, button: "Continue", prepared: true},
		{title: "Confirmation", says: []string{overwritten, "[Ok]", ">[Cancel]<"}, button: "Ok", prepared: true},
	}
}

func installChain(f *fake) []step {
	up := f.upload.Fingerprint.String()
	return []step{
		{title: "Certificate management", says: []string{"kata.pem", "can be installed"}, list: "kata.pem"},
		{title: "Uploaded certificate", says: []string{up, "1704 bytes", "can be installed", "Remove kata.pem"}, list: "Install certificate"},
		{title: "Confirmation", says: []string{up, "[Yes]", "[No]"}, button: "Yes"},
		{title: "Information on the certificate", says: []string{up, "[Continue]", "[Cancel]"}, button: "Continue"},
		{title: "Confirmation", says: []string{"(not in use here)", "[Install]", "[Cancel]"}, button: "Install"},
		{title: "Installation of the certificate", says: []string{"They belong together and satisfy the rules.", "Press ENTER."}, prepared: true},
		{title: "Information on the applied certificate", says: []string{up, "[Continue]", "[Cancel]"}, button: "Continue", prepared: true},
		{title: "Confirmation", says: []string{overwritten, "[Ok]", "[Cancel]"}, button: "Ok", prepared: true},
	}
}

func TestGenerateChainHasTheDocumentedWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.cut = 7
		d := management(t, f)
		before := f.certificate.Fingerprint.String()
		chain := generateChain(f)
		d.walk(chain[:len(chain)-1])
		if f.called("ApplyServerCertificate") != 0 || f.certificate.Fingerprint.String() != before {
			t.Fatal("something changed before the last confirmation")
		}
		d.walk(chain[len(chain)-1:])
		d.at("Certificate management")
		d.expect("CN=new.example", f.certificate.Fingerprint.String(), "7 connections of before were cut.", "scp admin@sensor-1.example:ssl/kata.crt .")
		d.refuse(before)
	})
}

func TestInstallChainHasTheDocumentedWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.uploads("")
		d := management(t, f)
		before := f.certificate.Fingerprint.String()
		chain := installChain(f)
		d.walk(chain[:len(chain)-1])
		if f.called("ApplyServerCertificate") != 0 || f.certificate.Fingerprint.String() != before {
			t.Fatal("something changed before the last confirmation")
		}
		d.walk(chain[len(chain)-1:])
		d.at("Certificate management")
		d.expect(f.upload.Fingerprint.String(), "The new certificate is in use.")
		d.refuse(before, "kata.pem ")
	})
}

func TestEveryWayOutOfAChainKeepsTheOldCertificate(t *testing.T) {
	for _, tt := range []struct {
		name  string
		chain func(*fake) []step
	}{{"generate", generateChain}, {"install", installChain}} {
		for _, way := range []string{"Cancel", "esc", "drop"} {
			t.Run(tt.name+" "+way, func(t *testing.T) {
				for stop := 1; stop < len(tt.chain(newFake(t))); stop++ {
					synctest.Test(t, func(t *testing.T) {
						f := newFake(t)
						f.uploads("")
						before := f.certificate.Fingerprint.String()
						d := management(t, f)
						chain := tt.chain(f)
						d.walk(chain[:stop])
						leaveChain(d, way, chain[stop])
						if f.called("ApplyServerCertificate") != 0 || f.certificate.Fingerprint.String() != before || f.certificate.Uploaded == nil {
							t.Errorf("window %d: something changed", stop)
						}
						if way != "drop" {
							d.at("Certificate management")
							d.expect(before)
						}
						runtime.GC() // the menu still runs, unless it was dropped
						for _, p := range f.preparedPairs() {
							if p.Value() != nil {
								t.Errorf("window %d: the key was kept", stop)
							}
						}
						if prepared := len(f.preparedPairs()); (prepared == 1) != chain[stop].prepared {
							t.Errorf("window %d: %d keys were made", stop, prepared)
						}
					})
				}
			})
		}
	}
}

// leaveChain leaves the window of a chain.
func leaveChain(d *driver, way string, at step) {
	d.t.Helper()
	d.at(at.title)
	switch way {
	case "drop":
		_ = d.keys.Close()
		d.ended()
	case "Cancel":
		switch {
		case strings.Contains(d.screen.text(), "[Cancel]"):
			d.button("Cancel")
		case strings.Contains(d.screen.text(), "[No]"):
			d.button("No")
			d.at("Uploaded certificate")
			d.press("esc")
		default:
			leaveChain(d, "esc", at)
		}
	case "esc":
		for range 8 {
			if d.title() == "Certificate management" {
				return
			}
			if strings.Contains(d.screen.text(), "Leave?") {
				d.button("Yes")
				continue
			}
			d.press("esc")
		}
	}
}

// preparedPairs are weak references to every key that was made.
func (f *fake) preparedPairs() []weak.Pointer[pki.Pair] {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pairs
}

func TestEscWhereAKeyWouldBeForgottenAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		d := management(t, f)
		chain := generateChain(f)
		d.walk(chain[:5])
		d.at("Confirmation")
		d.press("esc")
		d.at("Information on the certificate")
		d.press("esc")
		d.expect("is forgotten when you leave", ">[No]<")
		d.press("enter")
		d.at("Information on the certificate")
		d.walk(chain[4:])
		d.at("Certificate management")
		d.expect("The new certificate is in use.")
	})
}

func TestFileThatViolatesARuleSaysWhich(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.uploads("the private key does not belong to the certificate")
		before := f.certificate.Fingerprint.String()
		d := management(t, f)
		d.expect("cannot be installed")
		d.choose("kata.pem")
		d.expect("the private key does not belong to the certificate", "cannot be installed")
		d.choose("Install certificate")
		d.button("Yes")
		d.at("Error")
		d.expect("The act was not done.", "the private key does not belong", "Next step", "one PEM file")
		d.button("Close")
		d.at("Uploaded certificate")
		d.choose("Remove kata.pem")
		d.expect(">[No]<")
		d.button("Yes")
		d.wait(time.Second)
		d.at("Certificate management")
		d.expect(before, "kata.pem was removed.")
		if f.called("ApplyServerCertificate") != 0 || f.certificate.Uploaded != nil {
			t.Error("the file was not just removed")
		}
	})
}

func TestActOnAStaleScreenIsRefusedAndTheFreshStateShown(t *testing.T) {
	for name, before := range map[string]int{"when it is prepared": 3, "when it is applied": 5} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			d := management(t, f)
			chain := generateChain(f)
			d.walk(chain[:before-1])
			f.change(func(f *fake) { // another administrator was faster
				f.revision++
				f.certRevision = f.revision
				f.certificate.Certificate = f.make("CN=other.example")
			})
			d.walk(chain[before-1 : before])
			if before == 5 {
				d.walk(chain[5:])
			}
			d.expect("Nothing was changed.", "was changed by another administrator", "look at it again")
			d.press("enter")
			d.wait(time.Second)
			d.at("Certificate management")
			d.expect("CN=other.example")
			if strings.Contains(name, "applied") && f.called("ApplyServerCertificate") != 1 {
				t.Error("nothing was applied")
			}
		})
	}
}

func TestWorkThatIsLeftIsCancelledAndCommittedWorkGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.holding("PrepareGenerateServerCertificate") // never released
		d := management(t, f)
		chain := generateChain(f)
		d.walk(chain[:3])
		d.at("Creation of the certificate")
		d.expect("Esc Cancel")
		d.press("esc")
		d.at("Certificate management")

		release := f.holding("ApplyServerCertificate")
		f.change(func(f *fake) { delete(f.holds, "PrepareGenerateServerCertificate") })
		d.walk(chain)
		d.at("Applying the certificate")
		d.press("esc")
		d.at("Certificate management")
		release()
		d.wait(2 * time.Second)
		d.expect("CN=new.example")
	})
}

func TestCommittedActEndsWholeWhenTheConnectionDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		release := f.holding("ApplyServerCertificate")
		d := management(t, f)
		d.walk(generateChain(f))
		_ = d.keys.Close()
		d.wait(10 * time.Second)
		if d.over() {
			t.Error("the menu left the act alone")
		}
		release()
		d.ended()
		if f.certificate.Subject != "CN=new.example" {
			t.Error("the act was cut")
		}
	})
}

func TestCertificateLinesNameWarningsAndAge(t *testing.T) {
	c := acts.ServerCertificate{Certificate: acts.Certificate{Subject: "CN=x", Warnings: []string{"expires in 7 days"}}, Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	var all []string
	for _, l := range certificateLines(c, c.Since.Add(49*time.Hour)) {
		all = append(all, l.label+" "+l.text)
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{"Warning expires in 7 days", "2026-01-01 00:00:00 UTC (2 days)"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// What concerns somebody today is seen at once; what is not in use here may need
// a key.
func TestTheConsequencesOfACentralNodeAreSeenAtOnce(t *testing.T) {
	who := []string{"192.0.2.10", "192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.14"}
	documented := []acts.Consequence{ // as the Central Node has them
		{Text: "The certificate in use is removed at once. The new certificate must be entered everywhere the old one was used.", InUse: true, Count: 812, Who: who},
		{Text: "Traffic forwarding from Endpoint Agents and their trusted connection must be reconfigured: every agent that pins the old certificate stops delivering events until it has the new one. Agents keep what they collect meanwhile.", InUse: true, Count: 812, Who: who},
		{Text: "Every Sensor stops until its administrator has compared and confirmed the new certificate (central-node set).", InUse: true, Count: 3, Who: who[:3]},
		{
			Text:  "Mail sensors and other external systems stay accepted: they are known by their own certificates. But each must be given the new certificate, or it refuses to talk to the Central Node and nothing of it is scanned.",
			InUse: true, Count: 12, Who: []string{"mail-gateway-1 (gate-1.example)", "mail-gateway-2 (gate-2.example)", "file-store (Archive)", "four", "five", "six", "seven"},
		},
		{Text: "The connection of the Central Node, PCN, and SCN to Sandbox must be reconfigured."},
		{Text: "The new certificate must be uploaded to Active Directory."},
		{Text: "Endpoint Agent host isolation rules must be deleted first: isolated hosts are out of control afterwards."},
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.consequences = documented
		d := drive(t, central(fakeCentral{f}))
		d.choose("Program settings")
		d.choose("Manage server certificate")
		d.choose("New")
		d.button("Continue")
		for _, c := range documented[:4] {
			d.expect(c.Text)
		}
		d.expect("The certificate in use stays until the last confirmation.", "(today: 812)", "192.0.2.14 and 807 more", "file-store (Archive), four, five and 7 more", "Not in use here: ")
		d.golden("generate-2-confirmation-central-node")
		d.press("end")
		for _, c := range documented[4:] {
			d.expect(c.Text)
		}
	})
}

func TestConsequenceLines(t *testing.T) {
	got := ""
	for _, l := range consequenceLines([]acts.Consequence{
		{Text: "A.", InUse: true, Count: 3, Who: []string{"x", "y"}}, {Text: "B."}, {Text: "C.", InUse: true, Count: 3, Who: []string{"x", "y"}}, {Text: "D."}, {Text: "E.", InUse: true},
	}) {
		got += l.label + l.text + "\n"
	}
	if want := "\nConsequences\n-A. (today: 3) x, y and 1 more\n-C. (today: 3)\n-E. (today: 0)\n-Not in use here: B. D.\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if l := consequenceLines([]acts.Consequence{{Text: "B."}}); l[2].text != "B. (not in use here)" {
		t.Errorf("one that is not in use: %q", l[2].text)
	}
	if l := consequenceLines(nil); l != nil {
		t.Errorf("none: %v", l)
	}
}
