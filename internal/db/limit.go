package db

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// MariaDB error numbers of a statement that was ended before it was done.
const (
	errInterrupted      = 1317
	errStatementTimeout = 1969
)

// begin is called for each statement: it counts it, and limits what MariaDB may spend on
// it to what is left of ctx. When ctx ends, the driver only hangs up, and the server
// would go on.
func begin(ctx context.Context, e Engine, query string, args []any) string {
	if t, ok := ctx.Value(tallyKey{}).(*Tally); ok {
		t.add(query, args)
	}
	if e != MariaDB {
		return query
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return query
	}
	// A little earlier than the driver, which would have to throw the connection away.
	left := time.Until(deadline)
	left = max(left-min(left/10, 100*time.Millisecond), time.Millisecond)
	return "SET STATEMENT max_statement_time = " + strconv.FormatFloat(left.Seconds(), 'f', 3, 64) + " FOR " + query
}

// TimedOut reports whether err says that a statement was ended because its time was
// over.
func TimedOut(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var me *mysql.MySQLError
	if errors.As(err, &me) {
		return me.Number == errStatementTimeout || me.Number == errInterrupted
	}
	var se *sqlite.Error
	return errors.As(err, &se) && se.Code()&0xff == sqlite3.SQLITE_INTERRUPT
}

// Tally counts the statements that run with a context of WithTally. It is safe for
// concurrent use.
type Tally struct {
	n    atomic.Int64
	note func(query string, args []any)
}

type tallyKey struct{}

// WithTally returns a context whose statements are counted. note, which may be nil, is
// told of each before it runs.
func WithTally(ctx context.Context, note func(query string, args []any)) (context.Context, *Tally) {
	t := &Tally{note: note}
	return context.WithValue(ctx, tallyKey{}, t), t
}

// Statements returns how many statements were begun.
func (t *Tally) Statements() int { return int(t.n.Load()) }

func (t *Tally) add(query string, args []any) {
	t.n.Add(1)
	if t.note != nil {
		t.note(query, args)
	}
}

// LargestValue returns how large one value of a row may be: on MariaDB what
// max_allowed_packet leaves for it.
func (d *DB) LargestValue(ctx context.Context) (core.Bytes, error) {
	if d.engine == SQLite {
		const most = 1_000_000_000 // SQLITE_MAX_LENGTH
		return most, nil
	}
	packet, _, err := One(ctx, d, Value[core.Bytes], "SELECT @@max_allowed_packet")
	if err != nil {
		return 0, fmt.Errorf("read max_allowed_packet: %w", err)
	}
	return packet - packetRest, nil
}

// packetRest is more than the rest of a statement with one large value takes.
const packetRest = 64 * core.KiB

// PacketFor returns what max_allowed_packet must be for values of a size.
func PacketFor(size core.Bytes) core.Bytes { return size + packetRest }
