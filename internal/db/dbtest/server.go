package dbtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Server is a MariaDB that was started for tests. It dies with this process.
type Server struct {
	Socket string
	args   []string
	dir    string
	cmd    *exec.Cmd
	asks   chan func() // run where the server was started
}

// StartServer starts a small MariaDB and returns when it answers. Its data lies in
// memory where there is room: a test's database comes and goes ten times as fast there.
func StartServer() (*Server, error) { return startIn(memory()) }

// StartServerOnDisk is StartServer with the data in the folder for temporary files and
// with further arguments, which follow those of ServerArgs and so go before them.
func StartServerOnDisk(args ...string) (*Server, error) { return startIn(os.TempDir(), args...) }

// memory is the folder of Linux for files in memory, or that for temporary files where
// that one is missing or small, as in many containers. A test server has grown to a
// quarter of the room that is asked for.
func memory() string {
	const folder, kind, room = "/dev/shm", 0x01021994, 1 << 30 // kind is TMPFS_MAGIC of statfs(2)
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil || s.Type != kind || s.Bavail*uint64(s.Bsize) < room {
		return os.TempDir()
	}
	return folder
}

func startIn(parent string, args ...string) (*Server, error) {
	dir, err := os.MkdirTemp(parent, "caduceus-mariadb-")
	if err != nil {
		return nil, err
	}
	s := &Server{Socket: filepath.Join(dir, "s.sock"), dir: dir, args: args}
	s.asks = make(chan func())
	go func() {
		// The server gets a signal when the thread that started it ends, so
		// this goroutine keeps its thread for as long as the process lives.
		runtime.LockOSThread()
		for f := range s.asks {
			f()
		}
	}()
	ready := make(chan error, 1)
	s.asks <- func() {
		err := s.install()
		if err == nil {
			err = s.start()
		}
		ready <- err
	}
	if err := <-ready; err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := waitFor(s.Socket, 60*time.Second); err != nil {
		return nil, errors.Join(fmt.Errorf("MariaDB does not answer: %w", err), s.Stop())
	}
	return s, nil
}

func (s *Server) install() error {
	data := filepath.Join(s.dir, "data")
	install := exec.Command("mariadb-install-db", "--no-defaults", "--datadir="+data,
		"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--user="+serverUser(), "--tmpdir="+s.dir)
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("mariadb-install-db: %w: %s", err, out)
	}
	return nil
}

func (s *Server) start() error {
	s.cmd = exec.Command("sh", append([]string{"-c", keeper, "sh", s.dir, "mariadbd"}, slices.Concat(ServerArgs(s.dir), s.args)...)...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return s.cmd.Start()
}

// Kill ends the server with SIGKILL and keeps its data, until Restart.
func (s *Server) Kill() error { return s.end(syscall.SIGUSR1) }

// Shutdown ends the server in order and keeps its data, until Restart.
func (s *Server) Shutdown() error { return s.end(syscall.SIGUSR2) }

func (s *Server) end(sig syscall.Signal) error {
	if err := s.cmd.Process.Signal(sig); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// Restart starts a server that was ended, and returns when it answers.
func (s *Server) Restart() error {
	ready := make(chan error, 1)
	s.asks <- func() { ready <- s.start() }
	if err := <-ready; err != nil {
		return err
	}
	return waitFor(s.Socket, 60*time.Second)
}

// Pause makes the server hang, and Continue lets it go on.
func (s *Server) Pause() error { return s.signal(syscall.SIGSTOP) }

// Continue ends a Pause.
func (s *Server) Continue() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) error {
	text, err := os.ReadFile(filepath.Join(s.dir, "pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	return syscall.Kill(pid, sig)
}

// Execute runs a statement as root.
func (s *Server) Execute(query string) error { return execAdmin(s.Socket, query) }

// keeper runs the server and, when it is asked to end or its parent has ended,
// kills it and removes its folder: nobody needs the data any more.
const keeper = `dir=$1; shift
"$@" & server=$!
trap 'kill -9 $server; wait $server; rm -rf "$dir"; exit 0' TERM
trap 'kill -9 $server; wait $server; exit 0' USR1
trap 'kill $server; wait $server; exit 0' USR2
trap '' INT
wait $server
rm -rf "$dir"`

// Stop ends the server and removes its data.
func (s *Server) Stop() error {
	err := s.cmd.Process.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		return os.RemoveAll(s.dir)
	}
	if err != nil {
		return err
	}
	return s.cmd.Wait()
}

// ServerArgs are the arguments of a small, fast, unsafe test server in dir, with
// its data in dir/data and its socket at dir/s.sock.
func ServerArgs(dir string) []string {
	return []string{"--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--socket=" + filepath.Join(dir, "s.sock"),
		"--pid-file=" + filepath.Join(dir, "pid"), "--skip-networking", "--user=" + serverUser(), "--tmpdir=" + dir,
		"--innodb-flush-log-at-trx-commit=0", "--innodb-file-per-table=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync",
		"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M", "--skip-log-bin", "--max-connections=400",
		"--performance-schema=0", "--debug-no-sync", "--innodb-snapshot-isolation=" + SnapshotIsolation()}
}

func serverUser() string {
	if os.Getuid() == 0 {
		return "root"
	}
	return os.Getenv("USER")
}

func waitFor(socket string, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		err := execAdmin(socket, "SELECT 1")
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}
