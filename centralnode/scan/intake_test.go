package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode/scan/engine"
)

// busy fails the test unless err is a *BusyError with a sensible wait.
func busy(t testing.TB, err error) {
	t.Helper()
	var b *BusyError
	if !errors.As(err, &b) || b.Text == "" || b.RetryAfter < time.Second || b.RetryAfter > time.Minute {
		t.Errorf("not refused as busy: %v %+v", err, b)
	}
}

func TestPlacesInFlightAreBoundedInAllAndBySystem(t *testing.T) {
	r := open(t, Config{Limits: Limits{InFlight: 5, InFlightPerSystem: 3}})
	begin := func(system string) *Upload {
		t.Helper()
		u, err := r.Begin(system)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	// What arrives and what waits for its verdict both take a place.
	submitOK(t, r, "a", "1", []byte("x"))
	submitOK(t, r, "a", "2", []byte("y"))
	a := begin("a")
	_, err := r.Begin("a")
	busy(t, err)
	b := begin("b")
	begin("b").Abandon()
	begin("b")
	_, err = r.Begin("b")
	busy(t, err)
	_, err = r.Begin("c")
	busy(t, err)
	a.Abandon()
	a.Abandon()
	c := begin("c")
	_, err = r.Begin("a")
	busy(t, err)
	if err := r.Delete(t.Context(), Key{System: "a", ScanID: "1"}); err != nil {
		t.Fatal(err)
	}
	begin("a").Abandon()
	// A verdict gives its place back too.
	if err := c.Commit(t.Context(), Submission{Key: Key{System: "c"}}); err != nil {
		t.Fatal(err)
	}
	run(t, r)
	within(t, 10*time.Second, "verdicts", func() bool { return r.Waiting("a")+r.Waiting("c") == 0 })
	for range 2 {
		begin("a")
	}
	b.Abandon()
}

func TestQuotaCountsWhatArrivedAndRefusesTheRest(t *testing.T) {
	const kib = 1 << 10
	r := open(t, Config{Limits: Limits{MaxObjectSize: 300 * kib, SpoolQuota: 1000 * kib}})
	piece := make([]byte, 100*kib)
	fill := func(u *Upload) (int, error) {
		for n := 0; ; n++ {
			if _, err := u.Write(piece); err != nil {
				return n, err
			}
		}
	}
	var a []*Upload
	for n := 0; n < 7; { // a system has three quarters
		u, err := r.Begin("a")
		if err != nil {
			t.Fatal(err)
		}
		for range min(3, 7-n) {
			if _, err := u.Write(piece); err != nil {
				t.Fatal(err)
			}
			n++
		}
		a = append(a, u)
	}
	u, err := r.Begin("a")
	if err != nil {
		t.Fatal(err)
	}
	n, err := fill(u)
	busy(t, err)
	if n != 0 {
		t.Errorf("a system has %d bytes over its share", n*len(piece))
	}
	if _, err := u.Write(nil); err == nil {
		t.Error("a refused upload goes on")
	}
	b, err := r.Begin("b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Write(piece); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Write(piece); err == nil {
		t.Fatal("a system with a piece has another of the reserve")
	}
	c, err := r.Begin("c")
	if err != nil {
		t.Fatal(err)
	}
	_, err = fill(c)
	busy(t, err)
	if got := r.Status(t.Context()).SpoolBytes; got != 700*kib {
		t.Errorf("%d bytes are counted", got)
	}
	for _, u := range append(a, b) {
		u.Abandon()
	}
	if got := r.Status(t.Context()).SpoolBytes; got != 0 || len(files(t, r)) > 0 {
		t.Errorf("%d bytes are still counted; files %v", got, files(t, r))
	}
}

func TestScanIDNamesOneObject(t *testing.T) {
	dir := t.TempDir()
	r := open(t, Config{Dir: dir})
	submitOK(t, r, "gate", "s", []byte("one"))
	submitOK(t, r, "gate", "s", []byte("one")) // sent again
	if err := submit(r, "gate", "s", []byte("two")); !errors.Is(err, ErrScanIDTaken) {
		t.Errorf("another object under the same ID: %v", err)
	}
	submitOK(t, r, "other", "s", []byte("two"))
	submitOK(t, r, "gate", "", []byte("two"))
	submitOK(t, r, "gate", "", []byte("two"))
	if got := r.Status(t.Context()); got.Waiting != 4 || got.Uploading != 0 {
		t.Errorf("status: %+v", got)
	}
	if got := r.States("gate", "", false, nil); len(got) != 1 {
		t.Errorf("can be looked up: %+v", got)
	}
	stop := run(t, r)
	within(t, 10*time.Second, "verdicts", func() bool { return r.Waiting("gate")+r.Waiting("other") == 0 })
	submitOK(t, r, "gate", "s", []byte("one"))
	if err := submit(r, "gate", "s", []byte("two")); !errors.Is(err, ErrScanIDTaken) {
		t.Errorf("another object under the same ID, after the verdict: %v", err)
	}
	if n := r.Status(t.Context()).Verdicts[string(NotDetected)]; n != 4 {
		t.Errorf("%d scans of 4 objects", n)
	}
	stop()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = open(t, Config{Dir: dir})
	submitOK(t, r, "gate", "s", []byte("one"))
	if err := submit(r, "gate", "s", []byte("two")); !errors.Is(err, ErrScanIDTaken) {
		t.Errorf("another object under the same ID, after a restart: %v", err)
	}
	if err := r.Delete(t.Context(), Key{System: "gate", ScanID: "s"}); err != nil {
		t.Fatal(err)
	}
	submitOK(t, r, "gate", "s", []byte("two"))
}

func TestSameScanIDAtOnceIsOneScan(t *testing.T) {
	r := open(t, Config{})
	var taken, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			switch err := submit(r, "gate", "s", []byte{byte(i % 2)}); {
			case err == nil:
				taken.Add(1)
			case errors.Is(err, ErrScanIDTaken):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s := r.Status(t.Context()); taken.Load() != 32 || refused.Load() != 32 || s.Waiting != 1 || s.Uploading != 0 {
		t.Errorf("%d taken, %d refused, status %+v", taken.Load(), refused.Load(), s)
	}
}

func TestCommitAfterTheCallerWentAwayTakesNothing(t *testing.T) {
	r := open(t, Config{})
	u, err := r.Begin("gate")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := u.Commit(ctx, Submission{Key: Key{System: "gate", ScanID: "s"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("committed: %v", err)
	}
	if s := r.Status(t.Context()); s.Waiting != 0 || s.Uploading != 0 {
		t.Errorf("status: %+v", s)
	}
}

// TestTricklingUploadsCostLittle keeps 200 uploads open that announced a lot and
// send little.
func TestTricklingUploadsCostLittle(t *testing.T) {
	r := open(t, Config{Limits: Limits{MaxObjectSize: 1 << 30, SpoolQuota: 2 << 30}})
	var uploads []*Upload
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range 200 {
		u, err := r.Begin("gate")
		if err != nil {
			t.Fatal(err)
		}
		uploads = append(uploads, u)
	}
	for range 20_000 / 1000 {
		for _, u := range uploads {
			if n, err := io.Copy(u, io.LimitReader(zeros{}, 1000)); n != 1000 || err != nil {
				t.Fatal(n, err)
			}
		}
	}
	if grown := int64(heap() - before); grown > 4<<20 {
		t.Errorf("200 uploads take %d KiB of memory", grown>>10)
	}
	if got := r.Status(t.Context()).SpoolBytes; got != 200*20_000 {
		t.Errorf("%d bytes are counted", got)
	}
	for _, u := range uploads {
		u.Abandon()
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestOversizedTextsAreRefusedOrCut(t *testing.T) {
	alerts := new(alarms)
	r := open(t, Config{Alerts: alerts})
	run(t, r)
	if err := submit(r, "gate", string(bytes.Repeat([]byte{'x'}, 1<<20)), nil); err == nil {
		t.Error("an ID of a megabyte was taken")
	}
	u, err := r.Begin("gate")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write([]byte("evil")); err != nil {
		t.Fatal(err)
	}
	if err := u.Commit(t.Context(), Submission{Key: Key{System: "gate"}, Name: string(bytes.Repeat([]byte{0xff}, 1<<20))}); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "alert", func() bool { return len(alerts.all()) == 1 })
	if f := alerts.all()[0]; len(f.Name) > maxName {
		t.Errorf("a name of %d bytes", len(f.Name))
	}
}

func TestConfigThatCanNeverWorkIsRefused(t *testing.T) {
	good := Config{Dir: t.TempDir(), Engines: []engine.Engine{reader()}, Alerts: new(alarms)}
	for name, spoil := range map[string]func(*Config){
		"no folder":       func(c *Config) { c.Dir = "" },
		"no engine":       func(c *Config) { c.Engines = nil },
		"no alerts":       func(c *Config) { c.Alerts = nil },
		"negative":        func(c *Config) { c.Limits.Workers = -1 },
		"quota too small": func(c *Config) { c.Limits.SpoolQuota = 1 << 20 },
	} {
		c := good
		spoil(&c)
		if r, err := Open(t.Context(), c); err == nil {
			t.Errorf("%s: taken", name)
			_ = r.Close()
		}
	}
	r := open(t, good)
	if got := fmt.Sprintf("%d %d %d %d", r.Limits().MaxObjectSize, r.Limits().SpoolQuota, r.Limits().InFlight, r.Limits().InFlightPerSystem); got != "104857600 10737418240 4096 1024" {
		t.Errorf("defaults: %s", got)
	}
}
