package uplink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/link"
	"vedette/scripts/emulink"
	"vedette/sensor/uplink/uplinktest"
)

const there1 = "192.0.2.1:443"

func TestSmallSegmentsAreRememberedAndTheFullSizeIsTriedAgain(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	w := newWays(func() time.Time { return now })
	if w.passed(there1, 0); w.first(there1) != 0 || w.size(there1) != 0 || w.due(there1) {
		t.Error("an unknown way is bound")
	}
	wait := retrySize
	for range 7 {
		w.passed(there1, 1)
		if w.first(there1) != 1 || w.size(there1) != 1220 {
			t.Fatalf("begins with step %d, size %d", w.first(there1), w.size(there1))
		}
		now = now.Add(wait - time.Second)
		if w.passed(there1, 1); w.due(there1) {
			t.Fatalf("the full size is tried before %v", wait)
		}
		now = now.Add(time.Second)
		if !w.due(there1) || w.first(there1) != 0 {
			t.Fatalf("the full size is not tried after %v", wait)
		}
		wait = min(2*wait, retryMost)
	}
	if w.passed(there1, 0); w.size(there1) != 0 || w.due(there1) {
		t.Error("the way is still bound after the full size passed")
	}
	for i := range 10 * maxWays {
		w.passed(fmt.Sprint(i), 2)
	}
	if len(w.known) > maxWays {
		t.Errorf("%d ways are remembered", len(w.known))
	}
	var none *ways
	if none.passed(there1, 1); none.first(there1) != 0 || none.size(there1) != 0 {
		t.Error("the nil ways remembers")
	}
}

func TestALaneThatNeverCarriedLargeSegmentsMakesThemSmaller(t *testing.T) {
	w := newWays(time.Now)
	full := link.TCP{SegmentSize: 1448, SentBytes: 40_000, RetransmittedBytes: 8000, AckedBytes: 3000, Unacked: 20}
	much, small := full, full
	much.AckedBytes, much.SentBytes = littleCarried+1, 1<<20
	small.SentBytes = small.AckedBytes + small.RetransmittedBytes + 300
	w.stuck(there1, much)
	w.stuck(there1, small)
	if w.size(there1) != 0 {
		t.Fatal("a lane that had carried large segments, or had none under way, is taken for a sign")
	}
	for range 3 { // all four lanes say the same
		if w.stuck(there1, full); w.size(there1) != 1220 {
			t.Fatalf("segments of %d", w.size(there1))
		}
	}
	full.SegmentSize = 1208
	for range 3 {
		if w.stuck(there1, full); w.size(there1) != 536 {
			t.Fatalf("segments of %d", w.size(there1))
		}
	}
}

// farEnv names the far end of an emulated way in the process at its near end.
const farEnv = "VEDETTE_TEST_FAR"

// nearEnd runs the rest of a test in a process at the near end of an emulated
// way, and returns the far end there; elsewhere nil.
func nearEnd(t *testing.T, way emulink.Options) *emulink.Namespace {
	t.Helper()
	if far := os.Getenv(farEnv); far != "" {
		name, address, _ := strings.Cut(far, " ")
		return &emulink.Namespace{Name: name, Address: netip.MustParseAddr(address)}
	}
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("network namespaces need root")
		}
		t.Skip("network namespaces need root")
	}
	l, err := emulink.New(way)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := l.A.Command(ctx, os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v")
	cmd.Env = append(os.Environ(), farEnv+"="+l.B.Name+" "+l.B.Address.String())
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("%v\n%s", err, out)
	}
	return nil
}

func TestALinkComesAboutWhereLargePacketsVanish(t *testing.T) {
	clean := emulink.Direction{Delay: 5 * time.Millisecond}
	hole := emulink.Direction{Delay: 5 * time.Millisecond, MTU: 1400}
	for name, way := range map[string]emulink.Options{
		"forth": {Forth: hole, Back: clean},
		"back":  {Forth: clean, Back: hole},
	} {
		t.Run(name, func(t *testing.T) {
			far := nearEnd(t, way)
			if far == nil {
				return
			}
			pair := pkitest.Pair(t, pki.KeyECDSAP256)
			var n *uplinktest.CentralNode
			if err := far.Do(func() error {
				n = uplinktest.Listen(t, uplinktest.Options{Address: far.Address.String() + ":443", Certificate: pair, Server: there})
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			times := quick
			times.dial = usualTimings.dial
			began := time.Now()
			r := run(t, target(n, pair), options{times: times})
			r.await(acts.LinkAccepted)
			look := r.awaitLanes(places)
			t.Logf("complete after %v", time.Since(began))
			if warned := strings.Join(look.Warnings, " "); !strings.Contains(warned, "at most 1220 bytes") || !strings.Contains(warned, "MTU") {
				t.Errorf("warnings %q", look.Warnings)
			}
			stream, err := r.Open(t.Context(), meta)
			if err != nil {
				t.Fatal(err)
			}
			block, done := bytes.Repeat([]byte("0123456789abcdef"), 1<<16), make(chan error, 1)
			go func() {
				_, err := stream.Write(block)
				done <- errors.Join(err, stream.CloseWrite())
			}()
			var back bytes.Buffer
			_, err = back.ReadFrom(stream)
			if err := errors.Join(err, <-done, stream.Close()); err != nil || !bytes.Equal(back.Bytes(), block) {
				t.Errorf("%d of %d bytes came back: %v", back.Len(), len(block), err)
			}
		})
	}
}
