package uplink

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/link"
	"vedette/sensor/uplink/uplinktest"
)

// among looks every name up as those addresses.
func among(ips ...string) lookup {
	return func(context.Context, string) (found []netip.Addr, _ error) {
		for _, ip := range ips {
			found = append(found, netip.MustParseAddr(ip))
		}
		return found, nil
	}
}

// mute accepts TCP and says nothing.
func mute(t *testing.T, address string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // the kernel accepts
}

func TestAGoodAddressIsFoundBehindOthers(t *testing.T) {
	pair, other := pkitest.Pair(t, pki.KeyECDSAP256), pkitest.Pair(t, pki.KeyECDSAP256)
	for name, first := range map[string]func(t *testing.T, address string){
		"silent":         mute,
		"foreign":        func(t *testing.T, address string) { newImpostor(t, address, other, link.ALPN) },
		"no link":        func(t *testing.T, address string) { newImpostor(t, address, pair, "http/1.1") },
		"nobody listens": func(*testing.T, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there})
			_, port, err := net.SplitHostPort(n.Addr())
			if err != nil {
				t.Fatal(err)
			}
			first(t, net.JoinHostPort("127.0.0.2", port))
			r := run(t, Target{Address: net.JoinHostPort("central.example.org", port), Pin: pair.Fingerprint()},
				options{lookup: among("127.0.0.2", "127.0.0.1")})
			r.until("Accepted, never anything else that a person would act on", func(s State) bool {
				if s.Link == acts.LinkCertificateChanged || s.Next != "" {
					t.Fatalf("the state is %+v", s)
				}
				return s.Link == acts.LinkAccepted
			})
			for _, lane := range r.awaitLanes(4).Lanes {
				if lane.Remote != n.Addr() {
					t.Errorf("lane to %s", lane.Remote)
				}
			}
		})
	}
}

func TestCertificateChangedWhenNoAddressShowsThePinnedOne(t *testing.T) {
	pair, other := pkitest.Pair(t, pki.KeyECDSAP256), pkitest.Pair(t, pki.KeyECDSAP256)
	i := newImpostor(t, "127.0.0.2:0", other, link.ALPN)
	_, port, err := net.SplitHostPort(i.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	mute(t, net.JoinHostPort("127.0.0.1", port))
	times := quick
	times.dial = 2 * time.Second
	r := run(t, Target{Address: net.JoinHostPort("central.example.org", port), Pin: pair.Fingerprint()},
		options{lookup: among("127.0.0.1", "127.0.0.2"), times: times})
	if s := r.await(acts.LinkCertificateChanged); s.Met != other.Fingerprint() {
		t.Errorf("met %s", s.Met)
	}
}

func TestANameHasABoundOfAddresses(t *testing.T) {
	i := newImpostor(t, "127.0.0.2:0", pkitest.Pair(t, pki.KeyECDSAP256), link.ALPN)
	_, port, err := net.SplitHostPort(i.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]int32{0: 0, 1: 1, maxAddresses: maxAddresses, 10 * maxAddresses: maxAddresses} {
		ips := make([]string, n)
		for i := range ips {
			ips[i] = "127.0.0.2"
		}
		var tried atomic.Int32
		check := func(met pki.Fingerprint) error {
			tried.Add(1)
			return pki.PinTo(pki.Fingerprint{1})(met)
		}
		_, err := among(ips...).dial(t.Context(), nil, net.JoinHostPort("central.example.org", port), check, nil)
		var name *net.DNSError
		if err == nil || errors.As(err, &name) != (n == 0) || tried.Load() != want {
			t.Errorf("%d addresses, %d tried: %v", n, tried.Load(), err)
		}
	}
}

func TestAProbeThatIsInterruptedSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Probe(ctx, "127.0.0.2:1")
	var told *ProbeError
	if !errors.As(err, &told) || !errors.Is(err, context.Canceled) || told.Text != "The look at the server at 127.0.0.2:1 was interrupted." {
		t.Errorf("%v", err)
	}
}
