package clamd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode/scan/clamd"
	"vedette/centralnode/scan/engine"
)

func TestAnythingButAClearAnswerIsAnError(t *testing.T) {
	echo := &fake{answer: func(object []byte) string { return string(object) }}
	e := newEngine(t, clamd.Config{Address: echo.listen(t)})
	if r := scan(t, e, "stream: OK\x00"); r.Skipped != "" || len(r.Detections) != 0 {
		t.Fatalf("%+v", r)
	}
	for _, answer := range []string{
		"", "\x00", "OK\x00", "stream: OK", "stream: O", "stream:  FOUND\x00", "stream: FOUND\x00", "stream: Test.Marker FOUN",
		"stream: OK\x00rubbish\x00", "stream: OK\x00\x00", "rubbish\n\x1b[2J\x00", "stream: Can't allocate memory ERROR\x00",
		"UNKNOWN COMMAND\x00", "COMMAND READ TIMED OUT\x00", strings.Repeat("stream: OK\x00", 10000),
		"stream: OK\x00stream: lost ERROR\x00", "<html>\x00",
	} {
		r, err := e.Scan(t.Context(), object(t, answer))
		if err == nil {
			t.Errorf("%.40q gave %+v", answer, r)
		} else if len(err.Error()) > 500 || strings.ContainsAny(err.Error(), "\x1b\n\x00") || errors.Is(err, engine.ErrTimeout) {
			t.Errorf("%.40q gave %q", answer, err)
		}
	}
}

func TestSlowAndStuckClamdTimesOut(t *testing.T) {
	hang := func(conn net.Conn, _ uint32) bool {
		_, _ = conn.Read(make([]byte, 1)) // one byte, then nothing
		<-ended(conn)
		return false
	}
	for what, f := range map[string]*fake{
		"never reads": {early: hang},
		"never answers": {answer: func([]byte) string { return "" }, early: func(conn net.Conn, _ uint32) bool {
			_, _ = io.Copy(io.Discard, conn)
			return false
		}},
		"answers and stays": {early: func(conn net.Conn, _ uint32) bool {
			_, _ = io.WriteString(conn, "stream: OK\x00")
			<-ended(conn)
			return false
		}},
		"half an answer and stays": {early: func(conn net.Conn, _ uint32) bool {
			_, _ = io.WriteString(conn, "stream: O")
			<-ended(conn)
			return false
		}},
	} {
		e := newEngine(t, clamd.Config{Address: f.listen(t)})
		for _, content := range []string{"nothing", strings.Repeat("a", 8<<20)} {
			o := object(t, content)
			e.Health(t.Context()) // so that only the object meets the deadline
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			r, err := e.Scan(ctx, o)
			cancel()
			if !errors.Is(err, engine.ErrTimeout) || time.Since(began) > 10*time.Second {
				t.Errorf("%s, %d bytes: %+v, %v after %s", what, len(content), r, err, time.Since(began))
			}
		}
	}
}

// ended is closed when the other side has closed, or will be by the test's end.
func ended(conn net.Conn) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, conn)
	}()
	return done
}

func TestClamdThatIsNotThereOrDiesGivesAnErrorAtOnce(t *testing.T) {
	e := newEngine(t, clamd.Config{Address: t.TempDir() + "/none"})
	if _, err := e.Scan(t.Context(), object(t, "nothing")); err == nil || errors.Is(err, engine.ErrTimeout) {
		t.Error(err)
	}
	mentions(t, e.Health(t.Context()).Trouble, "cannot be asked", "check that it runs")

	dies := &fake{early: func(net.Conn, uint32) bool { return false }}
	e = newEngine(t, clamd.Config{Address: dies.listen(t)})
	for _, content := range []string{"nothing", strings.Repeat("a", 8<<20)} {
		if r, err := e.Scan(t.Context(), object(t, content)); err == nil || errors.Is(err, engine.ErrTimeout) {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// An answer that comes before the whole object was sent: a refusal counts, a
// blessing does not.
func TestAnswerInTheMiddleOfAnObject(t *testing.T) {
	early := func(answer string) *fake {
		return &fake{early: func(conn net.Conn, _ uint32) bool {
			_, _ = io.WriteString(conn, answer)
			return false
		}}
	}
	big := strings.Repeat("a", 8<<20)
	e := newEngine(t, clamd.Config{Address: early("INSTREAM size limit exceeded. ERROR\x00").listen(t)})
	mentions(t, scan(t, e, big).Skipped, "StreamMaxLength", "8388608")
	e = newEngine(t, clamd.Config{Address: early("stream: OK\x00").listen(t)})
	if r, err := e.Scan(t.Context(), object(t, big)); err == nil {
		t.Errorf("%+v", r)
	}
	e = newEngine(t, clamd.Config{Address: early("stream: Bad FOUND\x00").listen(t)})
	if r := scan(t, e, big); len(r.Detections) != 1 {
		t.Errorf("%+v", r)
	}
}

// A peer that has answered and is not closed yet is not written to for long.
func TestNothingIsWrittenBehindAnAnswer(t *testing.T) {
	release := make(chan struct{})
	f := &fake{early: func(conn net.Conn, _ uint32) bool {
		_, _ = io.WriteString(conn, "INSTREAM size limit exceeded. ERROR\x00")
		_ = conn.(*net.UnixConn).CloseWrite()
		<-release // and reads nothing
		return false
	}}
	e := newEngine(t, clamd.Config{Address: f.listen(t)})
	began := time.Now()
	mentions(t, scan(t, e, strings.Repeat("a", 8<<20)).Skipped, "StreamMaxLength")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	close(release)
}

func TestNamesAreBoundedAndEachIsGivenOnce(t *testing.T) {
	long := strings.Repeat("n", 5000)
	e := newEngine(t, clamd.Config{Address: says("stream: A FOUND\x00stream: A FOUND\x00stream: PUA.B FOUND\x00stream: Heuristics.Broken.Executable FOUND\x00stream: Heuristics.Limits.Exceeded.MaxFiles FOUND\x00stream: " + long + " FOUND\x00").listen(t)})
	r := scan(t, e, "nothing")
	want := []engine.Detection{{Name: "A", Importance: engine.High}, {Name: "PUA.B", Importance: engine.Low}, {Name: "Heuristics.Broken.Executable", Importance: engine.Medium}}
	if len(r.Detections) != 4 || len(r.Detections[3].Name) > 128 {
		t.Fatalf("%+v", r.Detections)
	}
	for i, d := range want {
		if r.Detections[i] != d {
			t.Errorf("%+v, want %+v", r.Detections[i], d)
		}
	}
	mentions(t, r.Skipped, "MaxFiles in clamd.conf")
	e = newEngine(t, clamd.Config{Address: says("stream: Heuristics.Limits.Exceeded.EmailHeaders FOUND\x00").listen(t)})
	mentions(t, scan(t, e, "nothing").Skipped, "a limit of its own", "EmailHeaders")

	var many strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&many, "stream: N%d FOUND\x00", i)
	}
	e = newEngine(t, clamd.Config{Address: says(many.String()).listen(t)})
	if r := scan(t, e, "nothing"); len(r.Detections) != 64 {
		t.Errorf("%d names", len(r.Detections))
	}
}

func TestVersionOfTheDatabaseIsTold(t *testing.T) {
	zone := time.FixedZone("far", 3*3600)
	now := func() time.Time { return time.Now().In(zone) }
	for text, want := range map[string]engine.Result{
		"ClamAV 1.4.6/27451/Sun Nov 15 09:25:00 2026\x00": {RuleSet: "27451", DataBaseVersion: 202611150625},
		"ClamAV 1.4.6/27451/Sun Nov  1 01:05:00 2026\x00": {RuleSet: "27451", DataBaseVersion: 202610312205},
		"ClamAV 1.4.6/27451/once\x00":                     {RuleSet: "27451"},
		"ClamAV 1.4.6\x00":                                {},
		"ClamAV 1.4.6/many/Sun\x00":                       {},
	} {
		f := says("stream: OK\x00")
		f.version = func() string { return text }
		e := newEngine(t, clamd.Config{Address: f.listen(t), Now: now})
		if r := scan(t, e, "nothing"); r.RuleSet != want.RuleSet || r.DataBaseVersion != want.DataBaseVersion || r.Skipped != "" {
			t.Errorf("%q: %+v", text, r)
		}
		if h := e.Health(t.Context()); h.Version != "ClamAV 1.4.6" || h.RuleSet != want.RuleSet {
			t.Errorf("%q: %+v", text, h)
		}
	}
	for _, text := range []string{"", "\x00", "220 smtp ready\x00", "ClamAV \x1b[2J\x00", "ClamAV " + strings.Repeat("1", 5000) + "\x00", "ClamAV 1.4.6"} {
		f := says("stream: OK\x00")
		f.version = func() string { return text }
		e := newEngine(t, clamd.Config{Address: f.listen(t)})
		if r, err := e.Scan(t.Context(), object(t, "nothing")); err == nil {
			t.Errorf("%q: %+v", text, r)
		}
	}
}

func TestClamdThatFailsAtEveryObjectIsNotCalledWell(t *testing.T) {
	f := &fake{answer: func(object []byte) string {
		if string(object) == "fail" {
			return "stream: no idea ERROR\x00"
		}
		return "stream: OK\x00"
	}}
	e := newEngine(t, clamd.Config{Address: f.listen(t)})
	for range 2 {
		for i := range 3 {
			if h := e.Health(t.Context()); h.Trouble != "" {
				t.Errorf("after %d failures: %q", i, h.Trouble)
			}
			if r, err := e.Scan(t.Context(), object(t, "fail")); err == nil {
				t.Errorf("%+v", r)
			}
		}
		mentions(t, e.Health(t.Context()).Trouble, "the last 3 objects got no verdict", "no idea", "see its log")
		scan(t, e, "nothing") // which is what mends it
	}
}

func TestCancelledScanReturnsAndSaysSo(t *testing.T) {
	started := make(chan struct{})
	f := &fake{early: func(conn net.Conn, _ uint32) bool {
		close(started)
		<-ended(conn)
		return false
	}}
	e := newEngine(t, clamd.Config{Address: f.listen(t)})
	ctx, cancel := context.WithCancel(t.Context())
	o := object(t, strings.Repeat("a", 8<<20))
	done := make(chan error, 1)
	go func() {
		_, err := e.Scan(ctx, o)
		done <- err
	}()
	<-started
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What is known of clamd is asked for once, not for each object; and again when
// a connection failed or it is old.
func TestSettingsAreAskedForNowAndThen(t *testing.T) {
	var asked, objects atomic.Int64
	var clock atomic.Int64
	slow := make(chan struct{})
	defer close(slow)
	f := &fake{answer: func(o []byte) string {
		switch string(o) {
		case "break":
			return ""
		case "slow":
			<-slow
			return ""
		}
		objects.Add(1)
		return "stream: OK\x00"
	}}
	var database atomic.Int64
	f.version = func() string {
		if database.Load() < 0 {
			return "starting\x00"
		}
		return fmt.Sprintf("ClamAV 1.4.6/%d/Sun Nov 15 09:25:00 2026\x00", database.Load())
	}
	inner := f.listen(t)
	// A relay in front of the fake counts connections.
	relay := relayTo(t, strings.TrimPrefix(inner, "unix:"), &asked)
	e := newEngine(t, clamd.Config{Address: relay, Now: func() time.Time { return time.Unix(1e9+clock.Load(), 0) }})

	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { scan(t, e, "nothing") })
	}
	all.Wait()
	const full, light = 10, 9 // the watch, the version and eight probes; a young check leaves the largest out
	if n := asked.Load() - objects.Load(); n != full {
		t.Errorf("%d questions for 20 objects, want %d", n, full)
	}
	expect := func(what string, questions int64) {
		t.Helper()
		before := asked.Load()
		scan(t, e, "nothing")
		if n := asked.Load() - before - 1; n != questions {
			t.Errorf("%s: %d questions, want %d", what, n, questions)
		}
	}
	expect("at once", 0)
	clock.Add(11)
	expect("after 11 s", light)
	clock.Add(3601)
	expect("after an hour", full)
	database.Add(1)
	expect("at once, for the database is not looked at", 0)
	clock.Add(11)
	expect("with another database", full)
	if _, err := e.Scan(t.Context(), object(t, "break")); err == nil {
		t.Error("no error")
	}
	expect("after a failure", full)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := e.Scan(ctx, object(t, "slow")); !errors.Is(err, engine.ErrTimeout) {
		t.Error(err)
	}
	expect("after a timeout", light)
	clock.Add(11)
	database.Store(-1)
	if _, err := e.Scan(t.Context(), object(t, "nothing")); err == nil {
		t.Error("no error")
	}
	database.Store(1)
	expect("after a check that failed", full)
	clock.Add(-5)
	expect("after the clock was set back", full)
}

// relayTo passes connections on to a socket and counts them.
func relayTo(t *testing.T, socket string, count *atomic.Int64) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			out, err := net.Dial("unix", socket)
			if err != nil {
				_ = in.Close()
				continue
			}
			running.Go(func() {
				_, _ = io.Copy(out, in)
				_ = out.Close()
			})
			running.Go(func() {
				_, _ = io.Copy(in, out)
				_ = in.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return "tcp://" + l.Addr().String()
}

func TestAddressIsReadStrictly(t *testing.T) {
	for _, good := range []string{"unix:/run/clamav/clamd.ctl", "/run/clamav/clamd.ctl", "unix:///run/clamd", "tcp://127.0.0.1:3310", "localhost:3310", "[::1]:3310", "tcp://scan-1.example:1", "10.0.0.1:65535"} {
		if _, err := clamd.New(clamd.Config{Address: good}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "unix:", "unix:run/clamd", "unix:/a\x00b", "/" + strings.Repeat("a", 107), "localhost", "localhost:", ":3310", "tcp://:3310", "localhost:0", "localhost:65536", "localhost:+1", "localhost:01", "localhost:http", "http://localhost:3310", "tcp:localhost:3310", "a b:1", "-a:1", "host/x:1", "tcp://tcp://a:1", "::1:3310", " /run/clamd"} {
		if _, err := clamd.New(clamd.Config{Address: bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	for _, c := range []clamd.Config{{Address: "/s", MaxFileSize: -1}, {Address: "/s", MaxFileSize: 2 << 30}, {Address: "/s", Timeout: -1}} {
		if _, err := clamd.New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
