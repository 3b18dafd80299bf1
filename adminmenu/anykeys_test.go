package adminmenu

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
)

// TestAnyKeysInAnyOrderKeepTheMenuWhole lets somebody press keys at random
// while another administrator changes what is shown, and the terminal its size.
func TestAnyKeysInAnyOrderKeepTheMenuWhole(t *testing.T) {
	keys := []string{"enter", "enter", "enter", "tab", "tab", "backtab", "up", "down", "down", "left", "right", "esc", "home", "end", "pgup", "pgdn",
		"space", "/", "?", "1", "2", "3", "4", "5", "6", "a", "h", "t", "n", "d", "o", "y", "x", "backspace", "ctrl-u", "Horse-77", "anna", bracketed("ssh-ed25519 AAAAC3 x\n"), bracketed("PRIVATE KEY-----\nx")}
	for seed := range uint64(2) {
		synctest.Test(t, func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 4))
			f := newFake(t)
			f.people()
			f.fleet()
			f.integrated()
			f.recorded(700, time.Second)
			f.linked()
			f.measuredFor(2 * time.Hour)
			all := sensor(fakeSensor{f})
			if seed%2 == 1 {
				all = central(fakeCentral{f})
			}
			d := drive(t, all)
			for range 300 {
				switch chance.IntN(40) {
				case 0:
					d.resize(80+chance.IntN(60), 24+chance.IntN(20))
				case 1:
					f.change(func(f *fake) {
						f.revision++
						i := chance.IntN(len(f.accounts))
						switch a := &f.accounts[i]; chance.IntN(3) {
						case 0:
							f.accounts = append(f.accounts[:i:i], f.accounts[i+1:]...)
						case 1:
							a.Keys = nil
						default:
							a.Revision = f.revision
						}
						f.accounts = append(f.accounts, acts.Account{Name: "new" + string(rune('a'+chance.IntN(26))), Revision: f.revision})
					})
				case 2:
					f.change(func(f *fake) {
						f.revision++
						switch i := chance.IntN(len(f.systems) + 1); i {
						case len(f.systems):
							f.systems = append(f.systems, acts.ExternalSystem{ID: fmt.Sprint("new-", chance.IntN(1000)), Fingerprint: fingerprint(fmt.Sprint(f.revision)), State: acts.Pending, Type: acts.OtherSystem})
						default:
							f.systems = append(f.systems[:i:i], f.systems[i+1:]...)
						}
					})
				case 3:
					d.wait(1100 * time.Millisecond)
				default:
					d.press(keys[chance.IntN(len(keys))])
				}
				d.wait(time.Millisecond)
				if d.over() {
					if err := d.ended(); err != nil {
						t.Fatalf("the menu ended with %v", err)
					}
					d = drive(t, all)
				}
				d.whole()
			}
		})
	}
}
