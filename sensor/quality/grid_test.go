package quality

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"vedette/centralnode/reflector"
	"vedette/internal/acts"
	"vedette/scripts/emulink"
	"vedette/scripts/emulink/emulinktest"
)

// stretch is an emulated link with a room at the one end and the Central Node's
// reflector at the other.
type stretch struct {
	loss float64 // of round trips
	trip time.Duration
	seed uint64

	link      *emulink.Link
	before    [2]emulink.Count // there and back, by the validation
	room      *Room
	reflector *reflector.Reflector
	last      map[acts.LimitName]acts.Verdict
	changes   map[acts.LimitName]int
}

func (s *stretch) String() string { return fmt.Sprintf("%g %%, %v", 100*s.loss, s.trip) }

// options are the same both ways, and lose the share of round trips together.
func (s *stretch) options() emulink.Options {
	d := emulink.Direction{Delay: s.trip / 2, Loss: 1 - math.Sqrt(1-s.loss)}
	o := emulink.Options{Forth: d, Back: d}
	o.Forth.Seed, o.Back.Seed = s.seed, s.seed+1
	return o
}

// stretches are all pairs of the documented grid. Nothing else is on a link, so
// a seed decides which packets are lost: these seeds lose what was set, within
// 0.6 points after 45 s and later, and within 1 point in each minute.
func stretches() (all []*stretch) {
	for _, l := range []struct {
		loss float64
		seed uint64
	}{{0, 1}, {0.01, 1}, {0.05, 5}, {0.10, 43}, {0.15, 9}} {
		for _, trip := range []time.Duration{20 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond} {
			all = append(all, &stretch{
				loss: l.loss, trip: trip, seed: l.seed, last: make(map[acts.LimitName]acts.Verdict), changes: make(map[acts.LimitName]int),
			})
		}
	}
	return all
}

// make makes the link, which ends with the test, and what is at its ends.
func (s *stretch) make(t *testing.T) {
	t.Helper()
	l := emulinktest.New(t, emulink.New, s.options())
	s.link = l
	if err := l.B.Do(func() (err error) {
		s.reflector, err = reflector.New(reflector.Config{
			Address: netip.AddrPortFrom(l.B.Address, 443).String(), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	session, key, _ := s.reflector.Add(l.A.Address)
	path := Path{Local: l.A.Address, Reflector: s.reflector.Address().String(), Authenticated: true, Session: session, Key: key}
	s.room = New(t.Context(), Config{
		Path:  func() (Path, string) { return path, "" },
		Lanes: func() []Lane { return nil }, Ingress: func() Ingress { return Ingress{} },
		Copies: func() (copying bool, copied, sent uint64) { return false, 0, 0 }, IngressLimit: acts.MaxIngress,
		Store: &memory{}, Changed: func(acts.Judged, acts.Verdict) {}, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
}

// run measures as Run does, with the socket at the link's end.
func (s *stretch) run(ctx context.Context) error {
	s.room.begin(time.Now())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.reflector.Run(ctx) })
	group.Go(func() error { s.room.keeper.run(ctx); return nil })
	group.Go(func() error {
		return s.link.A.Do(func() error { s.room.probe.read(ctx); return nil })
	})
	group.Go(func() error { s.room.measure(ctx); return nil })
	return group.Wait()
}

// look fails the test when a verdict gets better while the link stays as it is.
func (s *stretch) look(t *testing.T) acts.LinkQuality {
	t.Helper()
	q := s.room.Look()
	for _, j := range q.Limits {
		before := s.last[j.Limit]
		if before.Worse(j.Verdict) {
			t.Errorf("%v: %s went from %s to %s on a link that stays as it is", s, j.Limit, before, j.Verdict)
		}
		if before != "" && before != j.Verdict {
			s.changes[j.Limit]++
		}
		s.last[j.Limit] = j.Verdict
	}
	return q
}

// can are the verdicts that a figure may have, which is such a part of its limit.
// Near a limit more than one is right: a minute has a little more or less.
func can(part float64) []acts.Verdict {
	switch {
	case part < 0.75:
		return []acts.Verdict{acts.VerdictOK}
	case part <= 1.01:
		return []acts.Verdict{acts.VerdictWarning, acts.VerdictExceeded}
	default:
		return []acts.Verdict{acts.VerdictExceeded}
	}
}

// compare holds what is said now against what was set.
func (s *stretch) compare(t *testing.T) {
	t.Helper()
	q := s.look(t)
	f := q.Last(judged)
	t.Logf("%v: %d packets; lost %.2f %%, %.2f %% there, %.2f %% back; p50 %v, p95 %v; %v",
		s, f.Sent, 100*f.Loss(), 100*f.LossTo(), 100*f.LossFrom(), f.RoundTripP50, f.RoundTripP95, s.last)
	if f.Sent < 900 || f.Sent > 1250 {
		t.Errorf("%v: %d packets in a minute", s, f.Sent)
	}
	if off := f.RoundTripP50 - s.trip; off.Abs() > 5*time.Millisecond {
		t.Errorf("%v: a round trip of %v was measured", s, f.RoundTripP50)
	}
	for limit, part := range map[acts.LimitName]float64{
		acts.LimitLoss:  s.loss / acts.MaxLoss,
		acts.LimitDelay: s.trip.Seconds() / acts.MaxDelay.Seconds(),
		acts.LimitJoint: max(s.loss/acts.MaxLoss, s.trip.Seconds()/acts.MaxDelay.Seconds()),
	} {
		right := false
		for _, v := range can(part) {
			right = right || s.last[limit] == v
		}
		if !right {
			t.Errorf("%v: %s is %s, want one of %v", s, limit, s.last[limit], can(part))
		}
	}
}

// validate finds out whether the link is as it was set. Where the machine was
// too busy for all those packets, it is asked again; a link that is wrong stays
// so.
func (s *stretch) validate(ctx context.Context) (err error) {
	for range 3 {
		if err = s.link.Validate(ctx, emulink.Tolerance{Delay: 3 * time.Millisecond}); err == nil {
			return nil
		}
	}
	return err
}

func (s *stretch) counts() ([2]emulink.Count, error) {
	forth, back, err := s.link.Counts()
	return [2]emulink.Count{forth[emulink.UDP], back[emulink.UDP]}, err
}

// account holds all that was measured against what the link itself lost, packet
// by packet: nothing has been lost for long enough to have found all before.
func (s *stretch) account(t *testing.T) {
	t.Helper()
	counted, err := s.counts()
	if err != nil {
		t.Error(err)
	}
	to, from, got := counted[0].Minus(s.before[0]), counted[1].Minus(s.before[1]), s.room.PacketTotals()
	if to.Dropped() != to.Lost || from.Dropped() != from.Lost {
		t.Errorf("%v: the emulation itself dropped packets: %+v, %+v", s, to, from)
	}
	if got.LostTo != to.Lost || got.LostFrom != from.Lost || got.Lost != to.Lost+from.Lost {
		t.Errorf("%v: found %+v; the link lost %d of %d there and %d of %d back", s, got, to.Lost, to.Taken, from.Lost, from.Taken)
	}
}

// hasten puts this process before what else the machine does, until the test
// ends: what waits for a processor here is no delay of a link.
func hasten(t *testing.T) {
	t.Helper()
	threads := func(nice int) {
		all, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range all {
			if id, err := strconv.Atoi(one.Name()); err == nil {
				_ = unix.Setpriority(unix.PRIO_PROCESS, id, nice) // later ones inherit it; one may have ended
			}
		}
	}
	was, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	threads(-20)
	// A thread that was put aside while it has what another one needs to go on in
	// Go's scheduler must not hold that one up.
	processors := runtime.GOMAXPROCS(64)
	t.Cleanup(func() { runtime.GOMAXPROCS(processors); threads(20 - was) }) // as getpriority(2) counts
}

const (
	atOnce = 4 // links that are validated at a time
	steady = judged + 8*time.Second
	// allKnown is longer than it takes to know the fate of a packet.
	allKnown = 5 * time.Second
)

// TestEveryDocumentedLinkIsMeasuredAsItIs has the sender, the reflector and the
// judges at the ends of 15 emulated links, all at once: losses of 0 to 15 % with
// round trips of 20 to 200 ms.
func TestEveryDocumentedLinkIsMeasuredAsItIs(t *testing.T) {
	t.Parallel()
	all := stretches()
	for _, s := range all {
		s.make(t)
	}
	hasten(t)
	ctx, cancel := context.WithCancel(t.Context())
	var running errgroup.Group
	defer func() {
		cancel()
		if err := running.Wait(); err != nil {
			t.Error(err)
		}
	}()
	places := make(chan struct{}, atOnce)
	var each sync.WaitGroup
	for _, s := range all {
		each.Go(func() {
			places <- struct{}{}
			err := s.validate(ctx)
			<-places
			if err == nil {
				s.before, err = s.counts()
			}
			if err != nil {
				t.Errorf("%v: %v", s, err)
				return
			}
			running.Go(func() error { return s.run(ctx) })
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for end := time.Now().Add(steady); time.Now().Before(end); <-tick.C {
				s.look(t)
			}
			s.compare(t)
			set := s.room.PacketTotals()
			if loss := float64(set.Lost) / float64(set.Sent); math.Abs(loss-s.loss) > 0.01 {
				t.Errorf("%v: a loss of %.2f %% was measured", s, 100*loss)
			}
			clean := s.options()
			clean.Forth.Loss, clean.Back.Loss = 0, 0
			if err := s.link.Set(clean); err != nil {
				t.Error(err)
			}
			<-time.After(allKnown)
			s.account(t)
		})
	}
	each.Wait()
}
