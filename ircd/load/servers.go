package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/caduceus-bio/caduceus/internal/gauge"
)

// kind is a server program and how it is configured.
type kind struct {
	name, path string
	args       func(dir string) []string
	config     func(dir, plain, tls string) map[string]string // files by name
	// atOnce bounds the registrations under way where they are not what is measured, so
	// that no queue of the kernel overflows.
	atOnce     int
	auditorium string // the mode that makes a channel one; "" where there is none, or it needs none
	house      *house // of ours: what lasts from one start to the next
}

// server is one that runs.
type server struct {
	kind
	key        string // the IRC key of all members; "" where nobody logs in
	cmd        *exec.Cmd
	dbPID      int    // of its database; 0 without
	plain, tls string // addresses
}

func (s *server) door(secure bool) string {
	if secure {
		return s.tls
	}
	return s.plain
}

// others are the servers to compare with that were asked for. Their settings are alike where
// it matters: no look-ups, no throttles, and queues that hold a burst.
func others(o options) (out []kind) {
	if o.inspircd != "" {
		out = append(out, kind{name: "inspircd", path: o.inspircd, atOnce: 1000, // it registers new clients once a second
			auditorium: "+u", config: inspircd, args: func(dir string) []string {
				return []string{"--config=" + dir + "/inspircd.conf", "--nofork", "--nolog", "--nopid", "--runasroot"}
			}})
	}
	if o.ngircd != "" {
		out = append(out, kind{name: "ngircd", path: o.ngircd, atOnce: 8, // it lets ten wait to be accepted
			config: ngircd, args: func(dir string) []string {
				return []string{"-n", "-f", dir + "/ngircd.conf"}
			}})
	}
	return out
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr) // it was made by JoinHostPort
	return p
}

func inspircd(dir, plain, tls string) map[string]string {
	return map[string]string{"inspircd.conf": fmt.Sprintf(`<server name="irc.load.test" description="load" network="load" id="1LD">
<admin name="a" nick="a" email="a@load.test">
<module name="ssl_gnutls">
<sslprofile name="clients" provider="gnutls" certfile="%[1]s/cert.pem" keyfile="%[1]s/key.pem">
<bind address="127.0.0.1" port="%[2]s" type="clients">
<bind address="127.0.0.1" port="%[3]s" type="clients" sslprofile="clients">
<connect allow="*" timeout="120" pingfreq="600" softsendq="8388608" hardsendq="8388608" recvq="65536" threshold="100000"
 commandrate="1000000" fakelag="no" limit="20000" localmax="20000" globalmax="20000" maxconnwarn="no" resolvehostnames="no" modes="+i">
<module name="auditorium">
<module name="conn_umodes">
<performance softlimit="20000" somaxconn="4096">
<options casemapping="ascii">
`, dir, port(plain), port(tls))}
}

func ngircd(dir, plain, tls string) map[string]string {
	return map[string]string{"ngircd.conf": fmt.Sprintf(`[Global]
Name = irc.load.test
Info = load
AdminEMail = a@load.test
Listen = 127.0.0.1
Ports = %[2]s
[Limits]
MaxConnections = 20000
MaxConnectionsIP = 0
MaxJoins = 10
PingTimeout = 600
[Options]
DNS = no
Ident = no
PAM = no
[SSL]
CertFile = %[1]s/cert.pem
KeyFile = %[1]s/key.pem
Ports = %[3]s
`, dir, port(plain), port(tls))}
}

// inServer runs do beside a fresh server.
func (k kind) inServer(ctx context.Context, base string, do func(*server) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(base, k.name)
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // servers give up their rights before they read
		return err
	}
	s := &server{kind: k}
	for _, a := range []*string{&s.plain, &s.tls} {
		if *a, err = freePort(ctx); err != nil {
			return err
		}
	}
	if k.house != nil {
		s.key, s.dbPID = k.house.key, k.house.DBPID
	}
	files := k.config(dir, s.plain, s.tls)
	if files["cert.pem"], files["key.pem"], err = certificate(); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // as above; all in it is for this run
			return err
		}
	}
	var log bytes.Buffer
	s.cmd = child(k.path, k.args(dir)...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, &log, &log // dumps of memory go with the folder
	if err := s.cmd.Start(); err != nil {
		return err
	}
	defer func() {
		s.stop()
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v; the end of its log:\n%s\n", k.name, err, log.Bytes()[max(0, log.Len()-1500):])
		}
	}()
	if err := s.await(ctx); err != nil {
		return err
	}
	return do(s)
}

// child prepares a program that ends with this one, and that a terminal's Ctrl-C
// doesn't reach: this program stops it itself. It must be started by the goroutine
// that holds the main thread.
func child(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...) //nolint:gosec,noctx // the operator names the programs; they are stopped in order, by a signal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// await waits until the server accepts connections.
func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.plain)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return errors.New("it does not open")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	kill := time.AfterFunc(10*time.Second, func() { _ = s.cmd.Process.Kill() })
	_ = s.cmd.Wait() // by a signal, as it should be
	kill.Stop()
}

// cpu is the user and system time of the server so far.
func (s *server) cpu() (time.Duration, error) { return gauge.CPUOf(s.cmd.Process.Pid) }

// both is the same, with that of its database.
func (s *server) both() (cpu, db time.Duration, err error) {
	if cpu, err = s.cpu(); err == nil && s.dbPID > 0 {
		db, err = gauge.CPUOf(s.dbPID)
	}
	return cpu, db, err
}

// rss is how much memory of the server is resident, in kB.
func (s *server) rss() (float64, error) {
	n, err := gauge.RSSOf(s.cmd.Process.Pid)
	return float64(n) / 1024, err
}

// settled waits until the server's memory stays as it is, and returns it: what was
// needed only to start or to let clients in is given back by then.
func (s *server) settled(ctx context.Context, o options) (float64, error) {
	const still, most, tolerance = 10, 60, 1.005
	var last []float64
	for range most {
		rss, err := s.rss()
		if err != nil {
			return 0, err
		}
		if last = append(last, rss); len(last) >= still {
			last = last[len(last)-still:]
			if slices.Max(last) < tolerance*slices.Min(last) {
				break
			}
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(o.look):
		}
	}
	return last[len(last)-1], nil
}

// freePort finds an address on loopback that nobody uses at the moment.
func freePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
