package link

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// TCP is what the kernel says of a lane's connection (TCP_INFO of tcp(7)).
// Counts are since the connection was made.
type TCP struct {
	RTT, Variation, Least time.Duration // smoothed round trip, its mean deviation, the least of late
	Segments              uint64        // with data, that were sent, those sent again included
	Retransmitted         uint64        // segments that were sent again
	Needless              uint64        // of these, how many the peer already had (DSACK)
	SentBytes             uint64        // of data, those sent again included
	RetransmittedBytes    uint64
	AckedBytes            uint64
	DeliveryRate          uint64        // bit/s, measured last
	Unacked               uint64        // segments under way
	Sacked                uint64        // of these, that have come although one before them has not
	Unsent                uint64        // bytes that wait in the socket
	Backoff               int           // how often the retransmission timer has doubled
	SegmentSize           int           // bytes of data that a segment carries at most
	ReceivedBytes         uint64        // in order
	Early                 uint64        // segments that came although one before them had not
	Sending               time.Duration // for how long there was something to send
	Idle                  time.Duration // since data was sent last
}

// TCP looks at the lane's connection; ok is false where it is no TCP socket, or
// the kernel does not say.
func (n *Lane) TCP() (t TCP, ok bool) { return Inspect(n.conn) }

// UnderWay is how many bytes of data wait for their acknowledgement.
func (t TCP) UnderWay() uint64 {
	return t.SentBytes - min(t.SentBytes, t.RetransmittedBytes+t.AckedBytes)
}

// Inspect asks the kernel about a connection, with or without TLS on top; ok is false where it is no TCP socket.
func Inspect(conn net.Conn) (t TCP, ok bool) {
	raw := rawConn(conn)
	if raw == nil {
		return t, false
	}
	var info *unix.TCPInfo
	err := raw.Control(func(fd uintptr) {
		if got, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			info = got
		}
	})
	if err != nil || info == nil {
		return t, false
	}
	micros := func(n uint32) time.Duration { return time.Duration(n) * time.Microsecond }
	return TCP{
		RTT: micros(info.Rtt), Variation: micros(info.Rttvar), Least: micros(info.Min_rtt),
		Segments: uint64(info.Data_segs_out), Retransmitted: uint64(info.Total_retrans), Needless: uint64(info.Dsack_dups),
		SentBytes: info.Bytes_sent, RetransmittedBytes: info.Bytes_retrans, AckedBytes: info.Bytes_acked,
		DeliveryRate: 8 * info.Delivery_rate, Backoff: int(info.Backoff), SegmentSize: int(info.Snd_mss),
		ReceivedBytes: info.Bytes_received, Early: uint64(info.Rcv_ooopack),
		Unacked: uint64(info.Unacked), Sacked: uint64(info.Sacked), Unsent: uint64(info.Notsent_bytes),
		Sending: time.Duration(info.Busy_time) * time.Microsecond, Idle: time.Duration(info.Last_data_sent) * time.Millisecond,
	}, true
}

// rawConn is the socket under a lane's TLS, or nil.
func rawConn(conn net.Conn) syscall.RawConn {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = t.NetConn()
	}
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
