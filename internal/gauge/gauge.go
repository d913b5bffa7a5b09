// Package gauge holds what the rooms' load tools share: how to read the CPU time and
// memory of a process, and how to reach the database that they measure with. Like
// them, it needs Linux.
//
// Concurrency: all functions are safe for concurrent use.
package gauge

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sys/unix"
)

const ticks = 100 // a second, in what the kernel tells programs

// CPUOf reads the user and system time of a process, from /proc/PID/stat (proc_pid_stat(5)).
func CPUOf(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const utime, stime = 11, 12 // after the name
	if len(fields) <= stime {
		return 0, fmt.Errorf("/proc/%d/stat is too short", pid)
	}
	return Ticks(fields[utime], fields[stime])
}

// Ticks adds up times in the kernel's unit.
func Ticks(fields ...[]byte) (time.Duration, error) {
	var sum int64
	for _, f := range fields {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * time.Second / ticks, nil
}

// RSSOf reads how much memory of a process is resident, in bytes, from
// /proc/PID/status (proc_pid_status(5)).
func RSSOf(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := bytes.Cut(b, []byte("VmRSS:"))
	fields := bytes.Fields(rest)
	if !ok || len(fields) == 0 {
		return 0, fmt.Errorf("/proc/%d/status names no resident memory", pid)
	}
	n, err := strconv.ParseInt(string(fields[0]), 10, 64)
	return n << 10, err
}

// Admin runs one statement as root of the MariaDB behind a unix socket.
func Admin(ctx context.Context, socket, statement string) (err error) {
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr = "root", "unix", socket
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return err
	}
	d := sql.OpenDB(connector)
	defer func() { err = errors.Join(err, d.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	_, err = d.ExecContext(ctx, statement)
	return err
}

// PeerOf returns the process that listens on a unix socket.
func PeerOf(ctx context.Context, socket string) (pid int, err error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	cerr := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, cerr); err != nil {
		return 0, err
	}
	return int(cred.Pid), nil
}
