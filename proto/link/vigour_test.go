package link

import (
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// crowd is a link over a way that loses packets, whose bulk lanes are asked for more than they carry.
func crowd(t *testing.T, rates ...uint64) *bench {
	t.Helper()
	classes := make([]Class, len(rates))
	for i := range classes {
		classes[i] = Bulk
	}
	b := newBench(classes...)
	for i, rate := range rates {
		b.looks[i].Least, b.looks[i].Unsent, b.looks[i].rate = 50*time.Millisecond, 1<<15, rate
	}
	b.end.copying = true
	return b
}

// carry lets a second go by in which a tenth of what each lane sent was lost. It returns the lanes that are to start anew.
func (b *bench) carry() (anew []int) {
	for i := range b.looks {
		k := &b.looks[i]
		k.Segments, k.Retransmitted = k.Segments+1000, k.Retransmitted+100
		k.AckedBytes += 1000
		k.Sending += lookEvery
	}
	b.now += lookEvery
	_, _, slow := b.judge(b.looks, b.now, lookEvery)
	for _, lane := range slow {
		for i := range b.looks {
			if b.looks[i].lane == lane {
				anew = append(anew, i)
			}
		}
	}
	return anew
}

// starts are the seconds after which a lane is to start anew, within a time.
func (b *bench) starts(t *testing.T, lane int, within time.Duration) (at []time.Duration) {
	t.Helper()
	began := b.now
	for b.now-began < within {
		for _, i := range b.carry() {
			if i != lane {
				t.Fatalf("lane %d starts anew, which is not slow", i)
			}
			at = append(at, b.now-began)
		}
	}
	return at
}

func TestALaneFarSlowerThanOthersStartsAnewEverMoreRarely(t *testing.T) {
	b := crowd(t, 50e6, 5e6, 30e6)
	at := b.starts(t, 1, 4*time.Minute)
	if len(at) < 6 || at[0] != slowAfter {
		t.Fatalf("starts anew after %v", at)
	}
	for i, want := 1, leastAnew; i < len(at); i, want = i+1, min(2*want, mostAnew) {
		if pause := at[i] - at[i-1]; pause != want {
			t.Errorf("start %d: %v after the one before, want %v", i, pause, want)
		}
	}
	b.looks[1].rate = 40e6
	if at := b.starts(t, 1, fineTime); len(at) > 0 {
		t.Errorf("starts anew after %v although it has caught up", at)
	}
	b.looks[1].rate = 5e6
	if at := b.starts(t, 1, mostAnew); len(at) < 4 {
		t.Errorf("slow once more, it starts anew after %v", at)
	}
}

func TestLanesThatWereFasterBeforeAPauseStartAnew(t *testing.T) {
	b := crowd(t, 50e6, 40e6)
	b.carry()
	for i := range b.looks {
		b.looks[i].rate = 3e6
	}
	b.carry()
	if anew := b.carry(); len(anew) != 2 {
		t.Errorf("%v start anew", anew)
	}
}

func TestALaneStartsAnewOnlyWhereItCouldCarryMore(t *testing.T) {
	for name, spoil := range map[string]func(b *bench, k *look){
		"all are alike":           func(b *bench, k *look) { b.looks[0].rate = 6e6 },
		"it is half as fast":      func(b *bench, k *look) { k.rate = 25e6 },
		"the other is starting":   func(b *bench, k *look) { b.looks[0].starting = true },
		"it is starting":          func(b *bench, k *look) { k.starting = true },
		"packets wait on the way": func(b *bench, k *look) { k.RTT = k.Least * 5 / 4 },
		"nothing waits to be sent": func(b *bench, k *look) {
			k.Unsent = 0
		},
		"it has nothing to send half of the time": func(b *bench, k *look) { k.Sending -= lookEvery / 2 },
		"its timer has run out":                   func(b *bench, k *look) { k.Backoff = 1 },
		"it is not BBR":                           func(b *bench, k *look) { k.rate = 0 },
		"it leaves":                               func(b *bench, k *look) { k.lane.state.drainDue = true },
		"nothing is lost": func(b *bench, k *look) {
			b.losses, b.end.copying = losses{}, false
			for i := range b.looks {
				b.looks[i].Retransmitted -= 100
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := crowd(t, 50e6, 5e6)
			for range 20 {
				spoil(b, &b.looks[1])
				if anew := b.carry(); len(anew) > 0 {
					t.Fatalf("%v start anew", anew)
				}
			}
		})
	}
}

// TestALaneThatStartsAnewForgetsItsRate is about what the kernel makes of it.
func TestALaneThatStartsAnewForgetsItsRate(t *testing.T) {
	conn, peer := overTCP(t)
	defer func() { _ = errors.Join(conn.Close(), peer.Close()) }() // nothing more is said
	n := &Lane{conn: conn, congestion: tune(conn)}
	if n.congestion != BBR {
		if b := n.bbr(); b != (bbr{}) {
			t.Errorf("%+v of %s", b, n.congestion)
		}
		return // this kernel has none
	}
	data := make([]byte, 1<<20)
	go func() { _, _ = conn.Write(make([]byte, len(data))) }() // what does not come is missed below
	if _, err := io.ReadFull(peer, data); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a megabyte is not acknowledged", func() bool {
		info, ok := n.TCP()
		return ok && info.Unacked == 0 && info.Unsent == 0
	})
	if b := n.bbr(); b.rate == 0 {
		t.Error("no rate after a megabyte")
	}
	if !n.anew() {
		t.Error("it does not come back")
	}
	if b := n.bbr(); b.rate != 0 {
		t.Errorf("it still has a rate: %+v", b)
	}
	var now string
	if err := rawConn(conn).Control(func(fd uintptr) { now, _ = unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION) }); err != nil || now != BBR {
		t.Errorf("the congestion control is %s then: %v", now, err)
	}
}
