//go:build !linux

package conn

// waiting is how many bytes of a socket are unread; elsewhere than on Linux nobody knows.
func waiting(int) int { return 0 }
