package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/internal/kv"
)

// aChain is a documented chain and its beginning.
type aChain struct {
	name    string
	windows []window
	begin   func(*desk)
}

// chains are both ways to another certificate.
func chains() []aChain {
	return []aChain{
		{"generate", generateChain(), func(*desk) {}},
		{"install", installChain(), func(k *desk) {
			k.ownCertificate("own.example.org")
			k.must("scp", "kata.pem", "admin@HOST:")
		}},
	}
}

// reaches goes from the beginning of a chain to one of its windows.
func (p *person) reaches(chain []window, at int) {
	p.t.Helper()
	for _, w := range chain[:at] {
		p.expect(append([]string{"┌─ " + w.title + " ─"}, w.shows...)...)
		p.goes(w)
	}
	p.expect(append([]string{"┌─ " + chain[at].title + " ─"}, chain[at].shows...)...)
}

// atCertificates opens Manage server certificate.
func (p *person) atCertificates() *person {
	p.t.Helper()
	p.chooses("Program settings")
	p.chooses("Manage server certificate")
	p.expect("┌─ "+certificates+" ─", "Certificate in use")
	return p
}

// escapes presses Esc until the chain is left, and means it.
func (p *person) escapes() {
	p.t.Helper()
	begin := "┌─ " + certificates + " ─"
	for range 6 {
		before := p.screen()
		if strings.Contains(before, begin) {
			return
		}
		if strings.Contains(before, "Leave?") {
			p.chooses("Yes")
		} else {
			p.press("Escape")
		}
		p.settles("something else", func(seen string) bool { return seen != before && !strings.Contains(seen, "Loading ...") })
	}
	p.t.Fatalf("Esc does not leave the chain:\n%s", p.screen())
}

// TestACertificateChainThatIsLeftChangesNothing leaves both chains in every
// window, in every way, on both daemons.
func TestACertificateChainThatIsLeftChangesNothing(t *testing.T) {
	doors(t, func(t *testing.T, k *desk) {
		for _, c := range chains() {
			c.begin(k)
		}
		k.leavesEveryWindow()
	})
}

func (k *desk) leavesEveryWindow() {
	k.t.Helper()
	before := read[acts.ServerCertificate](k, "certificate", "show")
	p, kept := k.comesIn().atCertificates(), k.decided()
	unchanged := func(how string, chain aChain, at int) {
		k.t.Helper()
		if met := k.served(); met != before.Fingerprint {
			k.t.Errorf("%s, window %d (%s) left by %s: a new connection meets %s", chain.name, at+1, chain.windows[at].title, how, met)
		}
		if k.decided() != kept {
			k.t.Errorf("%s, window %d (%s) left by %s: something is in the state file", chain.name, at+1, chain.windows[at].title, how)
			kept = k.decided()
		}
	}
	for _, chain := range chains() {
		for at := 1; at < len(chain.windows); at++ {
			p.reaches(chain.windows, at)
			p.escapes()
			unchanged("Esc", chain, at)

			p.reaches(chain.windows, at)
			for _, no := range []string{"Cancel", "No"} {
				if strings.Contains(p.screen(), "["+no+"]") {
					p.chooses(no)
					p.settles("another window", func(seen string) bool { return !strings.Contains(seen, "["+no+"]") })
					p.escapes()
					unchanged(no, chain, at)
					p.reaches(chain.windows, at)
				}
			}
			p.hangUp()
			k.goneBut(0)
			unchanged("a hang-up", chain, at)
			p = k.comesIn().atCertificates()
		}
	}
	p.hangUp()
	after := read[acts.ServerCertificate](k, "certificate", "show")
	if after.Fingerprint != before.Fingerprint || !after.Since.Equal(before.Since) {
		k.t.Errorf("the certificate was %+v, and is %+v", before, after)
	}
	if k.everybodyMeets(before.Fingerprint); after.Uploaded == nil {
		k.t.Error("the uploaded file is gone")
	}
}

// decided is all that the state file holds but for what a Sensor measures of its
// link, which comes by the minute.
func (k *desk) decided() string {
	k.t.Helper()
	text, err := os.ReadFile(filepath.Join(k.state(), "state.db"))
	if err != nil {
		k.t.Fatal(err)
	}
	// The daemon holds the file itself. Pages of a copy are whole: what is written meanwhile goes to others, and is pointed to last.
	path := filepath.Join(k.t.TempDir(), "state.db")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		k.t.Fatal(err)
	}
	state, err := kv.Open(path, kv.Options{Program: k.program})
	if err != nil {
		k.t.Fatal(err)
	}
	defer state.Close()
	entries, _, err := state.List(k.t.Context(), "")
	if err != nil || len(entries) == 0 {
		k.t.Fatalf("%d entries are in the state file, %v", len(entries), err)
	}
	var all strings.Builder
	for _, e := range entries {
		if !strings.HasPrefix(e.Key, "link-history/") {
			fmt.Fprintf(&all, "%s %x\n", e.Key, e.Value)
		}
	}
	return all.String()
}

// goneBut waits until only so many are signed in.
func (k *desk) goneBut(sessions int) {
	k.t.Helper()
	var now int
	eventually(k.t, 30*time.Second, "the sessions end", func() bool {
		now = read[struct{ SSH acts.SSHDoor }](k, "status").SSH.Sessions
		return now == sessions
	})
}
