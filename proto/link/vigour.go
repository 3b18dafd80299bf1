package link

import (
	"time"

	"golang.org/x/sys/unix"
)

// BBR may settle for a small part of what a way carries that loses packets: it takes losses for the end of the way, or
// what streams could send when they began for all that there is, and then takes some 20 s to find the rest. A bulk lane
// whose rate is slowShare of what the fastest had of late, or less, starts its congestion control anew after slowAfter,
// if it is asked for more and nothing waits on the way; that finds the rate in a second or two. Where it does not help, it is
// done ever more rarely, until the lane was not slow for fineTime.
const (
	slowShare    = 0.25
	lately       = 10 * time.Minute // in which what counts of a rate halves
	slowAfter    = 2 * lookEvery
	leastAnew    = 5 * time.Second // between two starts of a lane
	mostAnew     = 80 * time.Second
	fineTime     = 10 * time.Second
	askedShare   = 0.8 // of the time: the lane has something to send
	waitingShare = 8   // packets wait on the way when the round trip is longer than the least by one part of so many
)

// bbr is what a lane's congestion control says of itself.
type bbr struct {
	rate     uint64 // of the lane, as it finds, in bit/s; 0: it is not BBR
	starting bool   // and still looks for it
}

// vigour is whether a lane carries what it could.
type vigour struct {
	slow, fine time.Duration // for how long it could carry more, or not
	next       time.Duration // when it may start anew
	pause      time.Duration // before that
}

// note takes a look at the lane, the last one of which is some time ago, and says whether it is to start anew.
func (v *vigour) note(k look, fastest float64, lossy bool, now, passed time.Duration) bool {
	asked := k.Unsent > 0 && float64(k.Sending-k.lane.seen.Sending) >= askedShare*float64(passed)
	waits := k.RTT > k.Least+k.Least/waitingShare
	slow := !k.starting && k.rate > 0 && float64(k.rate) <= slowShare*fastest
	if !lossy || !slow || !asked || waits || k.Backoff > 0 || k.lane.state.resting() {
		v.slow = 0
		if v.fine += passed; v.fine >= fineTime {
			v.pause, v.next = 0, 0
		}
		return false
	}
	v.fine = 0
	if v.slow += passed; v.slow < slowAfter || now < v.next {
		return false
	}
	v.pause = min(max(leastAnew, 2*v.pause), mostAnew)
	v.slow, v.next = 0, now+v.pause
	return true
}

// startingGain is less than the gain of BBR's start-up, 2/ln 2 in 256ths, and more than that of any other time.
const startingGain = 2 << 8

// bbr asks the lane's congestion control.
func (n *Lane) bbr() (b bbr) {
	raw := rawConn(n.conn)
	if raw == nil || n.congestion != BBR {
		return b
	}
	_ = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPCCBBRInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_CC_INFO)
		if err == nil {
			b = bbr{8 * (uint64(info.Bw_hi)<<32 | uint64(info.Bw_lo)), info.Pacing_gain >= startingGain}
		}
	})
	return b
}

// anew has the lane's BBR start anew: the kernel makes a new one when the connection comes back to it from another
// congestion control. The rate that it starts with follows from the segments that are under way. It is false when the
// kernel does not let the lane come back.
func (n *Lane) anew() bool {
	back := true
	if raw := rawConn(n.conn); raw != nil {
		_ = raw.Control(func(fd uintptr) { // a connection that is closed needs nothing
			if unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno") == nil {
				back = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, BBR) == nil
			}
		})
	}
	return back
}
