package adminmenu

import (
	"testing"
	"testing/synctest"
)

// TestTheMainMenuHasItsEntriesInOrder opens each by its number, as scripts do.
func TestTheMainMenuHasItsEntriesInOrder(t *testing.T) {
	for name, tt := range map[string]struct {
		backend  func(*fake) setup
		settings []string
	}{
		"sensor":      {func(f *fake) setup { return sensor(fakeSensor{f}) }, []string{titleCertificates, "Configure Central Node", "Link state"}},
		"centralnode": {func(f *fake) setup { return central(fakeCentral{f}) }, []string{titleCertificates, "Sensor servers", "Endpoint Agent certificates", "External systems"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := drive(t, tt.backend(newFake(t)))
			d.golden("main-menu-" + name)
			for i, title := range []string{"Status", "Program settings", "Accounts and keys", "Change password", "Audit", "Help", "Exit"} {
				d.at("Administrator menu")
				d.press(string(rune('1'+i)), "enter")
				d.at(title)
				d.press("esc")
			}
			d.press("2", "enter")
			d.golden("program-settings-" + name)
			for i, title := range tt.settings {
				d.press(string(rune('1'+i)), "enter")
				d.at(title)
				d.press("esc")
				d.at("Program settings")
			}
		})
	}
}
