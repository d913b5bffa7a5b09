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

// incoming are as many packets as one system call reads.
type incoming struct {
	messages [batch]message
	vectors  [batch]unix.Iovec
	names    [batch]unix.RawSockaddrInet6 // the larger of both families
	controls [batch][controlSize]byte
	data     [batch][packetSize]byte
}

// outgoing are as many as one system call sends. Their bytes lie elsewhere.
type outgoing struct {
	messages [batch]message
	vectors  [batch]unix.Iovec
}

// prepare makes room for as many packets as can be read.
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

// receive reads what is there. It does not wait.
func (p *incoming) receive(fd uintptr) (int, error) {
	p.prepare()
	//nolint:gosec // the pointers live through the call
	n, _, e := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&p.messages[0])), batch, unix.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

// send sends packets up to the nth and returns how many were taken. It does not
// wait.
func (p *outgoing) send(fd uintptr, from, n int) (int, error) {
	//nolint:gosec // the pointers live through the call
	sent, _, e := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&p.messages[from])), uintptr(n-from), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(sent), nil
}

// packet is what was read in place i, nil if it did not fit.
func (p *incoming) packet(i int) []byte {
	if p.messages[i].head.Flags&unix.MSG_TRUNC != 0 {
		return nil
	}
	return p.data[i][:p.messages[i].len]
}

// from is where packet i comes from; invalid when it can't be answered.
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

// answer makes packet i of p the answer to packet j of in: back to where it came
// from, and from the address that it was sent to, as a host may have several.
func (p *outgoing) answer(i int, in *incoming, j int, b []byte) {
	h := &p.messages[i].head
	*h = unix.Msghdr{Name: in.messages[j].head.Name, Namelen: in.messages[j].head.Namelen, Iov: &p.vectors[i]}
	h.SetIovlen(1)
	p.vectors[i].Base = &b[0]
	p.vectors[i].SetLen(len(b))
	if n := in.messages[j].head.Controllen; n > 0 && freeRoute(in.controls[j][:n]) {
		h.Control, h.Controllen = in.messages[j].head.Control, n
	}
}

// freeRoute takes the interface out of a packet's control data, so that an
// answer goes the way that the kernel thinks best. It reports whether there is
// anything else in it.
func freeRoute(control []byte) bool {
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

// tellDestinations makes the kernel say which address each packet was sent to.
func tellDestinations(fd uintptr) error {
	family, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return err
	}
	if family == unix.AF_INET6 {
		return unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	}
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
}
