package e2e

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
)

// soon is how fast a window shows what another administrator has changed, on a
// machine at rest.
const soon = 2 * time.Second

// TestAnActOnAnOutdatedConfirmationIsRefused has an administrator stand in the
// last confirmation while another one replaces the certificate.
func TestAnActOnAnOutdatedConfirmationIsRefused(t *testing.T) {
	doors(t, func(t *testing.T, k *desk) {
		for _, chain := range chains() {
			chain.begin(k)
			last := len(chain.windows) - 1
			slow, fast := k.comesIn().atCertificates(), k.comesIn().atCertificates()
			slow.reaches(chain.windows, last)
			generate := generateChain()
			fast.reaches(generate, len(generate)-1)
			fast.goes(generate[len(generate)-1])
			done := fast.expect(inUseNow)
			served := fingerprintShown(t, done, "Fingerprint")
			slow.goes(chain.windows[last])
			refused := slow.expect("Nothing was changed.", "what you saw has changed since: certificate")
			if !strings.Contains(refused, "admin") || !strings.Contains(refused, "certificate generate") {
				t.Errorf("%s: the refusal does not say what changed:\n%s", chain.name, refused)
			}
			k.everybodyMeets(served)
			if shown := read[acts.ServerCertificate](k, "certificate", "show"); shown.Fingerprint != served {
				t.Errorf("shown is %s, want %s", shown.Fingerprint, served)
			}
			slow.escapes()
			if now := fingerprintShown(t, slow.expect("Certificate in use"), "Fingerprint"); now != served {
				t.Errorf("%s: the window shows %s, served is %s", chain.name, now, served)
			}
			slow.hangUp()
			fast.hangUp()
		}
	})
}

// showsSoon waits until words are on the screen, without a key, and fails when it
// takes too long.
func (p *person) showsSoon(words ...string) {
	p.t.Helper()
	begun := time.Now()
	p.expect(words...)
	if took := time.Since(begun); took > 2*busy*soon {
		p.t.Errorf("%q came after %v", words, took)
	}
}

// TestMenusShowWhatOthersChange leaves windows open while others act.
func TestMenusShowWhatOthersChange(t *testing.T) {
	n, onNode := nodeWithDoor(t)
	_, k := sensorWithDoor(t)
	atCertificate := k.comesIn().atCertificates()
	k.ownCertificate("own.example.org")
	k.must("scp", "kata.pem", "admin@HOST:")
	atCertificate.showsSoon("kata.pem", "can be installed")
	atCertificate.chooses("kata.pem")
	atCertificate.expect("┌─ Uploaded certificate ─")
	if o := k.command("certificate install --yes"); o.code != 0 {
		t.Fatalf("install: exit %d, %s", o.code, o.err)
	}
	atCertificate.showsSoon("kata.pem is gone")
	atCertificate.escapes()
	atCertificate.showsSoon("CN=own.example.org")
	k.must("ssh", "admin@HOST", "certificate", "generate", "--yes")
	atCertificate.until("another subject", func(seen string) bool { return !strings.Contains(seen, "CN=own.example.org") })

	atAccounts := k.comesIn()
	atAccounts.chooses("Accounts and keys")
	atAccounts.expect("admin (you)", "2 ") // sessions
	eve := k.meets("eve")
	atAccounts.showsSoon("eve", "local-administrator     1    0")
	atAccounts.opensRow("eve")
	atAccounts.expect("┌─ Account ─", eve.fingerprint[:40])
	k.daemon.must("account", "delete", "eve", "--yes")
	atAccounts.showsSoon("eve does not exist any more")

	atLists := onNode.comesIn()
	atLists.chooses("Program settings")
	atLists.chooses("Endpoint Agent certificates")
	atLists.expect("No certificate is on the list.")
	n.pfx("host-1")
	atLists.showsSoon("1 certificate; every agent is let in")
	n.must("agent-certificate", "validation", "on", "--yes")
	atLists.showsSoon("TLS certificates: on")
	k.stop()
	onNode.stop()
}

// TestAMenuEndsClearlyWithItsDaemon stops and kills daemons while menus are open,
// here and over SSH.
func TestAMenuEndsClearlyWithItsDaemon(t *testing.T) {
	doors(t, func(t *testing.T, k *desk) {
		local := []string{filepath.Join(bin, k.program), "--config", k.config, "menu"}
		ways := map[string][]string{"here": local, "ssh": k.line("ssh", "admin@HOST"), "command": k.line("ssh", "-t", "admin@HOST", "menu", "--ascii")}
		for _, c := range []struct {
			name string
			end  func()
			says string
			code map[string]int
		}{
			{"left", nil, "", map[string]int{"here": 0, "ssh": 0, "command": 0}},
			{"stopped", func() { k.stop() }, "The program stops, and ended the session.", map[string]int{"here": 0, "ssh": 0, "command": 0}},
			{"killed", func() { k.kill() }, "", map[string]int{"here": 5, "ssh": 255, "command": 255}},
		} {
			open := make(map[string]*person)
			for way, line := range ways {
				p := k.opens(line)
				p.expect("Administrator menu", "7  Exit")
				p.chooses("Program settings")
				p.chooses("Manage server certificate")
				p.expect("Certificate management", "Certificate in use")
				open[way] = p
			}
			if c.end != nil {
				c.end()
			}
			for way, p := range open {
				what := fmt.Sprintf("%s, %s", way, c.name)
				if c.end == nil {
					p.back("Program settings")
					p.back("Administrator menu")
					p.chooses("Exit")
					p.chooses("Yes")
				}
				if code := p.ends(); code != c.code[way] {
					t.Errorf("%s: exit code %d, want %d:\n%s", what, code, c.code[way], p.screen())
				}
				seen := p.screen()
				if !strings.Contains(seen, c.says) {
					t.Errorf("%s: it does not say %q:\n%s", what, c.says, seen)
				}
				// With a killed daemon, ssh itself has nobody who puts the screen back.
				if c.name != "killed" || way == "here" {
					p.restored(what)
				}
				p.hangUp()
			}
			if c.end != nil {
				k.start()
			}
		}
	})
}

// TestASessionThatIsEndedLeavesTheTerminalAsItWas ends the sessions of an account
// whose password is set by another administrator.
func TestASessionThatIsEndedLeavesTheTerminalAsItWas(t *testing.T) {
	_, k := sensorWithDoor(t)
	eve := k.meets("eve")
	k.write("next", "Another-horse-8\n")
	for range 5 {
		open := []*person{k.opens(eve.line("ssh", "eve@HOST")), k.opens(eve.line("ssh", "eve@HOST"))}
		for _, p := range open {
			p.expect("Administrator menu", "7  Exit")
		}
		k.daemon.must("account", "password", "eve", "--password-file", k.path("next"))
		for _, p := range open {
			if code := p.ends(); code == 0 {
				t.Errorf("it ended with %d, as if it had been left:\n%s", code, p.screen())
			}
			if seen := p.screen(); strings.Contains(seen, "─") {
				t.Errorf("the menu is still there:\n%s", seen)
			}
			p.restored("a session that was ended")
			p.hangUp()
		}
	}
	k.goneBut(0)
	k.stop()
}

// TestALongActCanBeLeft connects to a server that never answers.
func TestALongActCanBeLeft(t *testing.T) {
	_, k := sensorWithDoor(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	p := k.comesIn()
	p.chooses("Program settings")
	p.chooses("Configure Central Node")
	p.chooses("Change")
	p.expect("┌─ Input Central Node IP address ─")
	p.write(silent.Addr().String())
	p.chooses("Ok")
	p.expect("┌─ Connecting to the Central Node ─")
	p.press("Escape")
	p.showsSoon("┌─ Input Central Node IP address ─", silent.Addr().String())
	p.leaveAnywhere()
	if state := read[acts.CentralNode](k, "central-node", "show").State; state != acts.LinkUnconfigured {
		t.Errorf("the Sensor is %s", state)
	}
	k.goneBut(0)
	k.stop()
}
