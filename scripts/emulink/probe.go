package emulink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// path is a pair of sockets, one in each namespace, for datagrams one way.
type path struct{ out, in *net.UDPConn }

func newPath(ctx context.Context, from, to *Namespace) (*path, error) {
	door, err := to.ListenPacket("udp4", netip.AddrPortFrom(to.Address, 0).String())
	if err != nil {
		return nil, err
	}
	in := door.(*net.UDPConn)
	far, err := from.DialContext(ctx, "udp4", in.LocalAddr().String())
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	p := &path{out: far.(*net.UDPConn), in: in}
	if err := stamped(in); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// stamped has the kernel say when packets came, however late they are read, and
// keep those that are not read yet beyond the usual bound (which needs root).
func stamped(c syscall.Conn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20),
		)
	})
	if err := errors.Join(err, set); err != nil {
		return fmt.Errorf("prepare a socket for probes: %w", err)
	}
	return nil
}

// arrived reads when the kernel took a packet from a control message.
func arrived(control []byte) (time.Time, error) {
	all, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Time{}, err
	}
	for _, m := range all {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:]))), nil
		}
	}
	return time.Time{}, errors.New("the kernel does not say when a packet came")
}

func (p *path) close() {
	_ = p.out.Close() // they are thrown away
	_ = p.in.Close()
}

// seen is what came of datagrams.
type seen struct {
	delays  []time.Duration // one way, sorted
	bursts  []int           // packets that were lost in a row
	came    []time.Duration // when, by place; zero: it did not
	sending time.Duration   // from the first that was sent to the last
}

func (s seen) median() time.Duration { return median(s.delays) }

// median is that of sorted durations, -1 of none.
func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return -1
	}
	return d[len(d)/2]
}

// headers of IPv4 and UDP.
const headers = 28

// mark is what a datagram begins with: a number of the sending, its place in it,
// and when it was sent.
const mark = 24

// send sends n packets of so many bytes, one every so often, and gathers what
// comes at the other end.
func (p *path) send(ctx context.Context, size, n int, every time.Duration, as Direction) (s seen, err error) {
	began := time.Now()
	// Kernel and sender read the same clock, which is not the monotonic one.
	wall := began.Round(0)
	number := uint64(began.UnixNano())
	s.came = make([]time.Duration, n)
	// What comes late comes within this.
	late := as.Delay + as.Jitter + as.queueTime() + 200*time.Millisecond
	sent := make(chan struct{})
	send := func(ctx context.Context) error {
		defer close(sent)
		var first time.Time
		b := make([]byte, max(mark, size-headers))
		binary.BigEndian.PutUint64(b, number)
		for i := range n {
			if err := until(ctx, began.Add(time.Duration(i)*every)); err != nil {
				return err
			}
			binary.BigEndian.PutUint64(b[8:], uint64(i))
			binary.BigEndian.PutUint64(b[16:], uint64(time.Now().Round(0).Sub(wall)))
			if _, err := p.out.Write(b); err != nil {
				return fmt.Errorf("send a datagram: %w", err)
			}
			if i == 0 {
				first = time.Now()
			}
		}
		s.sending = time.Since(first)
		return nil
	}
	receive := func(context.Context) error {
		b, control := make([]byte, 2*packetSize), make([]byte, 128)
		for {
			if err := p.in.SetReadDeadline(time.Now().Add(late)); err != nil {
				return err
			}
			k, c, _, _, err := p.in.ReadMsgUDPAddrPort(b, control)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				select {
				case <-sent:
					return nil
				default:
					continue
				}
			}
			if err != nil {
				return fmt.Errorf("receive a datagram: %w", err)
			}
			at, err := arrived(control[:c])
			if err != nil {
				return err
			}
			now := at.Sub(wall)
			place := binary.BigEndian.Uint64(b[8:])
			if k < mark || binary.BigEndian.Uint64(b) != number || place >= uint64(n) {
				continue // of an earlier sending
			}
			s.came[place] = now
			s.delays = append(s.delays, now-time.Duration(binary.BigEndian.Uint64(b[16:])))
			if place == uint64(n-1) {
				late = 50 * time.Millisecond // for those that were overtaken
			}
		}
	}
	if err := both(ctx, send, receive); err != nil {
		return seen{}, err
	}
	slices.Sort(s.delays)
	s.gather()
	return s, nil
}

// gather finds bursts.
func (s *seen) gather() {
	lost := 0
	for _, at := range s.came {
		if at == 0 {
			lost++
			continue
		}
		if lost > 0 {
			s.bursts = append(s.bursts, lost)
		}
		lost = 0
	}
	if lost > 0 {
		s.bursts = append(s.bursts, lost)
	}
}

// spacing is the time that each packet took of those from one that came to the
// next that came at least so many places behind.
func (s *seen) spacing(apart int) (each []time.Duration) {
	first := -1
	for i, at := range s.came {
		switch {
		case at == 0:
		case first < 0:
			first = i
		case i-first >= apart:
			each = append(each, (at-s.came[first])/time.Duration(i-first))
			first = i
		}
	}
	return each
}

// until waits for a moment. It is late by as much as a timer is; whoever is late
// sends the more at once.
func until(ctx context.Context, t time.Time) error {
	d := time.Until(t)
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pingBytes is the size of a ping with its IP header.
const pingBytes = 20 + 8 + mark

// ping sends n echo requests (RFC 792) and returns the round trips of those that
// were answered, sorted.
func ping(ctx context.Context, from *Namespace, to netip.Addr, n int, every time.Duration, o Options) (trips []time.Duration, err error) {
	raw, err := from.DialContext(ctx, "ip4:icmp", to.String())
	if err != nil {
		return nil, fmt.Errorf("open a socket for pings: %w", err)
	}
	defer raw.Close()
	conn := raw.(*net.IPConn)
	if err := stamped(conn); err != nil {
		return nil, err
	}
	began := time.Now()
	wall := began.Round(0)
	number := uint64(began.UnixNano())
	late := o.Forth.Delay + o.Back.Delay + o.Forth.Jitter + o.Back.Jitter + 200*time.Millisecond
	sent := make(chan struct{})
	send := func(ctx context.Context) error {
		defer close(sent)
		for i := range n {
			if err := until(ctx, began.Add(time.Duration(i)*every)); err != nil {
				return err
			}
			b := make([]byte, 8+mark)
			b[0] = 8 // echo request
			binary.BigEndian.PutUint16(b[4:], uint16(os.Getpid()))
			binary.BigEndian.PutUint16(b[6:], uint16(i))
			binary.BigEndian.PutUint64(b[8:], number)
			binary.BigEndian.PutUint64(b[16:], uint64(time.Now().Round(0).Sub(wall)))
			binary.BigEndian.PutUint16(b[2:], checksum(b))
			if _, err := conn.Write(b); err != nil {
				return fmt.Errorf("ping: %w", err)
			}
		}
		return nil
	}
	receive := func(context.Context) error {
		b, control := make([]byte, packetSize), make([]byte, 128)
		for {
			if err := conn.SetReadDeadline(time.Now().Add(late)); err != nil {
				return err
			}
			k, c, _, _, err := conn.ReadMsgIP(b, control)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				select {
				case <-sent:
					return nil
				default:
					continue
				}
			}
			if err != nil {
				return fmt.Errorf("receive a ping's answer: %w", err)
			}
			if k < 20 || int(b[0]&15)*4+8+mark > k {
				continue
			}
			reply := b[int(b[0]&15)*4:] // behind the IP header
			if reply[0] != 0 || binary.BigEndian.Uint64(reply[8:]) != number {
				continue
			}
			at, err := arrived(control[:c])
			if err != nil {
				return err
			}
			trips = append(trips, at.Sub(wall)-time.Duration(binary.BigEndian.Uint64(reply[16:])))
		}
	}
	if err := both(ctx, send, receive); err != nil {
		return nil, err
	}
	slices.Sort(trips)
	return trips, nil
}

// checksum is the Internet checksum (RFC 1071) of an even number of bytes in
// which its own place is zero.
func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 > 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
