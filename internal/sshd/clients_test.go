package sshd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"vedette/internal/acts"
	"vedette/internal/sshd"
	"vedette/internal/sshd/home"
)

// memoryFolder is a home folder in memory, with the face that it was asked for
// by.
type memoryFolder struct {
	mu   sync.Mutex // guards what follows
	face acts.Face
	pem  []byte
}

// of gives the folder to a server.
func (f *memoryFolder) of(who acts.Actor) home.Folder {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.face = who.Face
	return f
}

// take returns what was uploaded by which face, and forgets it.
func (f *memoryFolder) take() (pem string, face acts.Face) {
	f.mu.Lock()
	defer f.mu.Unlock()
	pem, f.pem = string(f.pem), nil
	return pem, f.face
}

const certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

func (f *memoryFolder) Uploaded(context.Context) (int64, time.Time, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return int64(len(f.pem)), time.Unix(1e9, 0), f.pem != nil, nil
}

func (f *memoryFolder) Upload(_ context.Context, pem []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pem = bytes.Clone(pem)
	return nil
}

func (f *memoryFolder) Remove(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pem = nil
	return nil
}

func (f *memoryFolder) Certificate(context.Context) ([]byte, time.Time, error) {
	return []byte(certificate), time.Unix(1e9, 0), nil
}

// desk is the place of an administrator with the usual programs.
type desk struct {
	*network
	folder *memoryFolder
	dir    string   // the programs' home and working folder
	env    []string // of the programs
	ssh    []string // flags of OpenSSH's programs but for the port
	mine   string   // file of a private key that signs in as admin
}

// newDesk starts a server whose command is given.
func newDesk(t *testing.T, command sshd.Command) *desk {
	t.Helper()
	d := &desk{folder: &memoryFolder{}, dir: t.TempDir()}
	d.network = listen(t, sshd.Network{}, sshd.Config{Command: command, Home: d.folder.of})
	d.env = append(os.Environ(), "HOME="+d.dir, "LANG=C.UTF-8", "LC_ALL=", "SSH_AUTH_SOCK=", "DISPLAY=",
		"SSH_ASKPASS="+d.file(t, "askpass", "#!/bin/sh\necho '"+ownersPassword+"'\n", 0o700), "SSH_ASKPASS_REQUIRE=force")
	known := d.file(t, "known_hosts", fmt.Sprintf("[127.0.0.1]:%s %s", d.port(), ssh.MarshalAuthorizedKey(d.network.key)), 0o600)
	d.ssh = []string{"-F", "none", "-o", "UserKnownHostsFile=" + known, "-o", "StrictHostKeyChecking=yes", "-o", "NumberOfPasswordPrompts=1"}
	d.mine = filepath.Join(d.dir, "id")
	d.tool(t, 0, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", d.mine)
	text, err := os.ReadFile(d.mine + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	d.addKey(t, "admin", string(text))
	return d
}

func (d *desk) file(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// result is what a program said.
type result struct{ out, errs string }

// tool runs a program to its end.
func (d *desk) tool(t *testing.T, want int, name string, args ...string) result {
	t.Helper()
	return d.toolWith(t, want, "", name, args...)
}

// toolWith runs a program with something to read. Nothing but the program may
// be a child of this process.
func (d *desk) toolWith(t *testing.T, want int, in, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out, errs bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = d.env, d.dir, strings.NewReader(in), &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for done := false; !done; {
		select {
		case <-ended:
			done = true
		case <-time.After(time.Millisecond):
		}
		if others := children(t, cmd.Process.Pid); len(others) > 0 {
			t.Errorf("while %s ran the server had the children %v", name, others)
		}
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Errorf("%s %q: exit status %d, want %d\n%s%s", name, args, got, want, out.String(), errs.String())
	}
	return result{out.String(), errs.String()}
}

// children are the processes that this one has started, but one.
func children(t *testing.T, but int) []string {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(tasks) == 0 {
		t.Fatalf("no list of children: %v", err)
	}
	var others []string
	for _, task := range tasks {
		list, err := os.ReadFile(task)
		if err != nil && !errors.Is(err, os.ErrNotExist) && !strings.Contains(err.Error(), "no such process") {
			t.Fatal(err)
		}
		for _, pid := range strings.Fields(string(list)) {
			if pid != strconv.Itoa(but) {
				others = append(others, pid)
			}
		}
	}
	return others
}

// openSSH runs ssh as admin.
func (d *desk) openSSH(t *testing.T, want int, args ...string) result {
	t.Helper()
	return d.tool(t, want, "ssh", append(append(append([]string(nil), d.ssh...), "-p", d.port()), args...)...)
}

// putty are the flags of PuTTY's programs.
func (d *desk) putty(args ...string) []string {
	return append([]string{"-batch", "-P", d.port(), "-hostkey", ssh.FingerprintSHA256(d.network.key), "-pw", ownersPassword}, args...)
}

func TestTheUsualProgramsSignInAndRunCommands(t *testing.T) {
	d := newDesk(t, echo)
	who := "admin administrator command 127.0.0.1\n"
	key := []string{"-i", d.mine, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"}
	for name, flags := range map[string][]string{
		"key":                  key,
		"password":             {"-o", "PreferredAuthentications=password"},
		"keyboard-interactive": {"-o", "PreferredAuthentications=keyboard-interactive"},
	} {
		if r := d.openSSH(t, 3, append(flags, "admin@127.0.0.1", "status", "--output", "'a b'")...); r.out != who || r.errs != `["status" "--output" "a b"]`+"\n" {
			t.Errorf("ssh by %s: %+v", name, r)
		}
	}
	if r := d.openSSH(t, 1, append(key, "-tt", "admin@127.0.0.1", "status")...); !strings.HasPrefix(r.out, "admin administrator command 127.0.0.1\r\n[\"status\"]\r\n") {
		t.Errorf("ssh -tt: %+v", r)
	}
	if r := d.openSSH(t, 1, append(key, "admin@127.0.0.1")...); !strings.HasSuffix(r.errs, "[\"menu\"]\n") {
		t.Errorf("ssh without a command: %+v", r)
	}
	if r := d.openSSH(t, 255, "-i", d.mine, "-o", "BatchMode=yes", "nobody@127.0.0.1", "status"); !strings.Contains(r.errs, "Permission denied (password,publickey,keyboard-interactive)") {
		t.Errorf("somebody unknown: %+v", r)
	}
	if r := d.tool(t, 2, "plink", d.putty("admin@127.0.0.1", "certificate", "show")...); r.out != who {
		t.Errorf("plink: %+v", r)
	}
	if r := d.tool(t, 1, "plink", d.putty("-t", "admin@127.0.0.1", "status")...); !strings.HasPrefix(r.out, "admin administrator command 127.0.0.1\r\n") {
		t.Errorf("plink -t: %+v", r)
	}
}

func TestTheUsualProgramsAreToldToWait(t *testing.T) {
	d := newDesk(t, echo)
	d.backOff()
	const text = "too many attempts, try again in 7 s"
	if r := d.openSSH(t, 255, "-o", "PreferredAuthentications=password", "admin@127.0.0.1", "status"); !strings.Contains(r.errs, text) {
		t.Errorf("ssh: %+v", r)
	}
	// plink shows it to somebody who wants the menu, not to scripts.
	if r := d.tool(t, 1, "plink", d.putty("admin@127.0.0.1")...); !strings.Contains(r.out+r.errs, text) {
		t.Errorf("plink: %+v", r)
	}
}

func TestTheUsualProgramsCopyFiles(t *testing.T) {
	d := newDesk(t, echo)
	const key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
	d.file(t, "kata.pem", key, 0o600)
	openSSH := append(append([]string(nil), d.ssh...), "-q", "-P", d.port(), "-i", d.mine, "-o", "BatchMode=yes")
	for _, program := range [][]string{
		append([]string{"scp"}, openSSH...),
		append([]string{"scp", "-O"}, openSSH...),
		append([]string{"pscp", "-q", "-sftp"}, d.putty()...),
		append([]string{"pscp", "-q", "-scp"}, d.putty()...),
	} {
		label := strings.Join(program[:2], " ")
		d.tool(t, 0, program[0], append(program[1:], "kata.pem", "admin@127.0.0.1:")...)
		if pem, face := d.folder.take(); pem != key || face != acts.FaceCopy {
			t.Errorf("%s: uploaded is %q, by the face %s", label, pem, face)
		}
		d.tool(t, 0, program[0], append(program[1:], "admin@127.0.0.1:ssl/kata.crt", "got.crt")...)
		if got, err := os.ReadFile(filepath.Join(d.dir, "got.crt")); err != nil || string(got) != certificate {
			t.Errorf("%s: downloaded is %q, %v", label, got, err)
		}
		os.Remove(filepath.Join(d.dir, "got.crt"))
		d.tool(t, 1, program[0], append(program[1:], "kata.pem", "admin@127.0.0.1:other.pem")...)
		if pem, _ := d.folder.take(); pem != "" {
			t.Errorf("%s: another name was taken", label)
		}
	}
	const batch = "put kata.pem\nls\nget ssl/kata.crt\n"
	for _, program := range [][]string{
		append(append([]string{"sftp"}, openSSH...), "-b", "-", "admin@127.0.0.1"),
		append(append([]string{"psftp"}, d.putty()...), "-b", d.file(t, "batch", batch, 0o600), "admin@127.0.0.1"),
	} {
		r := d.toolWith(t, 0, batch, program[0], program[1:]...)
		pem, _ := d.folder.take()
		if got, err := os.ReadFile(filepath.Join(d.dir, "kata.crt")); err != nil || string(got) != certificate || pem != key || !strings.Contains(r.out, "kata.pem") {
			t.Errorf("%s: downloaded is %q, %v, uploaded %q, listed %q", program[0], got, err, pem, r.out)
		}
		os.Remove(filepath.Join(d.dir, "kata.crt"))
	}
}

func TestForwardingAndEnvironmentAreRefusedToOpenSSH(t *testing.T) {
	d := newDesk(t, environment)
	canary, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer canary.Close()
	reached := make(chan struct{}, 10)
	go func() {
		for {
			conn, err := canary.Accept()
			if err != nil {
				return
			}
			reached <- struct{}{}
			conn.Close()
		}
	}()
	target := canary.Addr().String()

	// An agent and a display that exist, so that ssh asks for them.
	agent, err := net.Listen("unix", filepath.Join(d.dir, "agent"))
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	d.env = append(d.env, "SSH_AUTH_SOCK="+agent.Addr().String(), "DISPLAY=127.0.0.1:99", "LD_PRELOAD_X=/x.so", "NO_COLOR=1")
	key := []string{"-i", d.mine, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes"}
	r := d.openSSH(t, 0, append(key, "-A", "-Y", "-v", "-tt", "-o", "ForwardAgent="+agent.Addr().String(), "-R", "0:"+target, "-R", "/tmp/x:"+target,
		"-o", "SendEnv=LD_PRELOAD_X NO_COLOR", "admin@127.0.0.1", "status")...)
	for _, want := range []string{"remote port forwarding failed", "remote forward failure", "X11 forwarding request failed"} {
		if !strings.Contains(r.errs, want) {
			t.Errorf("ssh does not say %q:\n%s", want, r.errs)
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(r.out), `["NO_COLOR=1"]`) {
		t.Errorf("the command sees %q", r.out)
	}
	d.openSSH(t, 255, append(key, "-o", "ExitOnForwardFailure=yes", "-R", "0:"+target, "admin@127.0.0.1", "status")...)
	d.openSSH(t, 255, append(key, "-W", target, "admin@127.0.0.1")...)
	if r := d.openSSH(t, 255, append(key, "-s", "admin@127.0.0.1", "netconf")...); !strings.Contains(r.errs, "subsystem request failed") {
		t.Errorf("another subsystem: %+v", r)
	}
	if len(reached) != 0 {
		t.Error("the server connected to where a client wanted")
	}
	d.localForward(t, key, target)
	if len(reached) != 0 {
		t.Error("the server connected to where a client wanted")
	}
}

// localForward uses -L, -D and -w, which ssh sets up without asking the server.
func (d *desk) localForward(t *testing.T, key []string, target string) {
	t.Helper()
	folder := t.TempDir()
	local := filepath.Join(folder, "local")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socks := free.Addr().String()
	free.Close()
	args := append(append(append([]string(nil), d.ssh...), key...), "-p", d.port(), "-N", "-L", local+":"+target, "-D", socks, "admin@127.0.0.1")
	cmd := exec.CommandContext(t.Context(), "ssh", args...)
	errs := &lockedBuffer{}
	cmd.Env, cmd.Stderr = d.env, errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	for _, through := range []struct{ network, address, say string }{
		{"unix", local, ""},
		{"tcp", socks, "\x05\x01\x00" + "\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50"}, // SOCKS 5: connect to 127.0.0.1:80
	} {
		var conn net.Conn
		eventually(t, "ssh to listen", func() bool {
			var err error
			conn, err = net.Dial(through.network, through.address)
			return err == nil
		})
		conn.SetDeadline(time.Now().Add(patience))
		io.WriteString(conn, through.say)
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Errorf("%s: %v, want an end", through.network, err)
		}
		conn.Close()
	}
	eventually(t, "ssh to say twice that it was refused", func() bool {
		return strings.Count(errs.String(), "administratively prohibited: only session channels are served here") == 2
	})
}

func TestSSHAuditFindsNothingThatFails(t *testing.T) {
	if _, err := exec.LookPath("ssh-audit"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("ssh-audit is needed in CI")
		}
		t.Skip("ssh-audit is not installed")
	}
	d := newDesk(t, echo)
	// Its exit status counts warnings too, such as names that it does not know.
	cmd := exec.CommandContext(t.Context(), "ssh-audit", "-n", "-p", d.port(), "127.0.0.1")
	cmd.Env = d.env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	report := string(out)
	for _, want := range []string{"(kex) mlkem768x25519-sha256", "(key) ssh-ed25519", "(enc) aes256-gcm@openssh.com"} {
		if !strings.Contains(report, want) {
			t.Errorf("it did not see %s", want)
		}
	}
	if bad := regexp.MustCompile(`(?m)^.*\[fail\].*$|^.*(?i:terrapin|vulnerab).*$`).FindAllString(report, -1); len(bad) > 0 || t.Failed() {
		t.Errorf("it found %q in\n%s", bad, report)
	}
}
