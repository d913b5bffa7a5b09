package conn

import "golang.org/x/sys/unix"

// waiting is how many bytes of a socket are unread.
func waiting(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.SIOCINQ)
	if err != nil {
		return 0
	}
	return n
}
