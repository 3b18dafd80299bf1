package home_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
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
	ctx, cancel := context.WithTimeout(h.ctx, limit)
	defer cancel()
	cmd := h.command(ctx, program, args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Stdin = strings.NewReader(input)
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		h.t.Fatalf("%s %q hangs:\n%s", program, args, &output)
	case err != nil && ctx.Err() == nil && !errors.As(err, &ended):
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
	put  func(h *host, local, remote string, flags ...string) result
	get  func(h *host, remote, local string, flags ...string) result
	// putFolder copies a local folder with what is in it.
	putFolder func(h *host, local string) result
	// do runs a command of an interactive program; nil: it has none.
	do func(h *host, command string) result
}

const remoteHost = "admin@127.0.0.1:"

// copier is a client that copies from one argument to the other.
func copier(name string, copy func(h *host, flags []string, from, to string) result) client {
	return client{
		name: name,
		put: func(h *host, local, remote string, flags ...string) result {
			return copy(h, flags, local, remoteHost+remote)
		},
		get: func(h *host, remote, local string, flags ...string) result {
			return copy(h, flags, remoteHost+remote, local)
		},
		putFolder: func(h *host, local string) result {
			return copy(h, []string{"-r"}, local, remoteHost)
		},
	}
}

func openSCP(name string, way ...string) client {
	return copier(name, func(h *host, flags []string, from, to string) result {
		args := append(h.openSSH("-P", h.port), way...)
		return h.run("", "scp", append(append(args, flags...), from, to)...)
	})
}

func puttySCP(name string, way ...string) client {
	return copier(name, func(h *host, flags []string, from, to string) result {
		args := append(h.putty(way...), flags...)
		return h.run("", "pscp", append(args, from, to)...)
	})
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
		putFolder: func(h *host, local string) result { return do(h, "put -r "+local) },
	}
}

func quote(path string) string {
	if path == "" {
		return ""
	}
	return `"` + path + `"`
}

// output is lftp's argument for where a file goes.
func output(path string) string {
	if path == "" {
		return ""
	}
	return " -o " + quote(path)
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
	lftp := scripted("lftp", func(h *host, command string) result {
		// lftp runs ssh, and gives it the password of its URL on a terminal.
		script := strings.Join([]string{
			"set net:max-retries 1", "set net:timeout 20", "set net:reconnect-interval-base 1", "set net:persist-retries 0", "set cmd:fail-exit true", "set sftp:auto-confirm true",
			"set sftp:connect-program \"ssh -a -x " + strings.Join(h.openSSH(), " ") + "\"",
			"open -p " + h.port + " sftp://admin:none@127.0.0.1", command,
		}, "; ")
		return h.run("", "lftp", "-c", script)
	})
	lftp.put = func(h *host, local, remote string, flags ...string) result {
		return lftp.do(h, strings.Join(append(append([]string{"put"}, flags...), local), " ")+output(remote))
	}
	lftp.putFolder = func(h *host, local string) result { return lftp.do(h, "mirror -R "+local) }
	lftp.get = func(h *host, remote, local string, flags ...string) result {
		return lftp.do(h, strings.Join(append(append([]string{"get"}, flags...), quote(remote)), " ")+output(local))
	}
	return []client{
		openSCP("scp"), openSCP("scp -O", "-O"),
		puttySCP("pscp"), puttySCP("pscp -scp", "-scp"), puttySCP("pscp -sftp", "-sftp"),
		sftpBatch, psftp, lftp,
	}
}

// each runs a test with every client, all at once: clients wait more than they
// work.
func each(t *testing.T, test func(t *testing.T, h *host, c client)) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, c := range clients() {
		wg.Go(func() {
			t.Run(c.name, func(t *testing.T) { test(t, newHost(t), c) })
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
