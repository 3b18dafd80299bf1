package e2e

import (
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSSHAuditHasNothingThatFails looks at the door as a stranger's tool does.
func TestSSHAuditHasNothingThatFails(t *testing.T) {
	doors(t, func(t *testing.T, k *desk) {
		host, port, _ := net.SplitHostPort(k.daemon.ssh)
		version := regexp.MustCompile(`ssh-audit v[0-9.]+`).FindString(k.do("", "ssh-audit", "--help").out)
		// Its exit status counts warnings too, such as names that it does not know.
		report := k.do("", "ssh-audit", "-n", "-p", port, host)
		t.Log(version)
		for _, want := range []string{"(kex) mlkem768x25519-sha256", "(kex) curve25519-sha256", "(key) ssh-ed25519", "(enc) aes256-gcm@openssh.com"} {
			if !strings.Contains(report.out, want) {
				t.Errorf("it did not see %s:\n%s%s", want, report.out, report.err)
			}
		}
		if bad := regexp.MustCompile(`(?m)^.*\[fail\].*$|^.*(?i:terrapin|vulnerab).*$`).FindAllString(report.out, -1); len(bad) > 0 {
			t.Errorf("it found %q", bad)
		}
		if !regexp.MustCompile(`(?m)^\(gen\) banner: SSH-2\.0-\S+$`).MatchString(report.out) || strings.Contains(report.out, "devel") {
			t.Errorf("what a stranger reads:\n%s", report.out)
		}
	})
}

// canaryPort listens where nobody may be led, and counts who comes.
func canaryPort(t testing.TB) (address string, came func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	conns := make(chan struct{}, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns <- struct{}{}
			_ = conn.Close()
		}
	}()
	return l.Addr().String(), func() int { return len(conns) }
}

func TestNothingIsForwarded(t *testing.T) {
	doors(t, func(t *testing.T, k *desk) {
		target, came := canaryPort(t)
		agent, err := net.Listen("unix", k.path("agent"))
		if err != nil {
			t.Fatal(err)
		}
		defer agent.Close()
		// An agent and a display that exist, so that ssh asks for them.
		k.env = append(k.env, "DISPLAY=127.0.0.1:99", "LD_PRELOAD_X=/x.so")
		say := func(code int, what string, args ...string) {
			t.Helper()
			line := k.line("ssh", args...)
			line = slices.Insert(line, 1, "-v", "-o", "LogLevel=VERBOSE")
			if o := k.doLine("", line); o.code != code || !strings.Contains(o.err, what) {
				t.Errorf("ssh %q: exit %d, want %d and %q in\n%s", args, o.code, code, what, o.err[max(0, len(o.err)-500):])
			}
		}
		say(0, "remote port forwarding failed", "-R", "0:"+target, "admin@HOST", "version")
		say(255, "remote port forwarding failed", "-o", "ExitOnForwardFailure=yes", "-R", "0:"+target, "admin@HOST", "version")
		say(255, "", "-o", "ExitOnForwardFailure=yes", "-R", k.path("there")+":"+target, "admin@HOST", "version")
		say(255, "administratively prohibited: only session channels are served here", "-W", target, "admin@HOST")
		say(0, "X11 forwarding request failed", "-Y", "-o", "ForwardAgent="+k.path("agent"), "-o", "SendEnv=LD_PRELOAD_X", "-tt", "admin@HOST", "version")
		say(255, "", "-s", "admin@HOST", "netconf")

		// These are set up without asking the server, which refuses what comes.
		socks := freePort(t)
		line := k.line("ssh", "-N", "-L", k.path("local")+":"+target, "-D", socks, "admin@HOST")
		c := k.begin("forward", slices.Insert(line, 1, "-v", "-o", "LogLevel=VERBOSE"))
		for _, through := range []struct{ network, address, say string }{
			{"unix", k.path("local"), ""},
			{"tcp", socks, "\x05\x01\x00" + "\x05\x01\x00\x01\x7f\x00\x00\x01" + "\x00\x50"}, // SOCKS 5: connect to 127.0.0.1:80
		} {
			var conn net.Conn
			eventually(t, 20*time.Second, "ssh listens", func() bool {
				var err error
				conn, err = net.Dial(through.network, through.address)
				return err == nil
			})
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			if through.say != "" {
				if _, err := conn.Write([]byte(through.say)); err != nil {
					t.Error(err)
				}
			}
			for buf, err := make([]byte, 64), error(nil); err == nil; { // until ssh has ended it
				_, err = conn.Read(buf)
			}
			_ = conn.Close()
		}
		eventually(t, 20*time.Second, "ssh says twice that it was refused", func() bool {
			return strings.Count(k.read("forward.out"), "administratively prohibited: only session channels are served here") == 2
		})
		c.kill()
		if came() != 0 || k.read("there") != "" {
			t.Errorf("the daemon connected %d times to where a client wanted", came())
		}
		eventually(t, 5*time.Second, "nobody is signed in", func() bool { return k.sessions() == 0 })
	})
}
