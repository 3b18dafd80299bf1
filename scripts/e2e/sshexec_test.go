package e2e

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"vedette/internal/acts"
	"vedette/pki"
)

// leaves are the commands of a program, as its help shows them.
func leaves(help func(path string) string, path string) []string {
	_, list, group := strings.Cut(help(path), "\nCommands:\n")
	if !group {
		return []string{path}
	}
	list, _, _ = strings.Cut(list, "\n\n")
	var found []string
	for line := range strings.Lines(list) {
		found = append(found, leaves(help, strings.TrimSpace(path+" "+strings.Fields(line)[0]))...)
	}
	return found
}

// talk gives commands over SSH and remembers which did their work.
type talk struct {
	*desk
	commands []string // all there are over SSH

	mu     sync.Mutex
	worked map[string]bool
}

// newTalk reads the command tree over SSH, and compares it with that of the
// local program: they differ by what only a program on the server can do.
func newTalk(k *desk) *talk {
	k.t.Helper()
	k.share()
	remote := leaves(func(path string) string {
		o := k.command("help " + path)
		// Here there are flags of the program besides.
		if o.code != 0 || path != "" && !strings.HasPrefix(k.daemon.must(append([]string{"help"}, strings.Fields(path)...)...), o.out) {
			k.t.Fatalf("help %s over SSH: exit %d, unlike here:\n%s%s", path, o.code, o.out, o.err)
		}
		return o.out
	}, "")
	local := leaves(func(path string) string { return k.daemon.must(append([]string{"help"}, strings.Fields(path)...)...) }, "")
	local = slices.DeleteFunc(local, func(path string) bool {
		word, _, _ := strings.Cut(path, " ")
		return slices.Contains([]string{"run", "config", "reset-password", "completion"}, word)
	})
	if !slices.Equal(remote, local) || len(remote) < 15 {
		k.t.Fatalf("over SSH there are the commands %q, here %q", remote, local)
	}
	return &talk{desk: k, commands: remote, worked: map[string]bool{}}
}

// says gives a command line over SSH and checks how it ends and what it says.
func (k *talk) says(code int, what, line, input string) output {
	k.t.Helper()
	return k.check(code, what, line, k.do(input, "ssh", "admin@HOST", line))
}

func (k *talk) check(code int, what, line string, o output) output {
	k.t.Helper()
	if o.code != code || !strings.Contains(o.out+o.err, what) {
		k.t.Errorf("%q: exit %d, want %d and %q in\n%s%s", line, o.code, code, what, o.out, o.err)
	}
	if code != 0 && !strings.Contains(o.err, "error: ") && !strings.Contains(o.err, "command line, byte ") {
		k.t.Errorf("%q does not say why not: %q", line, o.err)
	}
	if o.code == 0 {
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, command := range k.commands {
			if strings.HasPrefix(line+" ", command+" ") {
				k.worked[command] = true
			}
		}
	}
	return o
}

// sameAsHere checks that a command's output over SSH is that of the local
// program, byte for byte. The state may move on between the two, by what the
// daemon itself writes down; then they are asked again.
func (k *talk) sameAsHere(lines ...string) {
	k.t.Helper()
	for _, line := range lines {
		for try := 1; ; try++ {
			there, here := k.says(0, "", line, "").out, k.daemon.must(strings.Fields(line)...)
			if there == here && here != "" {
				break
			}
			if try == 5 {
				k.t.Errorf("%q over SSH:\n%s\nhere:\n%s", line, there, here)
				break
			}
		}
	}
}

// closes checks that every command did its work at least once.
func (k *talk) closes() {
	k.t.Helper()
	for _, command := range k.commands {
		if !k.worked[command] && command != "menu" { // which the tests of the menu walk through
			k.t.Errorf("%q did not work over SSH", command)
		}
	}
}

// shellLines are those in which only a shell would see two commands.
func shellLines() []string {
	return []string{
		"status; id", "status && id", "status | cat", "status > /tmp/vedette-e2e-x", "status < /etc/passwd", "status $(id)", "status `id`",
		"`id`", "$(id)", "$HOME", "(status)", "status &", "certificate show; rm -rf /", "status; touch kata.key",
	}
}

// commonLines are those of both daemons.
func (k *talk) commonLines() {
	k.t.Helper()
	program := k.program
	type line struct {
		code       int
		what, line string
	}
	lines := []line{
		{2, "hint: ssh -t admin@SERVER menu", "menu"},
		{2, "unknown command", "statu"},
		{2, "unknown flag", "status --no-such-flag"},
		{0, "help for status", program + " status --help"},
		// Not from the daemon's files, and not into them.
		{2, "the daemon reads no file", "certificate upload /etc/passwd"},
		{2, "the daemon reads no file", "certificate install /etc/passwd --yes"},
		{2, "the daemon reads no file", "account key add admin /etc/passwd"},
		{2, "the daemon reads no file", "account create eve --role administrator --password-file /etc/passwd"},
		{2, "the daemon writes no file", "certificate download --out /tmp/vedette-e2e-x"},
	}
	// What the daemon cannot do is said, with the next step.
	for _, word := range []string{"run", "config show", "config check", "reset-password", "completion bash"} {
		first, _, _ := strings.Cut(word, " ")
		lines = append(lines, line{2, "hint: on the server, give the command: " + program + " " + first, word})
	}
	for _, shell := range shellLines() {
		lines = append(lines, line{2, "there is no shell here", shell})
	}
	for _, unknown := range []string{"sh -c id", "/bin/sh", "ls", "'$(id)'", "'status; id'", `"status;id"`, "sftp-server", "rsync --server . .", "git-upload-pack x"} {
		lines = append(lines, line{2, "unknown command", unknown})
	}
	work := make(chan line)
	var all sync.WaitGroup
	for range 6 { // clients wait more than they work
		all.Go(func() {
			for l := range work {
				if o := k.says(l.code, l.what, l.line, ""); l.code != 0 && o.out != "" {
					k.t.Errorf("%q writes %q", l.line, o.out)
				}
			}
		})
	}
	for _, l := range lines {
		work <- l
	}
	close(work)
	all.Wait()
	k.check(2, "error: the menu needs a terminal", "without a command", k.do("", "ssh", "admin@HOST"))

	k.sameAsHere("version", "certificate show", "certificate show --output json", "certificate download", "certificate download --output json",
		"account key list admin", "audit list", "audit list --output json", "audit verify")
	if got := k.says(0, "", "certificate download", "").out; got != k.met() {
		k.t.Errorf("downloaded is %q", got)
	}
	k.says(0, "host key "+k.hostKey, "status", "")
	k.certificateLines()
	k.accountLines()
	k.says(0, "certificate install", "audit list --act 'certificate install'", "")
	k.says(0, "", "audit verify", "")
}

// certificateLines replace the server certificate in every way.
func (k *talk) certificateLines() {
	k.t.Helper()
	pair := ownPair(k.t)
	file := string(pair.EncodePEM())
	served := k.met()
	k.says(3, "hint: ", "certificate install --yes", "")
	k.says(3, "", "certificate discard", "")
	k.says(0, pair.Fingerprint().String(), "certificate upload -", file)
	k.says(0, "kata.pem was removed", "certificate discard", "")
	k.says(2, "", "certificate install - --yes", string(pair.CertificatePEM())) // without its key
	k.says(2, "", "certificate install - --yes", strings.Repeat("k", 64<<10+1))
	k.says(2, "", "certificate install - --yes", "")
	k.says(0, "cannot be installed: ", "certificate upload -", string(pair.CertificatePEM())) // kept, and told
	k.says(2, "", "certificate install --yes", "")
	k.says(4, "hint: ", "certificate install -", file) // nobody answers
	k.says(4, "hint: add --yes to do it", "certificate generate", "")
	k.says(0, "", "certificate generate --dry-run", "")
	k.says(4, "", "certificate generate --yes --revision 1", "") // looked at long ago
	if k.met() != served {
		k.t.Error("something of it was done")
	}
	k.says(0, pair.Fingerprint().String(), "certificate install - --yes", file)
	if k.met() != string(pair.CertificatePEM()) {
		k.t.Error("the certificate from standard input is not served")
	}
	other := ownPair(k.t)
	k.says(0, "", "certificate upload -", string(other.EncodePEM()))
	k.says(0, other.Fingerprint().String(), "certificate install --yes", "")
	k.says(0, "Fingerprint:", "certificate generate --name 'kata.example.org' --key rsa-3072 --yes", "")
	if k.met() == string(other.CertificatePEM()) {
		k.t.Error("generate changed nothing")
	}
	k.sameAsHere("certificate download")
}

// accountLines make an auditor, who may look and not act.
func (k *talk) accountLines() {
	k.t.Helper()
	k.says(2, "error: ", "account create anna --role security-auditor --password-file -", "weak\n")
	k.says(0, "anna", "account create anna --role security-auditor --password-file -", "Correct-horse-7\n")
	k.says(4, "error: ", "account create anna --role security-auditor --password-file -", "Correct-horse-7\n")
	k.says(0, "anna", "account list", "")
	k.says(0, "anna", "account show anna", "")
	k.says(4, "hint: ", "account role anna administrator", "")
	k.says(0, "", "account role anna administrator --yes", "")
	k.says(0, "", "account role anna security-auditor --yes", "")
	k.says(0, "", "account disable anna --yes", "")
	k.says(0, "", "account enable anna", "")
	if k.program == "centralnode" {
		k.says(4, "has no second factor", "account second-factor remove anna --yes", "")
		k.worked["account second-factor remove"] = true // one is switched on in the web interface only
	}
	if k.do("", "ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", "anna").code != 0 {
		k.t.Fatal("no key for anna")
	}
	k.says(2, "error: ", "account key add anna -", k.read("anna")) // the private half
	k.says(0, "anna", "account key add anna -", k.read("anna.pub"))
	k.says(0, "ecdsa-sha2-nistp256", "account key list anna", "")
	anna := func(input, line string) output {
		return k.doLine(input, k.lineBy("ssh", []string{"-i", k.path("anna"), "-o", "BatchMode=yes"}, nil, "anna@HOST", line))
	}
	for line, input := range map[string]string{
		"certificate generate --yes": "", "certificate upload -": string(ownPair(k.t).EncodePEM()), "account delete admin --yes": "",
		"account create eve --role administrator --password-file -": "Correct-horse-7\n", "account key add admin -": k.read("anna.pub"),
	} {
		k.check(6, "error: ", line, anna(input, line))
	}
	k.check(0, "Fingerprint:", "certificate show", anna("", "certificate show"))
	k.check(0, "", "account change-password", anna("Correct-horse-7\nBattery-staple-8\n", "account change-password --password-file -"))
	k.says(0, "anna", "account password anna --password-file -", "Correct-horse-9\n")
	fingerprint := strings.Fields(k.must("ssh-keygen", "-lf", "anna.pub"))[1]
	k.says(4, "hint: ", "account key delete anna "+fingerprint, "")
	k.says(0, "anna", "account key delete anna "+fingerprint+" --yes", "")
	k.says(3, "error: ", "account key delete anna "+fingerprint+" --yes", "")
	if o := anna("", "status"); o.code != 255 {
		k.t.Errorf("a deleted key signs in: exit %d", o.code)
	}
	k.says(0, "", "account delete anna --dry-run", "")
	k.says(0, "anna", "account delete anna --yes", "")
	k.says(3, "error: ", "account delete anna --yes", "")
}

func TestEveryCommandWorksOverSSHOrSaysWhyNot(t *testing.T) {
	for program, test := range map[string]func(*testing.T){"sensor": sensorLines, "centralnode": nodeLines} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

func sensorLines(t *testing.T) {
	n := newNode(t, unsafeSameServer)
	s, d := sensorWithDoor(t)
	k := newTalk(d)
	k.commonLines()
	k.says(0, "Unconfigured", "link watch --count 1", "")
	k.says(1, "hint: see link status", "link test", "")
	k.says(1, "nothing listens on that port", "central-node set "+freePort(t)+" --dry-run", "")
	k.says(2, "error: ", "central-node set "+n.address+" --yes", "")
	served := read[acts.ServerCertificate](n, "certificate", "show").Fingerprint.String()
	k.says(0, served, "central-node set "+n.address+" --dry-run", "")
	k.says(0, "", "central-node set "+n.address+" --fingerprint "+served+" --yes", "")
	k.says(0, n.address, "central-node show", "")
	k.says(0, "", "link status --output json", "")
	n.must("sensor", "accept", s.becomes(acts.LinkPending).LinkIdentity.String(), "--yes")
	s.becomes(acts.LinkAccepted)
	k.says(2, "not from 1 to 30", "link test --seconds 31", "")
	k.says(0, "Capacity of the channel:", "link test --seconds 1 --rate 10", "")
	k.says(0, "Nothing was measured in this time.", "link history --until 23h", "")
	k.closes()
	k.stop()
	n.stop()
}

func nodeLines(t *testing.T) {
	n, d := nodeWithDoor(t, unsafeSameServer)
	k := newTalk(d)
	k.commonLines()
	s := newSensor(t, `name = "branch-1"`)
	s.point(n.address, n)
	waits := s.becomes(acts.LinkPending).LinkIdentity.String()
	k.says(0, waits, "sensor list", "")
	k.says(0, waits, "sensor show branch-1", "")
	k.says(3, "error: ", "sensor show branch-2", "")
	k.says(4, "hint: ", "sensor accept branch-1", "")
	k.says(2, "error: ", "sensor accept branch-1 --yes", "") // nobody compared
	k.says(0, "", "sensor accept "+waits+" --yes", "")
	s.becomes(acts.LinkAccepted)
	k.says(0, "Nothing was measured in this time.", "sensor history branch-1 --until 23h", "")
	k.says(3, "error: ", "sensor history branch-2", "")
	k.says(0, "", "sensor reject branch-1 --yes", "")
	k.says(0, "", "sensor delete branch-1 --yes", "")

	// A container comes over whole, and is not written onto a terminal.
	pfx := k.says(0, "", "agent-certificate generate --name office", "").out
	pair, err := pki.DecodePFX([]byte(pfx), "")
	if err != nil {
		t.Fatalf("%d bytes: %v", len(pfx), err)
	}
	if o := k.do("", "ssh", "-tt", "admin@HOST", "agent-certificate generate --name terminal"); o.code != 2 || !strings.Contains(o.out, "the data are not for a terminal") {
		t.Errorf("on a terminal: exit %d, %q", o.code, o.out)
	}
	k.says(0, "", "agent-certificate upload -", string(ownPair(t).EncodePEM()))
	k.says(2, "", "agent-certificate upload -", "no certificate")
	k.sameAsHere("agent-certificate list", "agent-certificate list --output json", "agent-certificate validation")
	k.says(0, "", "agent-certificate validation on --yes", "")
	k.says(0, "", "agent-certificate delete "+pair.Fingerprint().String()+" --yes", "")
	k.says(3, "error: ", "agent-certificate delete "+pair.Fingerprint().String()+" --yes", "")
	k.says(0, "", "host list", "")
	k.says(0, "Warning", "host activity", "")
	k.says(3, "error: ", "host show "+strings.Repeat("0", 32), "")
	k.worked["host show"] = true // there is no agent here; the tests of the command show one
	k.says(0, "", "event list --limit 5", "")
	k.systemLines(n)
	k.worked["event watch"] = true // it ends by an interrupt only: see below
	k.closes()
	s.stop()
	k.stop()
}
