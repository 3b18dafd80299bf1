package sensors

import (
	"bytes"
	"encoding/hex"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/kv"
	"vedette/pki"
)

// gate is a Door that knows one Accepted Sensor.
type gate struct {
	Door
	snapshot *trust.Snapshot
}

func (g gate) Trust() *trust.Snapshot { return g.snapshot }

// kept is a Room on a state file, without links.
type kept struct {
	*Room
	kv   *kv.Store
	path string
	id   pki.Fingerprint
	log  bytes.Buffer
}

func openState(t *testing.T, path string) *kv.Store {
	t.Helper()
	s, err := kv.Open(path, kv.Options{Program: store.Program})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// newKept opens a state file; the first time, a Sensor is Accepted in it.
func newKept(t *testing.T, path string) *kept {
	t.Helper()
	k := &kept{kv: openState(t, path), path: path, id: pki.Fingerprint{1, 2, 3}}
	if _, found, err := store.New(k.kv).SensorServer(t.Context(), k.id); err != nil {
		t.Fatal(err)
	} else if !found {
		var c store.Change
		c.PutSensorServer(store.SensorServer{Fingerprint: k.id, State: store.Accepted, Requested: now})
		if err := c.ApplyQuietly(t.Context(), k.kv); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	k.Room, err = New(t.Context(), Config{
		Door: gate{snapshot: new(trust.Snapshot).WithSensor(k.id, trust.Accepted)}, Store: store.New(k.kv),
		Logger: slog.New(slog.NewTextHandler(&k.log, nil)), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// say adds the last minutes of a link.
func (k *kept) say(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []minute
	for i := range n {
		at := uint32(now.Unix()/60) - uint32(i)
		all = append(all, minute{start: at, verdict: 2, sent: at, lost: 3, lostTo: 2, lostFrom: 1, p50: 4, p95: 5, p99: 6, jitter: 7, held: 8,
			segments: 9, retransmitted: 1, deliveryRate: 1 << 40, ingressRate: 11, span: 12})
	}
	k.sensors[k.id].quality.history.add(all)
}

func (k *kept) close(t *testing.T) {
	t.Helper()
	if err := k.kv.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestADayOfALinkSurvivesARestartAndIsWrittenOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	k := newKept(t, path)
	k.say(1440)
	before := k.History(k.id, time.Time{}, time.Time{})
	k.keepHistories(t.Context())
	k.say(1440) // as on the next link
	if again := k.unsaved(); len(again) != 0 {
		t.Errorf("%d slots are written again without a change", len(again))
	}
	k.close(t)
	k = newKept(t, path)
	if after := k.History(k.id, time.Time{}, time.Time{}); len(before) != 1440 || !slices.Equal(before, after) {
		t.Errorf("%d minutes before, %d after", len(before), len(after))
	}
	if k.say(1440); len(k.unsaved()) != 0 || len(k.History(k.id, time.Time{}, time.Time{})) != 1440 {
		t.Error("what the Sensor tells again is doubled, or written again")
	}
}

func TestADeletedSensorTakesItsHistoryAlong(t *testing.T) {
	k := newKept(t, filepath.Join(t.TempDir(), "state.db"))
	k.say(1440)
	k.keepHistories(t.Context())
	k.say(1441)
	late := k.unsaved()
	v, _, err := k.c.Store.SensorServer(t.Context(), k.id)
	if err != nil {
		t.Fatal(err)
	}
	var c store.Change
	c.DeleteSensorServer(v)
	if err := c.ApplyQuietly(t.Context(), k.kv); err != nil {
		t.Fatal(err)
	}
	for _, slots := range [][]store.SensorHistory{late, {{Fingerprint: k.id, Minutes: []byte{1}}}} {
		if err := k.c.Store.SaveSensorHistories(t.Context(), slots); err != nil {
			t.Fatal(err)
		}
	}
	if entries, _, err := k.kv.List(t.Context(), "sensor-"); err != nil || len(entries) != 0 {
		t.Errorf("%d values are left, %v", len(entries), err)
	}
}

func TestAHistoryThatCannotBeReadIsLeftOutAndSaidOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	k := newKept(t, path)
	k.say(30) // all in one hour
	k.keepHistories(t.Context())
	prefix := "sensor-history/" + hex.EncodeToString(k.id[:])
	for slot, raw := range map[string]string{"/01": "\x02later", "/02": "\x01short", "/03": "{", "/04": "\x01" + strings.Repeat("\xff", minuteSize)} {
		if _, err := k.kv.Apply(t.Context(), []kv.Op{{Key: prefix + slot, Value: []byte(raw)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	k.close(t)
	k = newKept(t, path)
	if n := len(k.History(k.id, time.Time{}, time.Time{})); n != 30 {
		t.Errorf("%d minutes, want 30", n)
	}
	if n := strings.Count(k.log.String(), "cannot be read"); n != 1 || !strings.Contains(k.log.String(), "parts=3") {
		t.Errorf("said %d times:\n%s", n, &k.log)
	}
}

func TestAStateFileThatTakesNoWritesLeavesTheHistoryInMemory(t *testing.T) {
	k := newKept(t, filepath.Join(t.TempDir(), "state.db"))
	k.close(t)
	k.say(90)
	for range 3 {
		k.keepHistories(t.Context())
	}
	if n := strings.Count(k.log.String(), "is not kept"); n != 1 || len(k.History(k.id, time.Time{}, time.Time{})) != 90 {
		t.Errorf("said %d times:\n%s", n, &k.log)
	}
	k.kv = openState(t, k.path)
	k.c.Store = store.New(k.kv)
	k.keepHistories(t.Context())
	k.close(t)
	if n := len(newKept(t, k.path).History(k.id, time.Time{}, time.Time{})); n != 90 {
		t.Errorf("%d minutes were kept later, want 90", n)
	}
}

func TestMinutesMayComeWhileHistoriesAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	k := newKept(t, path)
	var telling sync.WaitGroup
	telling.Go(func() {
		for n := range 200 {
			k.say(n)
		}
	})
	for range 20 {
		k.keepHistories(t.Context())
		k.History(k.id, time.Time{}, time.Time{})
	}
	telling.Wait()
	k.keepHistories(t.Context())
	k.close(t)
	if n := len(newKept(t, path).History(k.id, time.Time{}, time.Time{})); n != 199 {
		t.Errorf("%d minutes, want 199", n)
	}
}
