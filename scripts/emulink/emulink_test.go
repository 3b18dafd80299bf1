package emulink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/scripts/emulink/emulinktest"
)

// serving is the argument of the test's binary as a child that serves a link.
const serving = "serve-a-link"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == serving {
		if err := Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// newLink makes a link in this process.
func newLink(t testing.TB, o Options) *Link {
	t.Helper()
	return emulinktest.New(t, New, o)
}

// startLink makes a link in a child.
func startLink(t testing.TB, o Options) *Link {
	t.Helper()
	return emulinktest.New(t, func(o Options) (*Link, error) {
		cmd := exec.Command(os.Args[0], serving)
		cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // or each takes a second to end
		cmd.Stderr = os.Stderr
		return Start(cmd, o)
	}, o)
}

// alike are options that are the same both ways, with seeds of their own.
func alike(d Direction) Options {
	back := d
	d.Seed, back.Seed = 1, 2
	return Options{d, back}
}

// links that tests validate. Delays are one way.
var validated = []Direction{
	{},
	{Delay: 20 * time.Millisecond},
	{Delay: 100 * time.Millisecond, Loss: 0.01},
	{Delay: 20 * time.Millisecond, Loss: 0.05},
	{Delay: 50 * time.Millisecond, Loss: 0.10, Rate: 20e6, Queue: 125e3},
	{Delay: 200 * time.Millisecond, Loss: 0.15},
	{Delay: 20 * time.Millisecond, Loss: 0.10, Burst: 4},
	{Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond},
	{Delay: 20 * time.Millisecond, Rate: 10e6, Queue: 64e3},
	{Delay: 5 * time.Millisecond, MTU: 1280},
}

// atOnce does things beside one another: they wait more than they work.
func atOnce[T any](t *testing.T, all []T, do func(T) error) {
	t.Helper()
	var running sync.WaitGroup
	for _, one := range all {
		running.Go(func() {
			if err := do(one); err != nil {
				t.Errorf("%+v: %v", one, err)
			}
		})
	}
	running.Wait()
}

func TestALinkIsAsItWasSet(t *testing.T) {
	atOnce(t, validated, func(as Direction) error {
		l := startLink(t, alike(Direction{Delay: time.Second, Loss: 0.5}))
		return errors.Join(l.Set(alike(as)), again(func() error { return l.Validate(t.Context(), busy) }))
	})
}

// again tries some times. A machine that does other things holds packets up, and
// lets some go where they have no room; that is another thing each time, and a
// link that is not as it was set is found each time.
func again(do func() error) (err error) {
	for range 4 {
		if err = do(); err == nil {
			return nil
		}
	}
	return err
}

// busy is for tests that share the machine with one another.
var busy = Tolerance{Delay: 5 * time.Millisecond, Rate: 0.1}

func TestALinkCarriesAHundredMegabits(t *testing.T) {
	l := startLink(t, alike(Direction{Delay: 20 * time.Millisecond, Rate: 100e6, Queue: 500e3}))
	if err := again(func() error { return l.Validate(t.Context(), Tolerance{Delay: 3 * time.Millisecond}) }); err != nil {
		t.Error(err)
	}
}

// other wraps a way that is not as the link believes.
type other struct{ way }

func (other) set(Options) error { return nil }

func TestALinkThatIsNotAsItWasSetIsFound(t *testing.T) {
	is := Direction{Delay: 20 * time.Millisecond, Loss: 0.05, Rate: 20e6, Queue: 50e3}
	type lie struct {
		Found string
		lie   func(*Direction)
	}
	atOnce(t, []lie{
		{"the median delay is", func(d *Direction) { d.Delay += 7 * time.Millisecond }},
		{"datagrams were lost", func(d *Direction) { d.Loss = 0.10 }},
		{"Mbit/s, not 26.00", func(d *Direction) { d.Rate = 26e6 }},
		{"at once the queue let", func(d *Direction) { d.Queue = 10e3 }},
		{"bursts of loss had", func(d *Direction) { d.Burst = 3 }},
		{"with one byte more", func(d *Direction) { d.MTU = 1300 }},
	}, func(c lie) error {
		l := startLink(t, alike(is))
		l.way = other{l.way}
		believed := is
		c.lie(&believed)
		if err := l.Set(alike(believed)); err != nil {
			return err
		}
		return again(func() error {
			if err := l.Validate(t.Context(), busy); err == nil || !strings.Contains(err.Error(), c.Found) {
				return fmt.Errorf("it is found that: %v", err)
			}
			return nil
		})
	})
}

func TestCountersSayWhatHappened(t *testing.T) {
	l := newLink(t, alike(Direction{Delay: 5 * time.Millisecond, Loss: 0.2, MTU: 1000}))
	p, err := newPath(t.Context(), l.A, l.B)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	as := l.Options().Forth
	got, err := p.send(t.Context(), 500, 1000, 100*time.Microsecond, as)
	if err != nil {
		t.Fatal(err)
	}
	large, err := p.send(t.Context(), 1100, 7, time.Millisecond, as)
	if err != nil {
		t.Fatal(err)
	}
	forth, back, err := l.Counts()
	if err != nil {
		t.Fatal(err)
	}
	came := uint64(len(got.delays))
	want := Count{Taken: 1007, Delivered: came, Bytes: 500 * came, Lost: 1000 - came, TooLarge: 7}
	if forth[UDP] != want || len(large.delays) != 0 || came == 0 || came == 1000 {
		t.Errorf("%d came: %+v, want %+v", came, forth[UDP], want)
	}
	if n := back.All(); n.Taken != 0 {
		t.Errorf("nothing was sent back, and %+v came", n)
	}
}

func TestTheSameSeedLosesTheSamePackets(t *testing.T) {
	lost := func(seed uint64, burst float64) string {
		r, l := rand.New(rand.NewPCG(seed, 0)), newLoss(0.1, burst)
		var b strings.Builder
		for range 400 {
			b.WriteByte("._"[map[bool]int{true: 1}[l.next(r)]])
		}
		return b.String()
	}
	for _, burst := range []float64{0, 4} {
		if a, b := lost(1, burst), lost(1, burst); a != b {
			t.Errorf("one seed, two sequences:\n%s\n%s", a, b)
		}
		if a, b := lost(1, burst), lost(2, burst); a == b {
			t.Errorf("two seeds, one sequence:\n%s", a)
		}
	}
}

func TestTCPCrossesALossyLink(t *testing.T) {
	l := newLink(t, alike(Direction{Delay: 5 * time.Millisecond, Loss: 0.02, Rate: 100e6, Queue: 200e3}))
	door, err := l.B.Listen("tcp", net.JoinHostPort(l.B.Address.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	const size = 2 << 20
	came := make(chan error, 1)
	go func() {
		c, err := door.Accept()
		if err == nil {
			var n int64
			if n, err = io.Copy(io.Discard, c); err == nil && n != size {
				err = fmt.Errorf("%d bytes came", n)
			}
			err = errors.Join(err, c.Close())
		}
		came <- err
	}()
	c, err := l.A.DialContext(t.Context(), "tcp", door.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-came; err != nil {
		t.Fatal(err)
	}
	forth, _, err := l.Counts()
	if err != nil || forth[TCP].Bytes < size || forth[TCP].Lost == 0 {
		t.Errorf("%+v, %v", forth[TCP], err)
	}
}

func TestTheKernelSaysWhichCongestionControlIsInForce(t *testing.T) {
	l := newLink(t, Options{})
	door, err := l.B.Listen("tcp", net.JoinHostPort(l.B.Address.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	for _, control := range []string{"cubic", "reno"} {
		for _, n := range []*Namespace{l.A, l.B} {
			if err := n.Congestion(control); err != nil {
				t.Fatal(err)
			}
		}
		c, err := l.A.DialContext(t.Context(), "tcp", door.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		taken, err := door.Accept()
		if err != nil {
			t.Fatal(err)
		}
		for n, conn := range map[*Namespace]net.Conn{l.A: c, l.B: taken} {
			all, err := n.Connections(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, s := range all {
				found = found || s.Congestion == control && s.Local.String() == conn.LocalAddr().String()
			}
			if !found {
				t.Errorf("%s: no %s in %+v", n.Name, control, all)
			}
		}
		if err := errors.Join(c.Close(), taken.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatAKilledProcessLeftIsRemoved(t *testing.T) {
	first := newLink(t, Options{}) // also says whether this test can be
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	left, _ := pairOf(maxLinks-1, gone.Process.Pid)
	if err := left.make(); err != nil {
		t.Fatal(err)
	}
	second := newLink(t, Options{})
	if _, err := os.Stat(left.path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", left.Name, err)
	}
	if first.A.Address == second.A.Address {
		t.Errorf("two links have the address %s", first.A.Address)
	}
	for _, n := range []*Namespace{first.A, first.B, second.A, second.B} {
		if _, err := os.Stat(n.path()); err != nil {
			t.Errorf("a namespace in use is gone: %v", err)
		}
	}
}

func TestACommandRunsInItsNamespace(t *testing.T) {
	l := newLink(t, Options{})
	out, err := l.A.Command(t.Context(), "ip", "-brief", "address", "show", "dev", device).CombinedOutput()
	if err != nil || !strings.Contains(string(out), l.A.Address.String()) {
		t.Errorf("%s, %v", out, err)
	}
}

func TestWhatCannotBeEmulatedIsRefused(t *testing.T) {
	for _, d := range []Direction{
		{Loss: 1}, {Loss: -0.1}, {Delay: -1}, {Rate: 1e6}, {Rate: 1e6, Queue: 100}, {Queue: 5000}, {Burst: -1}, {Loss: 0.9, Burst: 2}, {MTU: -1}, {Delay: time.Hour},
	} {
		if err := d.check(); err == nil {
			t.Errorf("%+v", d)
		}
	}
}

func TestPacketsArriveInTheOrderOfTheirTime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var u underway
	var last time.Duration
	for i := range 2000 {
		if r.IntN(3) > 0 || u.held == 0 {
			u.put(packet{due: last + time.Duration(r.IntN(500)), bytes: u.buffer()})
		} else {
			if p := u.next(); p.due < last {
				t.Fatalf("step %d: %v after %v", i, p.due, last)
			} else {
				last = p.due
			}
			u.drop()
		}
	}
	if n := testing.AllocsPerRun(1000, func() {
		u.put(packet{due: last, bytes: u.buffer()})
		u.drop()
	}); n != 0 {
		t.Errorf("%v allocations for each packet", n)
	}
}
