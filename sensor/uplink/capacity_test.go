package uplink

import (
	"context"
	"errors"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/capacity"
	"vedette/proto/link"
	"vedette/sensor/uplink/uplinktest"
)

func TestALinkThatCarriesAgentsIsTestedBothWays(t *testing.T) {
	certificate := pkitest.Pair(t, pki.KeyECDSAP256)
	type served struct {
		meta link.Meta
		err  error
	}
	tests := make(chan served, 2)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: certificate, Server: there, Serve: func(s *link.Stream) {
		err := capacity.Serve(context.Background(), s, nil)
		_ = s.Close()
		tests <- served{s.Meta(), err}
	}})
	u := run(t, target(n, certificate), options{})
	u.await(acts.LinkAccepted)
	for _, back := range []bool{false, true} {
		r, err := u.Test(t.Context(), capacity.Spec{Duration: time.Second, Rate: 10e6, Back: back}, nil)
		if err != nil || r.Bytes == 0 || r.Rate > 11e6 || r.Back != back {
			t.Errorf("back %v: %+v, %v", back, r, err)
		}
		if got := <-tests; got.err != nil || !got.meta.Measure || got.meta.Address.IsValid() || got.meta.Leaf != nil {
			t.Errorf("the Central Node met %+v", got)
		}
	}
}

func TestWithoutALinkThereIsNoTest(t *testing.T) {
	u := run(t, Target{}, options{})
	if _, err := u.Test(t.Context(), capacity.Spec{}, nil); !errors.Is(err, ErrNotCarrying) {
		t.Errorf("without a Central Node: %v", err)
	}
}

func TestATestThatIsNotMadeLeavesNoStream(t *testing.T) {
	certificate := pkitest.Pair(t, pki.KeyECDSAP256)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: certificate, Server: there, Serve: func(s *link.Stream) {
		if err := capacity.Refuse(context.Background(), s, capacity.RefusedCrowd); err != nil {
			t.Errorf("the Central Node's end: %v", err)
		}
		_ = s.Close()
	}})
	u := run(t, target(n, certificate), options{})
	u.await(acts.LinkAccepted)
	if _, err := u.Test(t.Context(), capacity.Spec{}, nil); !errors.Is(err, capacity.RefusedCrowd) {
		t.Errorf("refused: %v", err)
	}
	if _, err := u.Test(t.Context(), capacity.Spec{Duration: time.Hour}, nil); !errors.Is(err, capacity.ErrSpec) {
		t.Errorf("out of bounds: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := u.Test(gone, capacity.Spec{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits: %v", err)
	}
	poll(t, func() bool { return u.Look().Stats.Streams == 0 })
}
