// Package netns is a small network for tests: hosts with an IPv4 and an IPv6 address
// of their own, joined by a bridge, in network namespaces without a way out. Real
// BitTorrent clients need it because some refuse peers on the loopback network, and
// traffic of a test must never leave the machine.
//
// It needs either root or the right to make user namespaces, IPv6 in the kernel,
// and the commands ip (iproute2) and nsenter (util-linux). Everything in it ends
// with the test process: the namespaces live only as long as somebody is inside.
//
// Concurrency: a Lab may be used by tests that run in parallel.
package netns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// marker says that a process was started by Reenter. It does not begin with
// CADUCEUS_, which the program under test takes for configuration.
const marker = "E2E_INSIDE_NETNS"

// Outside reports whether this process is not in a lab's namespace yet.
func Outside() bool { return os.Getenv(marker) == "" }

// Reenter starts this program once more, with the same arguments, in network and
// mount namespaces of its own, and returns its exit code. env is added to its
// environment. Call it from TestMain when Outside.
func Reenter(env ...string) (code int, err error) {
	runtime.LockOSThread() // the child gets its Pdeathsig when this thread ends
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(append(os.Environ(), marker+"=1"), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("make a network namespace (run as root, or allow user namespaces): %w", err)
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s) // gone already: Wait tells
		}
	}()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil // a signal has the code -1
	}
	return 0, err
}

// Name is what every host calls the gateway. It has both addresses.
const Name = "gateway.lab"

// Lab is the network. The test process itself stands at the gateway.
type Lab struct {
	Gateway, Gateway6 netip.Addr

	mu          sync.Mutex
	next, next6 netip.Addr
	made        int
}

const bridge = "lab0"

// NewLab sets up the network. There is one lab in a process. It must not be called
// when Outside.
func NewLab() (*Lab, error) {
	l := &Lab{Gateway: netip.MustParseAddr("10.77.0.1"), Gateway6: netip.MustParseAddr("fd77::1")}
	l.next, l.next6 = l.Gateway, l.Gateway6
	if err := l.nameGateway(); err != nil {
		return nil, err
	}
	for _, line := range []string{
		"link set lo up",
		// The bridge gets a hardware address of its own; otherwise it would take that
		// of some host, and another one whenever hosts come and go.
		"link add " + bridge + " address 02:00:00:00:00:01 type bridge mcast_snooping 0",
		"addr add " + l.Gateway.String() + "/16 dev " + bridge,
		"addr add " + l.Gateway6.String() + "/64 dev " + bridge + " nodad",
		"link set " + bridge + " up",
	} {
		if err := run(exec.Command("ip", strings.Fields(line)...)); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// nameGateway lays a file of names over /etc/hosts, seen by this process and what
// it starts.
func (l *Lab) nameGateway() error {
	file, err := os.CreateTemp("", "hosts")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "127.0.0.1 localhost\n::1 localhost\n%s %s\n%s %s\n", l.Gateway, Name, l.Gateway6, Name)
	if err := errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	if err := syscall.Mount(file.Name(), "/etc/hosts", "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("name the gateway: %w", err)
	}
	return os.Remove(file.Name()) // it stays where it is mounted
}

// Host is a machine of the lab.
type Host struct {
	IP, IP6 netip.Addr
	holder  *exec.Cmd // keeps the namespace alive
}

// Host makes a host. Close it when it is no longer needed.
func (l *Lab) Host(ctx context.Context) (*Host, error) {
	l.mu.Lock()
	l.next, l.next6 = l.next.Next(), l.next6.Next()
	l.made++
	h := &Host{IP: l.next, IP6: l.next6}
	link := "host" + strconv.Itoa(l.made)
	l.mu.Unlock()

	h.holder = exec.Command("sleep", "infinity")
	h.holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := h.holder.Start(); err != nil {
		return nil, fmt.Errorf("make a host: %w", err)
	}
	pid := strconv.Itoa(h.holder.Process.Pid)
	for _, cmd := range []*exec.Cmd{
		exec.CommandContext(ctx, "ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", pid),
		exec.CommandContext(ctx, "ip", "link", "set", link, "master", bridge, "up"),
		h.Command(ctx, "ip", "addr", "add", h.IP.String()+"/16", "dev", "eth0"),
		h.Command(ctx, "ip", "addr", "add", h.IP6.String()+"/64", "dev", "eth0", "nodad"),
		h.Command(ctx, "ip", "link", "set", "eth0", "up"),
		h.Command(ctx, "ip", "link", "set", "lo", "up"),
	} {
		if err := run(cmd); err != nil {
			return nil, errors.Join(err, h.Close())
		}
	}
	return h, nil
}

// Command is exec.CommandContext on the host. The process dies with the test.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	enter := []string{"--net=/proc/" + strconv.Itoa(h.holder.Process.Pid) + "/ns/net", "--", name}
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Close takes the host off the network. Processes on it must have ended.
func (h *Host) Close() error {
	if err := h.holder.Process.Kill(); err != nil {
		return err
	}
	_ = h.holder.Wait() // killed, as it should be
	return nil
}

func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}
