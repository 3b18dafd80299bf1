package eventlog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/internal/disktest"
)

// TestNothingAcknowledgedIsLostByPowerCut stops the file system under load, so
// that everything that was not synced is gone, and mounts it again.
func TestNothingAcknowledgedIsLostByPowerCut(t *testing.T) {
	for _, churn := range []bool{false, true} {
		d := disktest.New(t, filepath.Join(t.TempDir(), "mount"), "2G")
		events, checkpoints := filepath.Join(d.Mount, "events"), filepath.Join(d.Mount, "checkpoints")
		if err := os.Mkdir(checkpoints, 0o700); err != nil {
			t.Fatal(err)
		}
		h := newHarness(t, events, checkpoints, 1<<30, churn)
		h.spec.Scale = 5
		h.kill = func(child *os.Process) {
			if err := d.Cut(); err != nil {
				t.Errorf("cut: %v", err)
			}
			_ = child.Kill()
		}
		h.recovered, h.cutsPower = d.Restart, true
		h.rounds(5)
		t.Logf("5 rounds, churn %v, %d packages acknowledged", churn, h.acked)
	}
}

// TestDyingDiskStopsAcknowledgements lets every write and sync fail with an
// input/output error while the log runs.
func TestDyingDiskStopsAcknowledgements(t *testing.T) {
	d := disktest.New(t, filepath.Join(t.TempDir(), "mount"), "64M")
	l := open(t, Config{Dir: filepath.Join(d.Mount, "events")})
	run(t, l)
	appendOK(t, l, newPackage(1, 1, 1000), Stored)
	if err := d.Cut(); err != nil {
		t.Fatal(err)
	}
	if r, err := l.Append(t.Context(), newPackage(1, 2, 1000)); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("append on a dying disk: %v, %v", r, err)
	}
	within(t, 10*time.Second, "said", func() bool {
		return strings.Contains(l.State().Reason, "reports errors")
	})
	degraded(t, l, "check it")
}
