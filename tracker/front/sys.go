package front

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The sockets never block, so these system calls are made without telling the
// scheduler. Telling it would cost as much as many of the calls themselves.

// read returns how many bytes were read; 0 is the end.
func read(fd int, p []byte) (int, error) {
	//nolint:gosec // p is not empty; the pointer lives through the call
	n, _, e := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

// write returns how many bytes were written. It raises no signal if the client is gone.
func write(fd int, p []byte) (int, error) {
	//nolint:gosec // p is not empty; the pointer lives through the call
	n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

func closeSocket(fd int) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) } // nothing can be done about a failure

// poll returns the events that are there, without waiting.
func poll(ep int, events []unix.EpollEvent) int {
	//nolint:gosec // events is not empty; the pointer lives through the call
	n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(ep), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if e != 0 {
		return 0
	}
	return int(n)
}

// control changes what an epoll instance watches.
func control(ep, op, fd int, event *unix.EpollEvent) error {
	//nolint:gosec // the pointer lives through the call
	_, _, e := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(ep), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(event)), 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// sockaddr is the address of a connection's other end, as the kernel writes it.
type sockaddr struct {
	raw  unix.RawSockaddrAny
	size uint32
}

// accept4 accepts a connection.
func accept4(fd int, from *sockaddr) (int, error) {
	from.size = unix.SizeofSockaddrAny
	//nolint:gosec // the pointers live through the call
	n, _, e := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&from.raw)), uintptr(unsafe.Pointer(&from.size)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if e != 0 {
		return -1, e
	}
	return int(n), nil
}

// addr is the address, invalid for a unix socket.
func (s *sockaddr) addr() netip.Addr {
	switch s.raw.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw)) //nolint:gosec // the family says what it is
		return netip.AddrFrom4(in.Addr)
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(&s.raw)) //nolint:gosec // the family says what it is
		return netip.AddrFrom16(in.Addr).Unmap()
	}
	return netip.Addr{}
}
