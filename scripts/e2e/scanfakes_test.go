package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// testObject is how objects of these tests begin, and no probe of the Central Node.
var testObject = regexp.MustCompile(`^([A-Za-z0-9.-]+;|X5O!P)`)

// fakeClamd is a clamd that answers as a test wants.
type fakeClamd struct {
	t      testing.TB
	listen net.Listener
	end    context.CancelFunc
	done   sync.WaitGroup
	// answer is asked about each whole object; ctx ends with the clamd. Probes of the
	// Central Node are answered as it wants them.
	answer func(ctx context.Context, object []byte) string

	mu    sync.Mutex // guards what follows
	moody func(ctx context.Context) string
	heads []string
}

// mood gives one answer to everything, probes and all; nil ends that.
func (f *fakeClamd) mood(answer func(ctx context.Context) string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moody = answer
}

// seen lists the objects that have come, by what they begin with up to a
// semicolon, in their order.
func (f *fakeClamd) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.heads)
}

// found is what a clamd says that knows badMark.
func found(object []byte) string {
	if bytes.Contains(object, []byte(badMark)) {
		return "stream: Test.Bad FOUND\x00"
	}
	return "stream: OK\x00"
}

// newFakeClamd listens at a socket.
func newFakeClamd(t testing.TB, socket string, answer func(ctx context.Context, object []byte) string) *fakeClamd {
	t.Helper()
	_ = os.Remove(socket) // of one that ended
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &fakeClamd{t: t, listen: l, end: cancel, answer: answer}
	f.done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.done.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
				f.serve(ctx, conn)
			})
		}
	})
	t.Cleanup(f.stop)
	return f
}

// stop ends it as a kill would: nobody hears anything more.
func (f *fakeClamd) stop() {
	f.end()
	_ = f.listen.Close() // it may be closed
	f.done.Wait()
}

func (f *fakeClamd) serve(ctx context.Context, conn net.Conn) {
	in := bufio.NewReader(conn)
	command, err := in.ReadString(0)
	if err != nil {
		return
	}
	f.mu.Lock()
	moody := f.moody
	f.mu.Unlock()
	if command == "zVERSION\x00" {
		if moody != nil {
			_, _ = io.WriteString(conn, moody(ctx))
			return
		}
		_, _ = io.WriteString(conn, "ClamAV 1.4.6/27451/Sun Nov 15 09:25:00 2026\x00")
		return
	}
	var object []byte
	for {
		var head [4]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		size := binary.BigEndian.Uint32(head[:])
		if size == 0 {
			break
		}
		chunk := make([]byte, size)
		if _, err := io.ReadFull(in, chunk); err != nil {
			return
		}
		object = append(object, chunk...)
	}
	probe := !testObject.Match(object)
	if !probe {
		head, _, _ := strings.Cut(string(object[:min(len(object), 40)]), ";")
		f.mu.Lock()
		f.heads = append(f.heads, head)
		f.mu.Unlock()
	}
	text := "stream: Heuristics.Encrypted.Zip FOUND\x00"
	switch {
	case moody != nil:
		text = moody(ctx)
	case !probe:
		text = f.answer(ctx, object)
	case bytes.HasPrefix(object, []byte("PK")) && object[6]&1 == 0: // not encrypted, but nested or large
		text = "stream: Heuristics.Limits.Exceeded.MaxRecursion FOUND\x00"
	}
	_, _ = io.WriteString(conn, text) // the Central Node may be gone
}

// socketIn is a path for a socket in a folder of its own, which t.TempDir may be
// too long for.
func socketIn(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "av-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// What the signature and the rule of these tests find.
const (
	clamdMark = "VEDETTE-SIGNATURE-OF-A-TEST"
	yaraMark  = "VEDETTE-RULE-OF-A-TEST"
)

// realClamd is ClamAV's daemon with a signature of the test's own.
type realClamd struct {
	*process
	t           testing.TB
	dir, socket string
}

// newRealClamd prepares a clamd that reports what it passes over. It is not
// started.
func newRealClamd(t testing.TB) *realClamd {
	t.Helper()
	c := &realClamd{t: t, socket: socketIn(t)}
	c.dir = filepath.Dir(c.socket)
	if err := os.Mkdir(filepath.Join(c.dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"db/test.ndb": fmt.Sprintf("Test.Signature:0:*:%x\n", clamdMark),
		"clamd.conf": fmt.Sprintf("LocalSocket %s\nForeground yes\nUser root\nDatabaseDirectory %s/db\nTemporaryDirectory %s\n"+
			"AlertExceedsMax yes\nAlertEncrypted yes\nMaxFileSize 2M\nMaxScanSize 2M\nStreamMaxLength 3M\n", c.socket, c.dir, c.dir),
	} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// start runs it and waits until it listens.
func (c *realClamd) start() {
	c.t.Helper()
	c.process = spawn(c.t, filepath.Join(c.dir, "log"), "clamd", "--config-file", filepath.Join(c.dir, "clamd.conf"))
	eventually(c.t, 30*time.Second, "clamd listens", func() bool {
		select {
		case <-c.done:
			c.t.Fatalf("clamd ended: %v\n%s", c.err, tail(c.log))
		default:
		}
		conn, err := net.Dial("unix", c.socket)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// wrappedYARA is the real yara behind a script that does what a test wants.
type wrappedYARA struct {
	t   testing.TB
	dir string
}

// newWrappedYARA makes the script and a rule. It is there, and does as yara does.
func newWrappedYARA(t testing.TB) *wrappedYARA {
	t.Helper()
	y := &wrappedYARA{t, t.TempDir()}
	real, err := exec.LookPath("yara")
	if err != nil {
		t.Fatal("this test needs the package yara")
	}
	y.write("test.yar", "rule Test_Rule { meta: importance = \"medium\" strings: $a = \""+yaraMark+"\" condition: $a }\n")
	y.write("program", `#!/bin/sh
read -r mood <'`+y.dir+`/mood'
case $mood in
hangs) exec /bin/sleep 60 ;;
dies) kill -9 $$ ;;
babbles) echo 'all is well'; exit 0 ;;
quiet) exit 0 ;;
esac
exec `+real+` "$@"
`)
	y.mood("works")
	return y
}

func (y *wrappedYARA) write(name, text string) {
	y.t.Helper()
	next := filepath.Join(y.dir, ".next") // a program that runs is not written to
	if err := os.WriteFile(next, []byte(text), 0o700); err != nil {
		y.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(y.dir, name)); err != nil {
		y.t.Fatal(err)
	}
}

func (y *wrappedYARA) mood(mood string) { y.t.Helper(); y.write("mood", mood+"\n") }

// hide takes the program away, or brings it back.
func (y *wrappedYARA) hide(hidden bool) {
	y.t.Helper()
	from, to := filepath.Join(y.dir, "program"), filepath.Join(y.dir, "hidden")
	if !hidden {
		from, to = to, from
	}
	if err := os.Rename(from, to); err != nil {
		y.t.Fatal(err)
	}
}

// lines configure it.
func (y *wrappedYARA) lines() string {
	return fmt.Sprintf("[scan.yara]\nrules = [%q]\nprogram = %q\ntimeout = \"1s\"", filepath.Join(y.dir, "test.yar"), filepath.Join(y.dir, "program"))
}
