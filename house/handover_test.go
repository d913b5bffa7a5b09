package house

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal opens a terminal of its own (pty(7)): what is written to screen is read
// from keeper.
func openTerminal(t *testing.T) (keeper, screen *os.File) {
	t.Helper()
	keeper, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keeper.Close() })
	if err := unix.IoctlSetPointerInt(int(keeper.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keeper.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	return keeper, screen
}

// TestFirstSecrets founds sites with and without a terminal.
func TestFirstSecrets(t *testing.T) {
	t.Parallel()
	keeper, screen := openTerminal(t)
	pipe, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pipe.Close() })
	found := func(screens ...*os.File) (dir, log string) {
		t.Helper()
		var said bytes.Buffer
		s := DefaultSettings()
		s.House.DataDir = t.TempDir()
		s.Derive()
		h, err := Open(t.Context(), s, true)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		h.Log = slog.New(slog.NewTextHandler(&said, nil))
		if isNew, err := h.Found(t.Context(), screens[0], screens[1]); err != nil || !isNew {
			t.Fatalf("a new site: %v, %v", isNew, err)
		}
		if isNew, err := h.Found(t.Context(), screens[0], screens[1]); err != nil || isNew {
			t.Errorf("the same site again: %v, %v", isNew, err)
		}
		return s.House.DataDir, said.String()
	}
	file := func(dir string) string { return filepath.Join(dir, "secrets", "first-account") }

	dir, log := found(pipe, pipe)
	raw, err := os.ReadFile(file(dir))
	if err != nil {
		t.Fatal(err)
	}
	secret := secretOf(t, string(raw))
	if info, err := os.Stat(file(dir)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	printed, err := os.ReadFile(pipe.Name())
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"the log": log, "the output": string(printed)} {
		if strings.Contains(text, secret) || !strings.Contains(text, file(dir)) {
			t.Errorf("%s must name the file and hold no secret:\n%s", what, text)
		}
	}

	// With a terminal, be it the second, nothing is written down.
	dir, log = found(pipe, screen)
	if _, err := os.Stat(file(dir)); !os.IsNotExist(err) {
		t.Errorf("there is a file: %v", err)
	}
	shown := make([]byte, 4096)
	n, err := keeper.Read(shown)
	if err != nil {
		t.Fatal(err)
	}
	if secret := secretOf(t, string(shown[:n])); strings.Contains(log, secret) {
		t.Errorf("the log holds the passphrase:\n%s", log)
	}
}

// secretOf finds the passphrase in what a newcomer is told.
func secretOf(t *testing.T, text string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "passphrase")
	if fields := strings.Fields(rest); ok && len(fields) > 0 && len(fields[0]) >= 12 {
		return fields[0]
	}
	t.Fatalf("no passphrase in\n%s", text)
	return ""
}

// TestSecretsThatCannotBeWritten must say how to get new ones.
func TestSecretsThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := DefaultSettings()
	s.House.DataDir = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(s.House.DataDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := &House{Settings: s, Log: slog.New(slog.DiscardHandler)}
	err := h.HandOver(Letter{File: "first-account", Title: "The first account was made.", Lines: []string{"passphrase  hush"}, Lost: "caduceus do x"})
	if err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "caduceus do x") {
		t.Errorf("it says %v", err)
	}
}
