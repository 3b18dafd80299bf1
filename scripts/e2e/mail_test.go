package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vedette/internal/acts"
)

// postfix is a Postfix of the test's own: its configuration and its queue lie
// over the machine's, in a mount namespace that ends with it.
type postfix struct {
	*process
	t       testing.TB
	dir     string
	address string // of SMTP
}

// newPostfix starts a Postfix whose mail all goes through the content filter of
// an external system, and is delivered into a folder.
func newPostfix(t testing.TB, s *system) *postfix {
	t.Helper()
	// Readable for Postfix' own users, and short enough for its sockets.
	dir, err := os.MkdirTemp("", "mail-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &postfix{t: t, dir: dir, address: freePort(t)}
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(p.file(name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range []string{"etc", "queue", "lib", "mail", "quarantine", "filter"} {
		if err := os.Mkdir(p.file(folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_, port, err := net.SplitHostPort(p.address)
	if err != nil {
		t.Fatal(err)
	}
	write("etc/main.cf", fmt.Sprintf(`compatibility_level = 3.6
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
mydestination =
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = example.org
virtual_mailbox_maps = static:inbox/
virtual_mailbox_base = %s/mail
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
maillog_file_prefixes = %s
maillog_file = %s/log
`, dir, dir, dir), 0o644)
	write("etc/master.cf", `127.0.0.1:`+port+` inet n - n - - smtpd
  -o content_filter=vedette:scan
pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
vedette unix - n n - 4 pipe
  flags=Rq user=nobody null_sender=
  argv=`+dir+`/filter/vedette-filter `+dir+`/filter/configuration -f ${sender} -- ${recipient}
`, 0o644)
	script, err := os.ReadFile("mailfilter/vedette-filter")
	if err != nil {
		t.Fatal(err)
	}
	write("filter/vedette-filter", string(script), 0o755)
	write("filter/configuration", fmt.Sprintf("API=%s\nCACERT=%s\nCERT=%s\nKEY=%s\nQUARANTINE=%s\nWAIT=20\n",
		strings.TrimSuffix(s.scanner(""), "/"), p.file("filter/kata.crt"), p.file("filter/cert.pem"), p.file("filter/key.pem"), p.file("quarantine")), 0o644)
	for _, name := range []string{"kata.crt", "cert.pem", "key.pem"} {
		raw, err := os.ReadFile(s.file(name))
		if err != nil {
			t.Fatal(err)
		}
		write("filter/"+name, string(raw), 0o644)
	}
	p.own("nobody", "mail", "quarantine")
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p.start()
	return p
}

func (p *postfix) file(name string) string { return filepath.Join(p.dir, name) }

// own gives folders to a user.
func (p *postfix) own(user string, folders ...string) {
	p.t.Helper()
	for _, folder := range folders {
		if o := command(p.t, "chown", user+":", p.file(folder)); o.code != 0 {
			p.t.Fatal(o.err)
		}
	}
}

func (p *postfix) start() {
	p.t.Helper()
	// The namespaces end with their first process, and all of Postfix with them.
	// --kill-child alone does not end it: Postfix changes its user, at which the
	// kernel forgets that it was to die with its parent.
	p.process = spawn(p.t, p.file("output"), "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", `set -e
cp -n /etc/postfix/{dynamicmaps.cf,post-install,postfix-files,postfix-script} "$0/etc/"
cp -rn /etc/postfix/*.d "$0/etc/"
chown postfix: "$0/lib"
mount --bind "$0/etc" /etc/postfix
mount --bind "$0/queue" /var/spool/postfix
mount --bind "$0/lib" /var/lib/postfix
exec postfix start-fg`, p.dir)
	unshare := p.cmd.Process.Pid
	p.t.Cleanup(func() { p.end(unshare) })
	eventually(p.t, 30*time.Second, "Postfix answers", func() bool {
		select {
		case <-p.done:
			p.t.Fatalf("Postfix ended: %v\n%s", p.err, tail(p.log))
		default:
		}
		c, err := net.Dial("tcp", p.address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// end kills the first process of the namespaces, and waits until all is gone.
func (p *postfix) end(unshare int) {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", unshare, unshare))
	if err != nil {
		return // it has ended before
	}
	for field := range strings.FieldsSeq(string(children)) {
		pid, err := strconv.Atoi(field)
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			p.t.Errorf("end Postfix, process %s: %v", field, err)
		}
	}
	<-p.done // unshare waits for its child
}

// send hands a message to Postfix, which takes it at once.
func (p *postfix) send(subject, body string) {
	p.t.Helper()
	text := "From: sender@example.net\r\nTo: person@example.org\r\nSubject: " + subject + "\r\n\r\n" + body + "\r\n"
	if err := smtp.SendMail(p.address, nil, "sender@example.net", []string{"person@example.org"}, []byte(text)); err != nil {
		p.t.Fatalf("send %s: %v\n%s", subject, err, tail(p.file("log")))
	}
}

// has says how many messages of a folder and those below it have a text in them.
func (p *postfix) has(folder, text string) (n int) {
	p.t.Helper()
	err := filepath.WalkDir(p.file(folder), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // it was moved meanwhile
		}
		if raw, err := os.ReadFile(path); err == nil && bytes.Contains(raw, []byte(text)) {
			n++
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// arrives waits until a message is in a folder.
func (p *postfix) arrives(folder, subject string) {
	p.t.Helper()
	defer func() {
		if p.t.Failed() {
			p.t.Logf("Postfix:\n%s", tail(p.file("log")))
		}
	}()
	eventually(p.t, 45*time.Second, "the message "+subject+" is in "+folder, func() bool { return p.has(folder, "Subject: "+subject) == 1 })
}

// mailMark is what a rule finds in the plain text of a message.
const mailMark = "this message is bad news"

// marking configures a rule that finds mailMark.
func marking(t testing.TB, dir string) string {
	t.Helper()
	rules := filepath.Join(dir, "rules.txt")
	if err := os.WriteFile(rules, []byte(`Test.Mail high text "`+mailMark+`" anywhere`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("[scan.builtin]\nrules = [%q]", rules)
}

// TestMailIsDeliveredOnlyAfterItsVerdict walks a message through Postfix, the
// filter, the Central Node and back: clean mail arrives, a detection is
// withheld, and while the Central Node is away nothing is lost and nothing
// passes.
func TestMailIsDeliveredOnlyAfterItsVerdict(t *testing.T) {
	if _, err := exec.LookPath("postfix"); err != nil {
		t.Fatal("this test needs the package postfix")
	}
	n := newNode(t, marking(t, t.TempDir()))
	s := newSystem(t, n, "mail-gateway")
	p := newPostfix(t, s)

	// Nobody has accepted the filter yet: mail waits, and the request is there.
	p.send("early bird", "an ordinary message")
	eventually(t, 20*time.Second, "the filter asks to integrate", func() bool {
		systems := read[acts.ExternalSystemList](n, "external-system", "list").Systems
		return len(systems) == 1 && systems[0].State == acts.Pending && systems[0].Type == acts.MailSensor
	})
	if p.has("mail", "Subject: early bird") != 0 {
		t.Fatal("a message passed that nobody has scanned")
	}
	s.accept()
	p.arrives("mail", "early bird")

	p.send("good news", "an ordinary message")
	p.arrives("mail", "good news")
	p.send("bad news", mailMark)
	p.arrives("quarantine", "bad news")
	if p.has("mail", mailMark) != 0 {
		t.Fatal("a message with a detection was delivered")
	}
	alerts := read[acts.AlertList](n, "alert", "list").Alerts
	if len(alerts) != 1 || alerts[0].Source != "mail" || alerts[0].System != "mail-gateway" {
		t.Errorf("alerts: %+v", alerts)
	}
	if left := s.states(); len(left) != 0 {
		t.Errorf("the filter leaves results behind: %v", left)
	}

	// The Central Node is away: Postfix keeps what comes, and says why.
	n.stop()
	p.send("patience", "an ordinary message")
	p.send("bad patience", mailMark)
	eventually(t, 20*time.Second, "both messages are deferred", func() bool {
		return strings.Count(tail(p.file("log")), "the Central Node cannot be reached") >= 2
	})
	if p.has("mail", "patience") != 0 || p.has("quarantine", "patience") != 0 {
		t.Fatal("a message passed while nobody scanned")
	}
	n.start()
	p.arrives("mail", "patience")
	p.arrives("quarantine", "bad patience")

	// A system that was rejected has its mail kept as well.
	n.must("external-system", "reject", s.id, "--yes")
	p.send("after the end", "an ordinary message")
	eventually(t, 20*time.Second, "the message is deferred", func() bool { return strings.Contains(tail(p.file("log")), "rejected") })
	if p.has("mail", "Subject: after the end") != 0 {
		t.Fatal("a message of a rejected system passed")
	}
}
