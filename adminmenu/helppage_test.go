package adminmenu

import (
	"strings"
	"testing"
	"testing/synctest"
)

func TestHelpSaysHowToCopyFilesAndWhereTheHostKeyIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, sensor(fakeSensor{newFake(t)}))
		d.choose("Help")
		d.at("Help")
		d.golden("help")
		var seen strings.Builder
		for range 6 {
			seen.WriteString(d.screen.text())
			d.press("pgdn")
		}
		for _, want := range []string{
			"scp kata.pem admin@sensor-1.example:", "scp admin@sensor-1.example:ssl/kata.crt .",
			"pscp kata.pem admin@sensor-1.example:", "pscp admin@sensor-1.example:ssl/kata.crt .",
			"ssh admin@sensor-1.example status", "Status page", "sensor menu", "Vedette Sensor 0.4.0",
		} {
			if !strings.Contains(seen.String(), want) {
				t.Errorf("help does not say %q", want)
			}
		}
		d.button("Display")
		d.at("Display")
		d.choose("Borders")
		d.press("esc")
		d.at("Help")
		d.expect("+- Help -")
	})
}

func TestNewScreensNeedNothingBeyondASCII(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.people()
		f.change(func(f *fake) {
			f.account("otto").Keys = f.account("anna").Keys[:1:1]
			f.account("otto").Keys[0].Comment = "Óttó …"
		})
		s := sensor(fakeSensor{f})
		s.terminal.ASCII = true
		d := drive(t, s)
		openAccount(d, "otto")
		d.golden("ascii-account")
		d.button("Add key")
		d.send("ssh-ed25519 AAAA Óttó")
		d.golden("ascii-add-key")
		d.button("Add key")
		d.press("esc")
		f.change(func(f *fake) { f.record(testActor(), "account key add", "Óttó") })
		d.press("esc")
		d.choose("Audit")
		d.golden("ascii-audit")
		for _, r := range d.screen.text() {
			if r > 0x7e {
				t.Fatalf("%q is on the screen", r)
			}
		}
	})
}
