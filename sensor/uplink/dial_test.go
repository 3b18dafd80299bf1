package uplink

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/link"
	"vedette/sensor/uplink/uplinktest"
)

// localhost stands for both loopback addresses, of which only one may answer.
func TestEveryFormOfAnAddressIsDialled(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	for name, c := range map[string]struct{ listen, host string }{
		"IPv4":                {"127.0.0.1:0", "127.0.0.1"},
		"IPv6":                {"[::1]:0", "::1"},
		"name with two kinds": {"127.0.0.1:0", "localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			n := uplinktest.Listen(t, uplinktest.Options{Address: c.listen, Certificate: pair, Server: there})
			_, port, err := net.SplitHostPort(n.Addr())
			if err != nil {
				t.Fatal(err)
			}
			r := run(t, Target{Address: net.JoinHostPort(c.host, port), Pin: pair.Fingerprint()}, options{})
			r.await(acts.LinkAccepted)
			for _, lane := range r.awaitLanes(4).Lanes {
				if lane.Remote != n.Addr() {
					t.Errorf("lane to %s", lane.Remote)
				}
			}
		})
	}
}

func TestLaneIsNotReplacedByOneOfAnotherServer(t *testing.T) {
	pair, other := pkitest.Pair(t, pki.KeyECDSAP256), pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	front := newRelay(t, n.Addr())
	to := target(n, pair)
	to.Address = front.listener.Addr().String()
	r := run(t, to, options{})
	state := r.await(acts.LinkAccepted)
	r.awaitLanes(4)
	poll(t, func() bool { return front.count() == 4 })
	i := newImpostor(t, "127.0.0.1:0", other, link.ALPN)
	front.point(i.listener.Addr().String())
	front.cutOne()
	poll(t, func() bool {
		return strings.Contains(strings.Join(r.Look().Warnings, " "), "shows another certificate")
	})
	r.ask() // the other lanes carry on
	if now := r.State(); now != state {
		t.Errorf("state went from %+v to %+v", state, now)
	}
	r.stop()
	i.close()
	if i.told.Load() != 0 || i.shown.Load() != 0 {
		t.Errorf("%d bytes and %d identities were sent to another server", i.told.Load(), i.shown.Load())
	}
}

func TestWaitsGrowToTheirBound(t *testing.T) {
	b := usualTimings.link
	for n, most := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		most *= time.Millisecond
		for range 100 {
			if d := b.wait(n); d < most/2 || d > most {
				t.Fatalf("wait %d is %v, bound is %v", n, d, most)
			}
		}
	}
	if d := b.wait(1 << 40); d > b.most {
		t.Errorf("waits %v", d)
	}
	for range 100 {
		if d := later(30 * time.Second); d < 30*time.Second || d > 38*time.Second {
			t.Fatalf("waits %v", d)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	pause(ctx, time.Hour)
}

func TestLinkThatCarriedForAWhileStartsTheBackoffAnew(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
	times := quick
	times.link, times.carried = backoff{time.Millisecond, time.Hour}, 1
	r := run(t, target(n, pair), options{times: times})
	for range 18 { // without it the last wait would be two minutes
		s := n.Sensor()
		r.await(acts.LinkAccepted)
		s.Link.Close(link.CodeShutdown, "")
	}
}

func TestEndsThatTakeAPersonAreNotAskedAboutSoon(t *testing.T) {
	for err, want := range map[error]time.Duration{
		&pki.PinMismatch{}: 5 * time.Second,
		errNoLink:          5 * time.Second,
		&link.Error{Code: link.CodeDuplicate, Remote: true}: 5 * time.Second,
		&link.Error{Code: 258, Remote: true}:                5 * time.Second,  // deleted
		&link.Error{Code: 260, Remote: true}:                30 * time.Second, // stranger
		&link.Error{Code: link.CodeShutdown, Remote: true}:  0,
		&link.Error{Code: link.CodeLost}:                    0,
		errTimeout:                                          0,
	} {
		if d := usualTimings.least(err); d < want || d > want+want/4 {
			t.Errorf("%v: waits %v, want %v", err, d, want)
		}
	}
}
