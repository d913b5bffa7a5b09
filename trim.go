package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// trim gives back the pages of the program's own file that only its start has
// touched, or nobody: a kernel whose file cache works with large pages maps all of a
// program at the first touch. What is used comes back from that cache, by 64 KiB.
func trim() error {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	for line := range bytes.Lines(maps) {
		var from, to uintptr
		var mode string
		if !bytes.HasSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte(" "+path)) {
			continue
		}
		if _, err := fmt.Sscanf(string(line), "%x-%x %4s", &from, &to, &mode); err != nil {
			return err
		}
		if strings.Contains(mode, "w") {
			continue // what was written there is nowhere else
		}
		for _, advice := range []uintptr{unix.MADV_NOHUGEPAGE, unix.MADV_DONTNEED} {
			if _, _, e := unix.Syscall(unix.SYS_MADVISE, from, to-from, advice); e != 0 && (advice == unix.MADV_DONTNEED || e != unix.EINVAL) {
				return e // EINVAL: a kernel without huge pages
			}
		}
	}
	return nil
}
