package home_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// result is what a program said and how it ended.
type result struct {
	output string // both streams
	exit   int
}

// limit is the longest that a client may take on a busy machine.
const limit = 60 * time.Second

// need finds a program. A machine without it can only skip what it shows; in
// the continuous integration that is a failure.
func need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: install openssh-client, putty-tools and lftp", program)
	}
	if err != nil {
		t.Skipf("%s is missing: install openssh-client, putty-tools and lftp", program)
	}
	return path
}

func (h *host) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	h.t.Helper()
	cmd := exec.CommandContext(ctx, need(h.t, program), args...)
	cmd.Dir = h.files
	cmd.Env = []string{"HOME=" + h.files, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TERM=dumb"}
	cmd.WaitDelay = limit
	return cmd
}

// run runs a client to its end.
func (h *host) run(input, program string, args ...string) result {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := h.command(ctx, program, args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Stdin = strings.NewReader(input)
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		h.t.Fatalf("%s %q hangs:\n%s", program, args, &output)
	case err != nil && !errors.As(err, &ended):
		h.t.Fatal(err)
	}
	return result{output.String(), cmd.ProcessState.ExitCode()}
}

// openSSH gives the options of OpenSSH's programs.
func (h *host) openSSH(more ...string) []string {
	return append([]string{
		"-F", "none", "-i", h.identity,
		"-o", "UserKnownHostsFile=" + h.known, "-o", "GlobalKnownHostsFile=/dev/null",
		"-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
	}, more...)
}

// putty gives the options of PuTTY's programs.
func (h *host) putty(more ...string) []string {
	return append([]string{"-batch", "-hostkey", h.hostKey, "-P", h.port, "-pw", password}, more...)
}

// client is one program in one of its ways.
type client struct {
	name string
	// silent programs do not show the server's sentence, only its kind.
	silent bool
	put    func(h *host, local, remote string, flags ...string) result
	get    func(h *host, remote, local string, flags ...string) result
	// do runs a command of an interactive program; nil: it has none.
	do func(h *host, command string) result
}

const remoteHost = "admin@127.0.0.1:"

func openSCP(name string, way ...string) client {
	copy := func(h *host, flags []string, from, to string) result {
		args := append(h.openSSH("-P", h.port), way...)
		return h.run("", "scp", append(append(args, flags...), from, to)...)
	}
	return client{
		name: name,
		put: func(h *host, local, remote string, flags ...string) result {
			return copy(h, flags, local, remoteHost+remote)
		},
		get: func(h *host, remote, local string, flags ...string) result {
			return copy(h, flags, remoteHost+remote, local)
		},
	}
}

func puttySCP(name, way string) client {
	copy := func(h *host, flags []string, from, to string) result {
		args := append(h.putty(way), flags...)
		return h.run("", "pscp", append(args, from, to)...)
	}
	return client{
		name: name,
		put: func(h *host, local, remote string, flags ...string) result {
			return copy(h, flags, local, remoteHost+remote)
		},
		get: func(h *host, remote, local string, flags ...string) result {
			return copy(h, flags, remoteHost+remote, local)
		},
	}
}

// scripted is a client that takes commands.
func scripted(name string, do func(h *host, command string) result) client {
	return client{
		name: name,
		do:   do,
		put: func(h *host, local, remote string, flags ...string) result {
			return do(h, strings.Join(append(append([]string{"put"}, flags...), local, quote(remote)), " "))
		},
		get: func(h *host, remote, local string, flags ...string) result {
			return do(h, strings.Join(append(append([]string{"get"}, flags...), quote(remote), local), " "))
		},
	}
}

func quote(path string) string {
	if path == "" {
		return ""
	}
	return `"` + path + `"`
}

// clients are the programs that administrators use.
func clients() []client {
	sftpBatch := scripted("sftp -b", func(h *host, command string) result {
		batch := h.write("batch", []byte(command+"\n"))
		return h.run("", "sftp", append(h.openSSH("-P", h.port, "-b", batch), "admin@127.0.0.1")...)
	})
	psftp := scripted("psftp", func(h *host, command string) result {
		batch := h.write("batch", []byte(command+"\n"))
		return h.run("", "psftp", append(h.putty("-b", batch), "admin@127.0.0.1")...)
	})
	return []client{
		openSCP("scp"), openSCP("scp -O", "-O"),
		puttySCP("pscp -scp", "-scp"), puttySCP("pscp -sftp", "-sftp"),
		sftpBatch, psftp,
	}
}

// each runs a test with every client.
func each(t *testing.T, test func(t *testing.T, h *host, c client)) {
	for _, c := range clients() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test(t, newHost(t), c)
		})
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// absent fails when a refused download left something with content.
func absent(t testing.TB, path string) {
	t.Helper()
	if found, err := filepath.Glob(path + "*"); err != nil || len(found) > 0 {
		t.Errorf("there is %v (%v)", found, err)
	}
}
