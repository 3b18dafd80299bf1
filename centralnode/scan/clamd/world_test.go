package clamd_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/centralnode/scan/clamd"
	"vedette/centralnode/scan/engine"
)

// daemons are the real clamds that tests have started, by their settings.
var daemons = struct {
	sync.Mutex
	running map[string]*daemon
}{running: make(map[string]*daemon)}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, d := range daemons.running {
		d.end()
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// daemon is a real clamd in a folder of its own.
type daemon struct {
	dir, socket, tcp string
	cmd              *exec.Cmd
	ended            chan struct{}
	log              bytes.Buffer // read it only when ended
}

func (d *daemon) end() {
	_ = d.cmd.Process.Kill() // it may have ended
	<-d.ended
	_ = os.RemoveAll(d.dir)
}

// What the signatures of the tests find.
const (
	marker  = "VEDETTE-CLAMD-TEST-MARKER"
	maxFile = 2 << 20
)

// Settings of clamd: loud reports all that it does not look at; quiet is as
// clamd comes; cutting has different values of MaxFileSize and MaxScanSize.
const (
	loud    = "AlertExceedsMax yes\nAlertEncrypted yes\nMaxFileSize 2M\nMaxScanSize 2M\nStreamMaxLength 3M\nExtendedDetectionInfo yes\n"
	quiet   = "MaxFileSize 2M\nMaxScanSize 2M\nStreamMaxLength 3M\n"
	cutting = "AlertExceedsMax yes\nAlertEncrypted yes\nMaxFileSize 1M\nMaxScanSize 8M\nStreamMaxLength 3M\n"
)

// shared gives the one clamd with these settings.
func shared(t *testing.T, settings string) *daemon {
	t.Helper()
	daemons.Lock()
	defer daemons.Unlock()
	d := daemons.running[settings]
	if d == nil {
		d = start(t, settings)
		daemons.running[settings] = d
	}
	return d
}

func start(t *testing.T, settings string) *daemon {
	t.Helper()
	d := prepare(t)
	d.run(t, settings)
	return d
}

// prepare makes the folder of a clamd that is to be run.
func prepare(t *testing.T) *daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "clamd")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	d := &daemon{dir: dir, socket: filepath.Join(dir, "clamd.sock")}
	d.write(t, "db/test.ndb", fmt.Sprintf("Test.Marker:0:*:%x\n", marker))
	l, err := net.Listen("tcp", "127.0.0.1:0") // clamd takes no port 0
	if err != nil {
		t.Fatal(err)
	}
	d.tcp = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *daemon) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run starts it, at first or after it was killed, and waits until it listens.
func (d *daemon) run(t *testing.T, settings string) {
	t.Helper()
	_, port, _ := net.SplitHostPort(d.tcp)
	config := d.write(t, "clamd.conf", fmt.Sprintf("LocalSocket %s\nTCPSocket %s\nTCPAddr 127.0.0.1\nForeground yes\nUser root\nDatabaseDirectory %s/db\nTemporaryDirectory %s\n%s", d.socket, port, d.dir, d.dir, settings))
	d.cmd, d.ended = exec.Command("clamd", "--config-file", config), make(chan struct{})
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // when this test is killed
	if err := d.cmd.Start(); err != nil {
		t.Fatalf("%v: this test needs ClamAV's daemon (Debian: clamav-daemon)", err)
	}
	go func(cmd *exec.Cmd, ended chan<- struct{}) {
		defer close(ended)
		_ = cmd.Wait() // it is killed
	}(d.cmd, d.ended)
	deadline, tick := time.After(30*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := net.Dial("unix", d.socket); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-d.ended:
			t.Fatalf("clamd ended:\n%s", &d.log)
		case <-deadline:
			d.end()
			t.Fatalf("clamd does not listen:\n%s", &d.log)
		case <-tick.C:
		}
	}
}

func newEngine(t *testing.T, c clamd.Config) *clamd.Engine {
	t.Helper()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.MaxFileSize == 0 {
		c.MaxFileSize = maxFile
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	e, err := clamd.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func object(t *testing.T, content string) engine.Object {
	t.Helper()
	path := filepath.Join(t.TempDir(), "object")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return engine.Object{Path: path, Name: "object", Size: int64(len(content))}
}

func scan(t *testing.T, e *clamd.Engine, content string) engine.Result {
	t.Helper()
	r, err := e.Scan(t.Context(), object(t, content))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fake is a clamd that does to objects what a test wants, and answers all else
// as a loud one does.
type fake struct {
	// version is what it answers when it is asked; nil: something ordinary.
	version func() string
	// answer is for what was read as a whole.
	answer func(object []byte) string
	// early is called before an object is read, and says whether to go on. What it
	// leaves unread stays so.
	early func(conn net.Conn, size uint32) bool

	sessions chan net.Conn // idle ones, when a test wants to end them
}

func (f *fake) listen(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fake") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
				f.serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		running.Wait()
		_ = os.RemoveAll(dir)
	})
	return "unix:" + l.Addr().String()
}

// recognised is how much of an object tells whether it is a probe.
const recognised = 2048

func isProbe(begin []byte) bool { return bytes.Contains(begin, []byte("vedette-probe")) }

func (f *fake) serve(conn net.Conn) {
	in := bufio.NewReaderSize(conn, recognised)
	command, err := in.ReadString(0)
	if err != nil {
		return
	}
	if command == "zVERSION\x00" {
		v := "ClamAV 1.4.6/27451/Sun Nov 15 09:25:00 2026\x00"
		if f.version != nil {
			v = f.version()
		}
		_, _ = io.WriteString(conn, v)
		return
	}
	if command == "zIDSESSION\x00" && f.sessions != nil {
		f.sessions <- conn
	}
	var all []byte
	for {
		var head [4]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		size := binary.BigEndian.Uint32(head[:])
		if size == 0 {
			break
		}
		begin, err := in.Peek(int(min(size, recognised)))
		if err != nil {
			return
		}
		if f.early != nil && !isProbe(begin) && !f.early(conn, size) {
			return
		}
		data := make([]byte, size)
		if _, err := io.ReadFull(in, data); err != nil {
			return
		}
		all = append(all, data...)
	}
	switch {
	case !isProbe(all):
		_, _ = io.WriteString(conn, f.answer(all))
	case bytes.HasPrefix(all, []byte("PK")) && all[6]&1 == 0: // an archive that is not encrypted
		_, _ = io.WriteString(conn, "stream: Heuristics.Limits.Exceeded.MaxRecursion FOUND\x00")
	default:
		_, _ = io.WriteString(conn, "stream: Heuristics.Encrypted.Zip FOUND\x00")
	}
}

// says is a fake that gives one answer to every object.
func says(answer string) *fake { return &fake{answer: func([]byte) string { return answer }} }

func mentions(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not say %q", text, part)
		}
	}
}
