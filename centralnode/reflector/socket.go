package reflector

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"vedette/internal/socket"
	"vedette/proto/stamp"
)

// What the kernel keeps until it is read: at 112 octets a packet, and what it
// counts beside each, the packets of 1,000 Sensors in some 50 ms.
const receiveBuffer = 1 << 20

var host = binary.NativeEndian

// door is a UDP socket that tells where and when packets came, and how far they
// had come.
type door struct {
	*socket.Inbox
	address netip.AddrPort
}

// side is what the kernel says beside a packet. It is used again.
type side struct {
	stamp.Arrival
	length int // octets of source that are used
	source [64]byte
}

func listen(address string) (*door, error) {
	at, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", at)
	if err != nil {
		return nil, err
	}
	if err := configure(conn); err != nil {
		_ = conn.Close() // the first error is told
		return nil, err
	}
	inbox, err := socket.NewInbox(conn)
	if err != nil {
		return nil, err
	}
	return &door{inbox, inbox.Address().(*net.UDPAddr).AddrPort()}, nil
}

// configure has the kernel say of each packet to which of the server's addresses
// it came, so that the answer leaves from there, with which TTL, and when.
func configure(conn *net.UDPConn) error {
	_ = conn.SetReadBuffer(receiveBuffer) // less is what the system allows
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		set := func(level, option int) error { return unix.SetsockoptInt(int(fd), level, option, 1) }
		domain, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil {
			failed = err
			return
		}
		// Packets are answered without what follows too, as well as may be.
		_ = set(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS)
		_ = set(unix.IPPROTO_IP, unix.IP_RECVTTL)
		if domain == unix.AF_INET6 {
			_ = set(unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT)
			failed = set(unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO)
		} else {
			failed = set(unix.IPPROTO_IP, unix.IP_PKTINFO)
		}
	})
	if err != nil {
		return err
	}
	return failed
}

// look reads what the kernel says beside a packet that came.
func (d *door) look(i int, p *side) {
	p.Arrival = stamp.Arrival{From: d.From(i), TTL: 255} // which says that it is not known
	p.length = 0
	for rest := d.Beside(i); len(rest) >= unix.SizeofCmsghdr; {
		head, data, next, err := unix.ParseOneSocketControlMessage(rest)
		if err != nil {
			return
		}
		level, kind := int(head.Level), int(head.Type)
		switch {
		case level == unix.SOL_SOCKET && kind == unix.SCM_TIMESTAMPNS && len(data) == 16: // struct timespec where words have 64 bits
			p.At = time.Unix(int64(host.Uint64(data)), int64(host.Uint64(data[8:])))
		case (level == unix.IPPROTO_IP && kind == unix.IP_TTL || level == unix.IPPROTO_IPV6 && kind == unix.IPV6_HOPLIMIT) && len(data) >= 4:
			p.TTL = uint8(host.Uint32(data))
		case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(data) == unix.SizeofInet4Pktinfo:
			p.keep(rest, len(data), 0)
		case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(data) == unix.SizeofInet6Pktinfo:
			p.keep(rest, len(data), 16)
		}
		rest = next
	}
}

// keep keeps the message that names the address to which the packet came, so
// that the answer can leave from it. By which interface it leaves is for the
// routes, except where an address means nothing without one.
func (p *side) keep(message []byte, length, interfaceAt int) {
	p.length = copy(p.source[:], message[:min(unix.CmsgSpace(length), len(message))])
	if !p.From.Addr().IsLinkLocalUnicast() {
		host.PutUint32(p.source[unix.CmsgLen(interfaceAt):], 0)
	}
}

// answer sends octets to where a packet came from, from the address to which that
// came.
func (d *door) answer(i int, octets []byte, p *side) error {
	return d.Answer(i, octets, p.source[:p.length])
}
