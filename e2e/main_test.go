package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/caduceus-bio/caduceus/e2e/netns"
)

// lab is the network of all tests.
var lab *netns.Lab

// binaryVariable names the program under test in the environment.
const binaryVariable = "E2E_BINARY"

func TestMain(m *testing.M) {
	if flag.Parse(); testing.Short() {
		_, _ = fmt.Println("-short leaves out the tests of the whole program")
		if os.Getenv("CI") == "true" {
			os.Exit(1)
		}
		return
	}
	code, err := enter(m)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

// enter builds the program where the module cache may still be filled, and runs the
// tests where there is no network. Many run at once, as most of the time they wait
// for a client's own clock.
func enter(m *testing.M) (code int, err error) {
	if !netns.Outside() {
		if lab, err = netns.NewLab(); err != nil {
			return 0, err
		}
		flag.Parse()
		if err := flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0))); err != nil {
			return 0, err
		}
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "caduceus-e2e-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := os.Getenv(binaryVariable)
	if binary == "" {
		binary = filepath.Join(dir, "caduceus")
		build := exec.Command("go", "build", "-o", binary, "..")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("build the program: %w\n%s", err, out)
		}
	}
	return netns.Reenter(binaryVariable + "=" + binary)
}
