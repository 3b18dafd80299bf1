package sshd_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"vedette/internal/sshd"
)

func config() sshd.Config {
	return sshd.Config{Command: echo, Logger: slog.New(slog.DiscardHandler)}
}

func TestTheSocketIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(filepath.Dir(socketPath(t)), "run", "d.sock")
	server, err := sshd.ListenUnix(path, config())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{path: 0o600, path + ".lock": 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s is %v, want %v", filepath.Base(name), got, want)
		}
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestALiveSocketIsRefusedAndADeadOneReplaced(t *testing.T) {
	path := socketPath(t)
	first, err := sshd.ListenUnix(path, config())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sshd.ListenUnix(path, config()); !errors.Is(err, sshd.ErrInUse) {
		t.Errorf("a second server: %v, want ErrInUse", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	// A daemon that was killed leaves its socket.
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sshd.ListenUnix(path, config()); !errors.Is(err, sshd.ErrInUse) {
		t.Errorf("a socket somebody else listens on: %v, want ErrInUse", err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	second, err := sshd.ListenUnix(path, config())
	if err != nil {
		t.Fatalf("the socket of a dead daemon: %v", err)
	}
	second.Close()
}

func TestPathsThatCannotWorkAreNamed(t *testing.T) {
	folder := filepath.Dir(socketPath(t))
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(folder, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(folder, strings.Repeat("x", 108))
	for _, c := range []struct {
		path string
		want error
	}{
		{long, sshd.ErrPathTooLong},
		{file, sshd.ErrNotSocket},
		{filepath.Join(open, "d.sock"), sshd.ErrUnsafe},
	} {
		if _, err := sshd.ListenUnix(c.path, config()); !errors.Is(err, c.want) {
			t.Errorf("listen on %.40s: %v, want %v", c.path, err, c.want)
		}
	}
	if _, err := sshd.Dial(t.Context(), long); !errors.Is(err, sshd.ErrPathTooLong) {
		t.Errorf("dial: %v", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "precious" {
		t.Error("the file that is no socket was touched")
	}
}

func TestDialSaysWhenNoDaemonAnswers(t *testing.T) {
	path := socketPath(t)
	if _, err := sshd.Dial(t.Context(), path); !errors.Is(err, sshd.ErrNoDaemon) {
		t.Errorf("no socket: %v", err)
	}
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	if _, err := sshd.Dial(t.Context(), path); !errors.Is(err, sshd.ErrNoDaemon) {
		t.Errorf("a socket nobody listens on: %v", err)
	}
}

func TestASilentClientIsDroppedAtTheHandshakeDeadline(t *testing.T) {
	server := start(t, sshd.Config{Command: echo, Handshake: 50 * time.Millisecond})
	conn, err := net.Dial("unix", server.path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("the silent connection was not closed: %v", err)
	}
}

// dialAs connects from a thread that runs as another user.
func dialAs(t *testing.T, uid int, path string) net.Conn {
	t.Helper()
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result)
	go func() {
		// The thread is not unlocked, so it ends with the goroutine.
		runtime.LockOSThread()
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			done <- result{err: err}
			return
		}
		file := os.NewFile(uintptr(fd), "stranger")
		defer file.Close()
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
			done <- result{err: errno}
			return
		}
		if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
			done <- result{err: err}
			return
		}
		conn, err := net.FileConn(file)
		done <- result{conn, err}
	}()
	r := receive(t, done, "the connection of another user")
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.conn
}

func TestTheKernelNamesTheStrangerWhoIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("this test must run as root in CI")
		}
		t.Skip("only root can connect as somebody else; TestAStrangerIsRefusedWithAClearText checks the rest")
	}
	server := start(t, sshd.Config{Command: echo})
	// As if an administrator had opened the folder and the socket.
	if err := os.Chmod(filepath.Dir(server.path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(server.path, 0o666); err != nil {
		t.Fatal(err)
	}
	conn := dialAs(t, 65534, server.path)
	defer conn.Close()
	var banner strings.Builder
	_, _, _, err := ssh.NewClientConn(conn, "", &ssh.ClientConfig{
		User:            "root", // what a client says of itself counts for nothing
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		BannerCallback:  func(text string) error { banner.WriteString(text); return nil },
	})
	if err == nil {
		t.Fatal("a stranger was let in")
	}
	if !strings.HasPrefix(banner.String(), "user 65534 may not use this socket: only root and user 0") {
		t.Errorf("the stranger was told %q", banner.String())
	}
}
