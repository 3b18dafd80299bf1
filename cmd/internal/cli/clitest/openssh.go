package clitest

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// OpenSSH is an administrator's desk with the clients of OpenSSH. It believes
// the first host key that it meets, and exactly that one from then on.
type OpenSSH struct {
	t      *testing.T
	Folder string // with the person's files; also the current one
	host   string
	args   []string // of every client
	env    []string
}

// NewOpenSSH gives a desk with a fresh key in id and id.pub, before a daemon
// that does not know it. Who signs in knows the password.
func NewOpenSSH(t *testing.T, address, password string) *OpenSSH {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	o := &OpenSSH{t: t, Folder: t.TempDir(), host: host}
	ask := o.Write("askpass", "#!/bin/sh\necho '"+password+"'\n")
	if err := os.Chmod(ask, 0o700); err != nil {
		t.Fatal(err)
	}
	o.env = append(os.Environ(), "HOME="+o.Folder, "TERM=xterm", "LC_ALL=C.UTF-8", "SSH_ASKPASS="+ask, "SSH_ASKPASS_REQUIRE=force", "SSH_AUTH_SOCK=")
	o.args = []string{
		"-F", "none", "-o", "Port=" + port, "-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile=" + o.path("known_hosts"),
		"-o", "LogLevel=ERROR", "-o", "User=admin", "-o", "IdentitiesOnly=yes", "-i", o.path("id"),
	}
	if exit, _, errs := o.Run("", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "desk", "-f", "id"); exit != 0 {
		t.Fatalf("ssh-keygen: exit %d, %s", exit, errs)
	}
	return o
}

func (o *OpenSSH) path(name string) string { return filepath.Join(o.Folder, name) }

// Write writes a file of the person and returns its path.
func (o *OpenSSH) Write(name, text string) string {
	o.t.Helper()
	if err := os.WriteFile(o.path(name), []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
	return o.path(name)
}

// Read reads a file of the person.
func (o *OpenSSH) Read(name string) string {
	o.t.Helper()
	data, err := os.ReadFile(o.path(name))
	if err != nil {
		o.t.Fatal(err)
	}
	return string(data)
}

// Command prepares a client: ssh with flags (-t, -o NAME=VALUE) and a command line
// for admin, or scp and sftp, whose arguments name the daemon as admin@HOST.
func (o *OpenSSH) Command(program string, args ...string) *exec.Cmd {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), Patience)
	o.t.Cleanup(cancel)
	switch program {
	case "ssh":
		flags := 0
		for flags < len(args) && strings.HasPrefix(args[flags], "-") {
			if flags++; args[flags-1] == "-o" {
				flags++
			}
		}
		args = slices.Concat(args[:flags], o.args, []string{o.host}, args[flags:])
	case "scp", "sftp":
		args = slices.Concat(o.args, args)
		for i, arg := range args {
			args[i] = strings.Replace(arg, "admin@HOST", "admin@"+o.host, 1)
		}
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = o.Folder, o.env
	return cmd
}

// Run runs a client to its end.
func (o *OpenSSH) Run(input, program string, args ...string) (exit int, out, errs string) {
	o.t.Helper()
	cmd := o.Command(program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		o.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}
