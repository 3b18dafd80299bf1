package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
)

// rightAfterOk is how often a daemon is killed right after the last [Ok], for
// each daemon and chain.
const rightAfterOk = 10

// TestAKilledDaemonComesBackWithTheOldOrTheNewCertificate kills a daemon in
// every window of both chains, and at random moments right after the last [Ok].
func TestAKilledDaemonComesBackWithTheOldOrTheNewCertificate(t *testing.T) {
	doors(t, func(t *testing.T, k *desk) {
		old, replaced := k.everybodyMeets(k.served()), 0
		// The kills gather around the moment of the commit: later when the old
		// certificate is back, earlier when the new one is.
		after := 10 * time.Millisecond
		for _, chain := range chains() {
			last := len(chain.windows) - 1
			for round := 1; round <= last+rightAfterOk; round++ {
				before := k.served()
				old = k.keptAside(old, "old.crt")
				chain.begin(k) // a file that was installed is gone
				p := k.comesIn().atCertificates()
				p.reaches(chain.windows, min(round, last))
				var announced pki.Fingerprint
				if round > last {
					announced = fingerprintShown(t, p.screen(), "Fingerprint")
					p.selects("Ok")
					pressed := p.pressing("Enter")
					pause := time.NewTimer(time.Duration((0.75 + rand.Float64()/2) * float64(after)))
					<-pause.C
					k.kill()
					pressed()
				} else {
					k.kill()
				}
				if code := p.ends(); code != 255 {
					t.Errorf("ssh ended with %d:\n%s", code, p.screen())
				}
				p.hangUp()
				k.start()
				now := k.served()
				switch now {
				case before:
					if round > last {
						after = after * 5 / 4
					}
					old = k.everybodyMeets(before)
				case announced:
					replaced++
					after = after * 3 / 4
					old = k.everybodyMeets(announced, old)
				default:
					t.Fatalf("%s, round %d: served is %s, before it was %s, confirmed %s", chain.name, round, now, before, announced)
				}
				if shown := read[acts.ServerCertificate](k, "certificate", "show").Fingerprint; shown != now {
					t.Errorf("%s, round %d: shown is %s, served %s", chain.name, round, shown, now)
				}
			}
		}
		k.daemon.must("audit", "verify")
		t.Logf("%d of %d were replaced", replaced, 2*rightAfterOk)
		if replaced == 0 || replaced == 2*rightAfterOk {
			t.Error("every kill came at the same side of the commit: that proves little")
		}
	})
}
