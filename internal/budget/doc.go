// Package budget bounds what strangers may cost: connections, handshakes,
// attempts and log lines, per address and in all. Everything in it takes
// bounded memory however many addresses there are, and every clock is given.
//
// A stranger is whoever has not yet proved who it is. An IPv4 address counts
// by itself, an IPv6 address by its /64, since that is what one subscriber
// usually has.
package budget

import (
	"net"
	"net/netip"
)

// Network is what an address counts as: the address itself for IPv4, also when
// mapped into IPv6, its /64 for IPv6. The zero Prefix stands for an address
// that is not known.
func Network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// AddrOf takes the IP address out of a connection's address; the zero Addr when
// there is none, as on a unix socket.
func AddrOf(a net.Addr) netip.Addr {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap()
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap()
	case *net.IPAddr:
		addr, _ := netip.AddrFromSlice(a.IP)
		return addr.Unmap()
	case nil:
		return netip.Addr{}
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
