package udp

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batch       = 64   // packets in one turn
	packetSize  = 2048 // bytes; a longer one is dropped
	controlSize = 64
)

// message is struct mmsghdr.
type message struct {
	head unix.Msghdr
	len  uint32
}

// incoming holds the packets that one system call reads.
type incoming struct {
	messages [batch]message
	vectors  [batch]unix.Iovec
	names    [batch]unix.RawSockaddrInet6 // the larger of both families
	controls [batch][controlSize]byte
	data     [batch][packetSize]byte
}

// outgoing holds the packets that one system call sends. Their bytes are elsewhere.
type outgoing struct {
	messages [batch]message
	vectors  [batch]unix.Iovec
}

// prepare resets the message headers for the next read.
func (p *incoming) prepare() {
	for i := range p.messages {
		p.vectors[i].Base = &p.data[i][0]
		p.vectors[i].SetLen(packetSize)
		h := &p.messages[i].head
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&p.names[i])), unix.SizeofSockaddrInet6 //nolint:gosec // the kernel writes either family
		h.Iov = &p.vectors[i]
		h.SetIovlen(1)
		h.Control = &p.controls[i][0]
		h.SetControllen(controlSize)
		h.Flags = 0
	}
}

// receive reads the packets that have arrived, without waiting.
func (p *incoming) receive(fd uintptr) (int, error) {
	p.prepare()
	//nolint:gosec // the pointers live through the call
	n, _, e := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&p.messages[0])), batch, unix.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

// send sends the packets from to n-1 and returns how many the kernel took, without
// waiting.
func (p *outgoing) send(fd uintptr, from, n int) (int, error) {
	//nolint:gosec // the pointers live through the call
	sent, _, e := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&p.messages[from])), uintptr(n-from), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(sent), nil
}

// packet returns packet i, nil if it was too long.
func (p *incoming) packet(i int) []byte {
	if p.messages[i].head.Flags&unix.MSG_TRUNC != 0 {
		return nil
	}
	return p.data[i][:p.messages[i].len]
}

// from returns the source of packet i; it is invalid if it can't be answered.
func (p *incoming) from(i int) netip.Addr {
	switch name := &p.names[i]; name.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(name)) //nolint:gosec // the family says what it is
		if in.Port == 0 {
			return netip.Addr{}
		}
		return netip.AddrFrom4(in.Addr)
	case unix.AF_INET6:
		if name.Port == 0 {
			return netip.Addr{}
		}
		return netip.AddrFrom16(name.Addr).Unmap()
	}
	return netip.Addr{}
}

// answer makes packet i of p the answer to packet j of in. It goes to the source of
// that packet, and comes from the address that the packet was sent to, because a host
// may have several.
func (p *outgoing) answer(i int, in *incoming, j int, b []byte) {
	h := &p.messages[i].head
	*h = unix.Msghdr{Name: in.messages[j].head.Name, Namelen: in.messages[j].head.Namelen, Iov: &p.vectors[i]}
	h.SetIovlen(1)
	p.vectors[i].Base = &b[0]
	p.vectors[i].SetLen(len(b))
	if n := in.messages[j].head.Controllen; n > 0 && clearInterface(in.controls[j][:n]) {
		h.Control, h.Controllen = in.messages[j].head.Control, n
	}
}

// clearInterface removes the interface from a packet's control data, so that the kernel
// chooses the route of the answer. It reports whether the data names an address.
func clearInterface(control []byte) bool {
	head, data, _, err := unix.ParseOneSocketControlMessage(control)
	switch {
	case err != nil:
		return false
	case head.Level == unix.IPPROTO_IP && head.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		clear(data[:4])
		return true
	case head.Level == unix.IPPROTO_IPV6 && head.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		if a := netip.AddrFrom16([16]byte(data)); !a.IsLinkLocalUnicast() {
			clear(data[16:20])
		}
		return true
	}
	return false
}

// requestDestinations asks the kernel to report the address that each packet was sent
// to.
func requestDestinations(fd uintptr) error {
	family, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return err
	}
	if family == unix.AF_INET6 {
		return unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	}
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
}
