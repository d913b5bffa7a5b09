// Command withmariadb runs a program beside a MariaDB server of its own, whose socket
// it passes to the program in CADUCEUS_TEST_MARIADB. The server's data is gone when
// the program ends.
//
// Concurrency: one goroutine waits for the program.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "withmariadb:", err)
		os.Exit(1)
	}
}

// asInProduction undoes the settings that make test servers quick and unsafe: the log
// is synced at each commit, and a table of a million rows fits in memory.
var asInProduction = []string{"--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1", "--innodb-flush-method=fsync", "--debug-no-sync=0",
	"--innodb-file-per-table=1", "--innodb-buffer-pool-size=1G", "--innodb-log-file-size=256M"}

func run(ctx context.Context, args []string) (err error) {
	if len(args) == 0 {
		return errors.New("usage: withmariadb PROGRAM [ARGUMENT…]")
	}
	server, err := dbtest.StartServerOnDisk(asInProduction...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), dbtest.SocketVariable+"="+server.Socket)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	return cmd.Run()
}
