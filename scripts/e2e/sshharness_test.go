package e2e

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vedette/internal/acts"
)

// desk is where an administrator sits who reaches a daemon over the network
// only: a folder with the usual programs, the host key in known_hosts, the
// password from the installation, and a key that signs in as admin.
type desk struct {
	*daemon
	t        testing.TB
	dir      string // the person's home and current folder
	password string
	hostKey  string // SHA256:...
	env      []string
	shared   []string // flags of ssh for a connection that is there, see share
}

// openDoor gives a daemon that was prepared an SSH door, starts it, and gives a
// desk before it. Lines are the end of its configuration.
func openDoor(d *daemon, lines ...string) *desk {
	d.t.Helper()
	d.ssh = freePort(d.t)
	d.configure(lines...)
	d.start()
	return newDesk(d)
}

// nodeWithDoor is newNode with an SSH door.
func nodeWithDoor(t testing.TB, lines ...string) (*node, *desk) {
	t.Helper()
	n := prepareNode(t)
	return n, openDoor(n.daemon, lines...)
}

// sensorWithDoor is newSensor with an SSH door.
func sensorWithDoor(t testing.TB, lines ...string) (*sensor, *desk) {
	t.Helper()
	s := &sensor{prepare(t, "sensor", freePort(t), freePort(t))}
	return s, openDoor(s.daemon, append([]string{unsafeSameServer}, lines...)...)
}

// newDesk gives a desk before a daemon that runs. The host key is believed as
// documented: it is compared with the fingerprint that the daemon shows.
func newDesk(d *daemon) *desk {
	d.t.Helper()
	// Not t.TempDir, for the socket of an agent; see prepare.
	dir, err := os.MkdirTemp("", "desk-")
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	k := &desk{daemon: d, t: d.t, dir: dir}
	password, err := os.ReadFile(filepath.Join(d.state(), "initial-password"))
	if err != nil {
		d.t.Fatal(err)
	}
	k.password = strings.TrimSpace(string(password))
	k.env = append(os.Environ(), "HOME="+dir, "TERM=xterm-256color", "LC_ALL=C.UTF-8", "SSH_AUTH_SOCK=", "DISPLAY=",
		"SSH_ASKPASS="+k.askpass("askpass", k.password), "SSH_ASKPASS_REQUIRE=force")
	host, port, _ := net.SplitHostPort(d.ssh)
	k.write("known_hosts", k.must("ssh-keyscan", "-T", "60", "-t", "ed25519", "-p", port, host))
	k.hostKey = read[struct{ SSH acts.SSHDoor }](d, "status").SSH.HostKey
	if seen := k.must("ssh-keygen", "-lf", "known_hosts"); !strings.Contains(seen, k.hostKey) || k.hostKey == "" {
		d.t.Fatalf("the host key is %s, the daemon shows %q", seen, k.hostKey)
	}
	k.addKey("admin", "id")
	k.must("puttygen", "id", "-O", "private", "-o", "id.ppk")
	return k
}

// addKey makes a key in files of a name, lets it sign in as an account, and
// returns its fingerprint.
func (k *desk) addKey(account, name string) string {
	k.t.Helper()
	_ = os.Remove(k.path(name)) // an earlier one, over which ssh-keygen would ask
	k.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name)
	k.daemon.must("account", "key", "add", account, k.path(name+".pub"))
	return strings.Fields(k.must("ssh-keygen", "-lf", name+".pub"))[1]
}

// askpass makes the program that types a password, and returns its path.
func (k *desk) askpass(name, password string) string {
	k.t.Helper()
	path := k.write(name, "#!/bin/sh\necho '"+password+"'\n")
	if err := os.Chmod(path, 0o700); err != nil {
		k.t.Fatal(err)
	}
	return path
}

func (k *desk) path(name string) string { return filepath.Join(k.dir, name) }

// write writes a file of the person and returns its path.
func (k *desk) write(name, text string) string {
	k.t.Helper()
	if err := os.WriteFile(k.path(name), []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
	return k.path(name)
}

// read reads a file of the person, and is "" when there is none.
func (k *desk) read(name string) string {
	k.t.Helper()
	text, err := os.ReadFile(k.path(name))
	if err != nil && !os.IsNotExist(err) {
		k.t.Fatal(err)
	}
	return string(text)
}

// line is the whole command line of a client. Its arguments name the daemon as
// admin@HOST; what finds and believes the daemon, and the key that signs in, is
// put before them. Programs that are not SSH clients stay as they are.
func (k *desk) line(program string, args ...string) []string {
	openSSH := []string{"-i", k.path("id"), "-o", "BatchMode=yes"}
	if program == "ssh" {
		openSSH = append(openSSH, k.shared...)
	}
	return k.lineBy(program, openSSH, []string{"-i", k.path("id.ppk")}, args...)
}

// lineByPassword is line with the password, which OpenSSH's programs ask a
// program for, in the place of the key.
func (k *desk) lineByPassword(program string, args ...string) []string {
	return k.lineBy(program, []string{"-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1"}, []string{"-pw", k.password}, args...)
}

func (k *desk) lineBy(program string, openSSH, putty []string, args ...string) []string {
	host, port, _ := net.SplitHostPort(k.ssh)
	var flags []string
	switch program {
	case "ssh", "scp", "sftp":
		flags = append([]string{
			"-F", "none", "-o", "Port=" + port, "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=" + k.path("known_hosts"),
			"-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR",
		}, openSSH...)
	case "plink", "pscp", "psftp":
		flags = append([]string{"-batch", "-noagent", "-P", port, "-hostkey", k.hostKey}, putty...)
	}
	line := slices.Concat([]string{program}, flags, args)
	for i, arg := range line {
		line[i] = strings.Replace(arg, "@HOST", "@"+host, 1)
	}
	return line
}

// prepared is a command line as a process that is not started, and that ends
// with the test.
func (k *desk) prepared(line []string) *exec.Cmd {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), busy*time.Minute)
	k.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = k.dir, k.env, 5*time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// do runs a client to its end, with something to read.
func (k *desk) do(input, program string, args ...string) output {
	k.t.Helper()
	return k.doLine(input, k.line(program, args...))
}

func (k *desk) doLine(input string, line []string) output {
	k.t.Helper()
	cmd := k.prepared(line)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		k.t.Fatalf("%q: %v", line, err)
	}
	return output{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// share makes one connection, over which each later ssh with the key has a
// session of its own.
func (k *desk) share() {
	k.t.Helper()
	spawn(k.t, k.path("shared.log"), "ssh", k.line("ssh", "-N", "-M", "-o", "ControlPath="+k.path("shared"), "admin@HOST")[1:]...)
	eventually(k.t, 30*time.Second, "a shared connection", func() bool {
		_, err := os.Stat(k.path("shared"))
		return err == nil
	})
	k.shared = []string{"-o", "ControlPath=" + k.path("shared")}
}

// must is do for clients that have to succeed, without input.
func (k *desk) must(program string, args ...string) string {
	k.t.Helper()
	o := k.do("", program, args...)
	if o.code != 0 {
		k.t.Fatalf("%s %q: exit %d\n%s%s\nlog:\n%s", program, args, o.code, o.out, o.err, k.tail())
	}
	return o.out
}

// command gives a command line over SSH.
func (k *desk) command(line string) output {
	k.t.Helper()
	return k.do("", "ssh", "admin@HOST", line)
}

func (k *desk) tail() string {
	if k.process == nil {
		return ""
	}
	return tail(k.log)
}
