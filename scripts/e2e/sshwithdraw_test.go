package e2e

import (
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
)

// TestWithdrawnAdministratorsAreCutOffAtOnce takes the right to be there from
// somebody who has a live view, the menu and two uploads before them.
func TestWithdrawnAdministratorsAreCutOffAtOnce(t *testing.T) {
	doors(t, func(t *testing.T, k *desk) {
		served := k.met()
		pair := ownPair(t)
		file := string(pair.EncodePEM())
		k.write("kata.pem", strings.Repeat("text before the blocks is no part of them\n", 1400)+file)
		for name, c := range map[string]struct {
			byPassword bool
			again      int // how a further sign-in ends
			withdraw   func(fingerprint string)
		}{
			"account deleted": {false, 255, func(string) { k.daemon.must("account", "delete", "anna", "--yes") }},
			"account deleted over SSH": {true, 255, func(string) {
				if o := k.command("account delete anna --yes"); o.code != 0 {
					t.Errorf("exit %d, %s", o.code, o.err)
				}
			}},
			"password changed": {true, 255, func(string) {
				k.daemon.must("account", "password", "anna", "--password-file", k.write("new", "Battery-staple-8\n"))
			}},
			"password changed, signed in by key": {false, 0, func(string) {
				k.daemon.must("account", "password", "anna", "--password-file", k.write("new", "Battery-staple-8\n"))
			}},
			"key deleted": {false, 255, func(fingerprint string) {
				k.daemon.must("account", "key", "delete", "anna", fingerprint, "--yes")
			}},
		} {
			anna := k.meets("anna")
			if c.byPassword {
				anna = anna.withPassword()
			}
			view := anna.begin("view", anna.line("ssh", "anna@HOST", k.liveView()))
			stream := anna.begin("stream", anna.line("ssh", "anna@HOST", "certificate upload -"))
			stream.types(file[:len(file)/2])
			copied := anna.begin("copy", anna.line("scp", "-l", "8", "kata.pem", "anna@HOST:")) // for a minute
			menu := anna.begin("menu", anna.line("ssh", "-tt", "anna@HOST"))
			menu.draws("Program settings")
			eventually(t, 20*time.Second, name+": four are signed in", func() bool { return k.sessions() == 4 })

			begun := time.Now()
			c.withdraw(anna.fingerprint)
			returned := time.Now()
			var last time.Time
			// scp itself sleeps to be slow; its ssh says that it was cut off.
			copied.says("closed by remote host")
			cut := time.Now()
			copied.kill()
			for _, one := range []*client{view, stream, menu} {
				if code := one.ends(); code == 0 {
					t.Errorf("%s: %q ended as if all were well", name, one.cmd.Args)
				}
				if at := <-one.ended; at.After(last) {
					last = at
				}
			}
			if cut.After(last) {
				last = cut // at most 50 ms late
			}
			t.Logf("%s: all ended %v after the command began, %v after its return", name,
				last.Sub(begun).Round(time.Millisecond), last.Sub(returned).Round(time.Millisecond))
			// Without a cut the view and the menu go on, and the copy for a minute. What
			// clients take to end on a busy machine is not the daemon's.
			if last.Sub(returned) > 20*time.Second {
				t.Errorf("%s: somebody stayed for %v", name, last.Sub(returned))
			}
			// The daemon counts a session until it has cleared up behind it.
			eventually(t, 5*time.Second, name+": nobody is signed in", func() bool { return k.sessions() == 0 })
			if o := k.doLine("", anna.line("ssh", "anna@HOST", "status")); o.code != c.again {
				t.Errorf("%s: anna signs in again: exit %d, want %d", name, o.code, c.again)
			}
			if s := read[acts.ServerCertificate](k, "certificate", "show"); s.Uploaded != nil || s.PEM != served {
				t.Errorf("%s: left %+v", name, s.Uploaded)
			}
			for _, r := range read[[]acts.AuditRecord](k, "audit", "list", "--account", "anna") {
				t.Errorf("%s: anna did something: %+v", name, r)
			}
			if name == "account deleted" || name == "account deleted over SSH" {
				continue
			}
			k.daemon.must("account", "delete", "anna", "--yes")
		}
	})
}

// liveView is a command of the daemon that goes on until it is interrupted.
func (k *desk) liveView() string {
	if k.program == "sensor" {
		return "link watch"
	}
	return "event watch"
}

// colleague is another administrator, at the same desk.
type colleague struct {
	*desk
	name, fingerprint string
	password          bool // signs in with it
}

// meets makes an account of that name, with the password Correct-horse-7 and a
// key, and gives who has it.
func (k *desk) meets(name string) colleague {
	k.t.Helper()
	password := k.write(name+".password", "Correct-horse-7\n")
	k.daemon.must("account", "create", name, "--role", "local-administrator", "--password-file", password)
	c := colleague{desk: k, name: name}
	c.fingerprint = k.addKey(name, name)
	return c
}

func (c colleague) withPassword() colleague {
	c.password = true
	return c
}

// line is a client's command line that signs in as the colleague.
func (c colleague) line(program string, args ...string) []string {
	if c.password {
		return append([]string{"env", "SSH_ASKPASS=" + c.askpass("askpass-"+c.name, "Correct-horse-7")}, c.lineByPassword(program, args...)...)
	}
	return c.lineBy(program, []string{"-i", c.path(c.name), "-o", "BatchMode=yes"}, nil, args...)
}
