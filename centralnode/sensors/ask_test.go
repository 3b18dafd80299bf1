package sensors

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/trust"
	"vedette/internal/budget"
	"vedette/pki"
)

// listsDoor is a door that only knows the lists.
type listsDoor struct {
	Door
	snapshot *trust.Snapshot
}

func (d listsDoor) Trust() *trust.Snapshot { return d.snapshot }

// TestTwoIdentitiesWithOneIDAreNotMixedUp cannot be shown over a link: it
// would take 2^64 keys.
func TestTwoIdentitiesWithOneIDAreNotMixedUp(t *testing.T) {
	known, twin, other := pki.Fingerprint{1, 31: 1}, pki.Fingerprint{1, 31: 2}, pki.Fingerprint{2}
	var logs bytes.Buffer
	r := &Room{
		c:       Config{Door: listsDoor{snapshot: trust.NewSnapshot(trust.Lists{})}, Logger: slog.New(slog.NewTextHandler(&logs, nil))},
		sensors: map[pki.Fingerprint]*sensor{known: {}},
	}
	from := netip.MustParseAddr("192.0.2.1")
	if _, err := r.place(&linked{id: twin}, from); !errors.Is(err, errTwin) || !strings.Contains(logs.String(), known.String()) {
		t.Errorf("the second one: %v, log %s", err, &logs)
	}
	for _, id := range []pki.Fingerprint{known, other} {
		if _, err := r.place(&linked{id: id}, from); err != nil {
			t.Errorf("%v: %v", id, err)
		}
	}
}

func TestOneSubscriberOfIPv6IsOneAddress(t *testing.T) {
	began := time.Now()
	r := &Room{sensors: make(map[pki.Fingerprint]*sensor), yielding: budget.NewRate[struct{}](time.Hour, 1, 1, time.Now)}
	states := make(map[pki.Fingerprint]trust.Request)
	for i := range maxPendingPerAddress {
		id := pki.Fingerprint{byte(i + 1)}
		r.sensors[id] = &sensor{asked: netip.MustParseAddr(fmt.Sprintf("2001:db8::%d:1", i)), since: began.Add(time.Duration(i^5) * time.Second)}
		states[id] = trust.Pending
	}
	r.c.Door = listsDoor{snapshot: trust.NewSnapshot(trust.Lists{Sensors: states})}
	here, other := netip.MustParseAddr("2001:db8::ffff"), netip.MustParseAddr("2001:db8:0:1::ffff")
	if yields, err := r.place(&linked{id: pki.Fingerprint{99}}, other); err != nil || !yields.IsZero() {
		t.Errorf("of another /64: %v, %v", yields, err)
	}
	if yields, err := r.place(&linked{id: pki.Fingerprint{99}}, here); err != nil || yields != (pki.Fingerprint{5 + 1}) {
		t.Errorf("of the same /64: %v, %v; want the oldest to yield", yields, err)
	}
	if _, err := r.place(&linked{id: pki.Fingerprint{99}}, here); !errors.Is(err, errCrowded) {
		t.Errorf("more often than requests yield: %v", err)
	}
}

func TestKernelWithoutBBRIsSaid(t *testing.T) {
	if s := slowLanes([]string{"bbr", "", "bbr"}); s != "" {
		t.Errorf("%q", s)
	}
	if s := slowLanes([]string{"bbr", "cubic"}); !strings.Contains(s, "cubic: modprobe tcp_bbr") {
		t.Errorf("%q", s)
	}
}
