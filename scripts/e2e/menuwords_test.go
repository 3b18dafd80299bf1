package e2e

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
)

// TestMenusByTheDocumentedWords goes through the administrator menus of a Sensor
// and of a Central Node as the documentation tells it, window by window. Screens
// are kept in testdata/screens.
func TestMenusByTheDocumentedWords(t *testing.T) {
	n, s, atNode, atSensor := menuSite(t)
	atNode.firstContact("central-node")
	atSensor.firstContact("sensor")

	inNode, inSensor := atNode.comesIn(), atSensor.signsIn("admin", atSensor.password)
	inSensor.status("sensor-status-unconfigured")
	joinByMenu(t, n, s, inNode, inSensor)
	inSensor.configuredAnew()
	if t.Failed() {
		return
	}

	inSensor.status("sensor-status")
	inSensor.linkState("sensor-link-state")
	inNode.status("central-node-status")

	// An agent of the Sensor and one of the Central Node are there to be named.
	carried := newAgent(t, `package_period = "200ms"`)
	carried.must("--message-broker=enable", "--type=kata", "--servers="+s.address, "--tls=yes", "--pinned-certificate="+s.certificate())
	direct := newAgent(t, `package_period = "200ms"`)
	direct.must("--message-broker=enable", "--type=kata", "--servers="+n.address, "--tls=yes", "--pinned-certificate="+n.certificate(), "--client-certificate="+n.pfx("host-2"))
	carried.inside, direct.inside = onHost("host-1"), onHost("host-2")
	carried.start()
	direct.start()
	eventually(t, 30*time.Second, "both agents are connected", func() bool {
		hosts := read[[]acts.Host](n, "host", "list")
		return len(hosts) == 2 && hosts[0].Connected && hosts[1].Connected
	})

	inNode.agentCertificates(n)

	inSensor.generates(atSensor, "sensor-generate")
	inSensor.installs(atSensor, "sensor-install")
	carried.must("--message-broker=enable", "--type=kata", "--servers="+s.address, "--tls=yes", "--pinned-certificate="+s.certificate())

	inSensor.refuses(atSensor, atSensor.faultyFiles(), "sensor-install-refused")
	inSensor.accounts(atSensor, "sensor-accounts")
	inSensor = atSensor.changesPassword(inSensor, "sensor-change-password")
	inSensor.audit("sensor-audit")
	inSensor.help("sensor-help")
	inSensor.leaves()
	inSensor.keeps("sensor-exit")

	inNode.generates(atNode, "central-node-generate")
	s.becomes(acts.LinkCertificateChanged)
	carried.stop()
	direct.stop()
	s.point(siteNode, n)
	s.becomes(acts.LinkAccepted)
	inNode.sensorServers(n, s)
	inNode.installs(atNode, "central-node-install")
	inNode.refuses(atNode, atNode.faultyFiles()[:2], "central-node-install-refused")
	inNode.accounts(atNode, "central-node-accounts")
	inNode = atNode.changesPassword(inNode, "central-node-change-password")
	inNode.audit("central-node-audit")
	inNode.help("central-node-help")
	inNode.leaves()
	inNode.keeps("central-node-exit")

	s.must("audit", "verify")
	n.must("audit", "verify")
	s.stop()
	n.stop()
}

// firstContact is the documented line of somebody who was never here: the host
// key is compared, the password typed.
func (k *desk) firstContact(name string) {
	k.t.Helper()
	host, _, _ := strings.Cut(k.ssh, ":")
	p := k.opens([]string{"ssh", "-F", "none", "-o", "UserKnownHostsFile=" + k.path("hosts"), "-o", "PubkeyAuthentication=no", "admin@" + host})
	p.does("ssh admin@%s", host)
	p.sees(k.hostKey, "Are you sure you want to continue connecting")
	p.enters("yes", "yes")
	p.press("Enter")
	p.sees("Password:")
	p.enters(k.password, "the password")
	p.press("Enter")
	p.sees("┌─ Administrator menu ─")
	p.leaves()
	p.keeps(name + "-sign-in")
}

// status is the window Status.
func (p *person) status(name string) {
	p.t.Helper()
	p.chooses("Status")
	p.sees("┌─ Status ─", "Host key")
	p.keeps(name)
	p.back("┌─ Administrator menu ─")
}

func (p *person) linkState(name string) {
	p.t.Helper()
	p.settings("Link state", "Link state")
	p.sees("Accepted", "Limit ", "Packet loss ")
	p.chooses("History")
	p.expect("┌─ Link history ─", "Of the limit")
	p.back("┌─ Link state ─")
	p.chooses("Test link")
	p.sees("┌─ Test link ─", "[Ok]")
	p.press("Down")
	p.press("C-u")
	p.enters("1", "1 second")
	p.press("Down")
	p.press("C-u")
	p.enters("10", "10 Mbit/s")
	p.chooses("Ok")
	p.sees("┌─ Confirmation ─", "Test the link?", "at most 10 Mbit/s")
	p.chooses("Yes")
	p.expect("┌─ Result of the test ─", "Capacity ")
	p.chooses("Close")
	p.sees("┌─ Link state ─", "Accepted")
	p.keeps(name)
	p.back("Program settings")
	p.back("Administrator menu")
}

// fingerprintShown finds the fingerprint that a window shows after a label.
func fingerprintShown(t testing.TB, screen, label string) pki.Fingerprint {
	t.Helper()
	found := regexp.MustCompile(`(?m)^. ` + label + ` +([0-9A-F:]{48}) +.\n. +([0-9A-F:]{47}) `).FindStringSubmatch(screen)
	if found == nil {
		t.Fatalf("no fingerprint after %q:\n%s", label, screen)
	}
	f, err := pki.ParseFingerprint(found[1] + found[2])
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// joinByMenu is "Enabling traffic redirection from Kaspersky Endpoint Agent to
// the Sensor server" and "Authorizing the Sensor component on a Central Node
// server" of the source document, in two menus side by side.
func joinByMenu(t testing.TB, n *node, s *sensor, inNode, inSensor *person) {
	t.Helper()
	inNode.settings("Sensor servers", "Sensor servers")
	inNode.sees("no Sensor server and no request")

	inSensor.settings("Configure Central Node", "Configure Central Node")
	state := inSensor.sees("Unconfigured", "[Change]", "[Cancel]")
	identity := fingerprintShown(t, state, "Link identity")
	inSensor.chooses("Change")
	inSensor.sees("┌─ Input Central Node IP address ─", "[Ok]")
	inSensor.enters(siteNode, siteNode)
	inSensor.chooses("Ok")
	met := inSensor.sees("┌─ Certificate of the Central Node ─", "Make sure that the displayed certificate matches the Central Node component", "[Cancel]")
	if f := fingerprintShown(t, met, "Fingerprint"); f != n.served() {
		t.Errorf("the window shows %s, the Central Node %s", f, n.served())
	}
	if s.centralNode().State != acts.LinkUnconfigured {
		t.Error("something was configured before [Ok]")
	}
	inSensor.chooses("Ok")
	inSensor.sees("┌─ Configure Central Node ─", "Pending", siteNode)

	// The request appears by itself where the Central Node's administrator looks.
	inNode.sees("┌─ Sensor servers ─", "1 pending", "branch-1")
	inNode.opensRow(siteForwarded)
	asks := inNode.sees("┌─ Sensor server ─", "Pending", "[Accept]", "[Reject]")
	if f := fingerprintShown(t, asks, "Fingerprint"); f != identity {
		t.Errorf("the request shows %s, the Sensor %s", f, identity)
	}
	inNode.chooses("Accept")
	inNode.sees("┌─ Confirmation ─", "Accept this Sensor server?")
	inNode.chooses("Yes")
	inNode.sees("┌─ Sensor server ─", "Accepted", "connected")

	// Nobody presses a key on the Sensor.
	inSensor.sees("┌─ Configure Central Node ─", "Accepted since")
	inSensor.chooses("Cancel")
	inSensor.sees("┌─ Program settings ─")
	inSensor.keeps("sensor-configure-central-node")
	inNode.keeps("central-node-sensor-servers-accept")
	inNode.back("┌─ Sensor servers ─")
	inNode.back("Program settings")
	inNode.back("Administrator menu")
	inSensor.back("Administrator menu")
	s.becomes(acts.LinkAccepted)
}

// configuredAnew looks at another certificate, and leaves without trusting it.
func (p *person) configuredAnew() {
	p.t.Helper()
	p.settings("Configure Central Node", "Configure Central Node")
	p.chooses("Change")
	p.expect("┌─ Input Central Node IP address ─")
	p.enters("10.92.1.2:22", "the address of something else")
	p.chooses("Ok")
	p.sees("┌─ Error ─")
	p.keeps("sensor-configure-central-node-error")
	p.back("┌─ Input Central Node IP address ─")
	p.press("Escape")
	p.expect("Leave?")
	p.chooses("Yes")
	p.expect("┌─ Configure Central Node ─", "Accepted since")
	p.back("Program settings")
	p.back("Administrator menu")
	p.kept.Reset()
}

// generates goes through the chain of New to its end.
func (p *person) generates(k *desk, name string) {
	p.t.Helper()
	p.replaces(k, name, generateChain())
}

// installs goes through the chain of kata.pem to its end, from the documented
// upload on.
func (p *person) installs(k *desk, name string) {
	p.t.Helper()
	k.ownCertificate("own.example.org")
	k.must("scp", "kata.pem", "admin@HOST:")
	p.does("scp kata.pem admin@%s:", strings.TrimSuffix(k.ssh, ":22"))
	p.replaces(k, name, installChain())
	k.copied()
	if k.read("kata.crt") != k.read("certificate.pem") {
		p.t.Error("kata.crt is not the certificate that was uploaded")
	}
}

// replaces goes through a chain, and checks before and after its last [Ok] what
// everybody meets.
func (p *person) replaces(k *desk, name string, chain []window) {
	p.t.Helper()
	before := k.served()
	old := k.keptAside(k.everybodyMeets(before), "old.crt")
	p.settings("Manage server certificate", certificates)
	var last string
	for i, w := range chain {
		last = p.at(w)
		if i == len(chain)-1 {
			k.everybodyMeets(before)
		} else if met := k.served(); met != before {
			p.t.Errorf("in window %d, %s, a new connection meets %s", i+1, w.title, met)
		}
		p.goes(w)
	}
	announced := fingerprintShown(p.t, last, "Fingerprint")
	done := p.sees("┌─ "+certificates+" ─", inUseNow)
	if shown := fingerprintShown(p.t, done, "Fingerprint"); shown != announced {
		p.t.Errorf("in use is %s, confirmed was %s", shown, announced)
	}
	k.everybodyMeets(announced, old)
	p.keeps(name)
	p.back("Program settings")
	p.back("Administrator menu")
}

// accounts makes an account, which signs in, gives it a key, which signs in, and
// deletes both.
func (p *person) accounts(k *desk, name string) {
	p.t.Helper()
	const password = "Sunny-Harbour-7"
	p.chooses("Accounts and keys")
	p.sees("┌─ Accounts and keys ─", "admin")
	p.chooses("New account")
	p.sees("┌─ New account ─")
	p.enters("eve", "eve")
	p.press("Tab", "Tab")
	p.enters(password, "a password")
	p.press("Tab")
	p.enters(password, "the password again")
	p.chooses("Ok")
	p.sees("┌─ Accounts and keys ─", "The account eve was made.")

	asEve := k.signsIn("eve", password)
	p.does("eve has signed in")
	p.sees("┌─ Accounts and keys ─", "security-officer        0    1")
	p.opensRow("eve")
	p.sees("┌─ Account ─", "eve", "1 signed in now", "No public key")
	k.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "laptop of eve", "-f", "eve")
	p.chooses("Add key")
	p.sees("┌─ Add key ─", "Paste the public key")
	p.enters(strings.TrimSpace(k.read("eve.pub")), "the line of the .pub file")
	p.chooses("Add key")
	p.sees("┌─ Account ─", "was added.", "laptop of eve")
	byKey := func() output {
		return k.doLine("", slices.Concat(k.lineBy("ssh", []string{"-i", k.path("eve"), "-o", "BatchMode=yes"}, nil, "eve@HOST", "version")))
	}
	if o := byKey(); o.code != 0 {
		p.t.Errorf("the new key does not sign in: exit %d, %s", o.code, o.err)
	}
	p.chooses("Delete key")
	p.sees("┌─ Confirmation ─", "Delete this key?")
	p.chooses("Yes")
	p.sees("┌─ Account ─", "was deleted.", "No public key")
	if o := byKey(); o.code != 255 {
		p.t.Errorf("the deleted key: exit %d, %s", o.code, o.err)
	}
	p.chooses("Delete account")
	p.sees("┌─ Confirmation ─", "eve")
	p.enters("eve", "eve")
	p.chooses("Delete")
	p.sees("┌─ Accounts and keys ─", "The account eve was deleted.")
	if code := asEve.ends(); code == 0 {
		p.t.Errorf("the session of a deleted account ended as if it had been left:\n%s", asEve.screen())
	}
	p.keeps(name)
	p.back("Administrator menu")
}

// changesPassword changes the person's own password: the old one works no more,
// and the other session of the account is ended. The person then signs in again.
func (k *desk) changesPassword(p *person, name string) *person {
	p.t.Helper()
	other := k.comesIn()
	const password = "Quiet-River-42"
	p.chooses("Change password")
	p.sees("┌─ Change password ─", "[Ok]")
	for _, text := range []struct{ typed, shown string }{{k.password, "the current password"}, {password, "a new one"}, {password, "the new one again"}} {
		p.enters(text.typed, text.shown)
		p.press("Tab")
	}
	p.chooses("Ok")
	p.sees("Your password is changed.")
	other.ends()
	if seen := other.screen(); strings.Contains(seen, "┌─") {
		p.t.Errorf("the other session has not left its screen:\n%s", seen)
	}
	if o := k.doLine("", k.lineByPassword("ssh", "admin@HOST", "version")); o.code != 255 {
		p.t.Errorf("the old password: exit %d, %s", o.code, o.err)
	}
	p.chooses("Close")
	p.sees("┌─ Administrator menu ─")
	p.keeps(name)
	k.password = password
	p.leaves()
	return k.signsIn("admin", password)
}

// audit is the window Audit, which tells what was done in the others.
func (p *person) audit(name string) {
	p.t.Helper()
	p.chooses("Audit")
	p.sees("┌─ Audit ─", "account delete", "account key delete", "certificate discard", "admin", "menu")
	p.does("ENTER")
	p.press("Enter")
	p.sees("┌─ Audit record ─")
	p.keeps(name)
	p.back("┌─ Audit ─")
	p.back("Administrator menu")
}

// help is the page Help, and the keys of a window.
func (p *person) help(name string) {
	p.t.Helper()
	p.chooses("Help")
	seen := p.sees("┌─ Help ─", "This menu")
	for !atTheEnd(seen) {
		before := seen
		p.does("PgDn")
		p.press("PageDown")
		p.until("the next page of Help", func(seen string) bool { return seen != before })
		seen = p.sees("┌─ Help ─")
	}
	p.back("Administrator menu")
	p.does("?")
	p.press("?")
	p.sees("┌─ Help on keys ─", "ENTER")
	p.keeps(name)
	p.back("┌─ Administrator menu ─")
}

// atTheEnd reports a text that is scrolled to its last line.
func atTheEnd(seen string) bool {
	lines := scrolledTo.FindStringSubmatch(seen)
	return lines == nil || lines[1] == lines[2]
}

var scrolledTo = regexp.MustCompile(`lines \d+-(\d+) of (\d+) `)

// agentCertificates is the window Endpoint Agent certificates: filter,
// validation, delete.
func (p *person) agentCertificates(n *node) {
	p.t.Helper()
	doomed := n.pfx("host-3")
	_ = os.Remove(doomed)
	list := read[acts.AgentCertificateList](n, "agent-certificate", "list")
	var used, other acts.AgentCertificate
	for _, c := range list.Certificates {
		if c.Connected > 0 {
			used = c
		} else {
			other = c
		}
	}
	p.settings("Endpoint Agent certificates", "Endpoint Agent certificates")
	p.sees("2 certificates; every agent is let in")
	p.does("/, and the beginning of a fingerprint")
	p.press("/")
	p.write(used.Fingerprint.String()[:11])
	p.press("Enter")
	p.sees(used.Fingerprint.String()[:8])
	p.chooses("Validation on/off")
	p.sees("┌─ Confirmation ─", "Turn on")
	p.chooses("Yes")
	p.sees("┌─ Result ─", "on.")
	p.chooses("Close")
	p.sees("TLS certificates: on", "only agents with")
	if !read[acts.AgentCertificateList](n, "agent-certificate", "list").Validation {
		p.t.Error("validation is not on")
	}
	p.opensRow(used.Fingerprint.String()[:8])
	p.sees("┌─ Endpoint Agent certificate ─", "1 connection now")
	p.chooses("Delete")
	p.sees("┌─ Confirmation ─", "Delete 1 certificate from the list?")
	p.chooses("Yes")
	p.sees("┌─ Result ─", "Deleted 1 certificate.")
	p.chooses("Close")
	p.sees("┌─ Endpoint Agent certificates ─")
	if list := read[acts.AgentCertificateList](n, "agent-certificate", "list"); len(list.Certificates) != 1 || list.Certificates[0].Fingerprint != other.Fingerprint {
		p.t.Errorf("the list is %+v", list)
	}
	n.must("agent-certificate", "validation", "off", "--yes")
	p.sees("every agent is let in")
	p.keeps("central-node-agent-certificates")
	p.back("Endpoint Agent certificates ─", "TLS certificate") // only the filter is gone
	p.back("┌─ Program settings ─")
	p.back("Administrator menu")
}

// sensorServers rejects and deletes a Sensor, which asks again.
func (p *person) sensorServers(n *node, s *sensor) {
	p.t.Helper()
	p.settings("Sensor servers", "Sensor servers")
	p.sees("1 accepted", "branch-1")
	p.opensRow(siteForwarded)
	p.sees("┌─ Sensor server ─", "Accepted")
	for _, act := range []struct{ word, question, done string }{
		{"Reject", "Reject this Sensor server?", "Rejected"},
		{"Delete", "Delete this Sensor server?", "Deleted"},
	} {
		p.chooses(act.word)
		p.sees("┌─ Confirmation ─", act.question)
		p.chooses("Yes")
		p.expect(act.done + ": branch-1")
		if act.word == "Reject" {
			s.becomes(acts.LinkRejected)
			p.expect("Link            connected") // it waits for another answer
		}
		p.sees(act.done + ": branch-1")
	}
	p.keeps("central-node-sensor-servers-reject-delete")
	p.back("Program settings")
	p.back("Administrator menu")
}
