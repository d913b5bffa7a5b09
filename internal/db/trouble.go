package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Trouble is why the database can't do its work now, although there is nothing wrong
// with what it was asked.
type Trouble string

// The troubles.
const (
	Away     Trouble = "does not answer"
	Crowded  Trouble = "has too many connections"
	Slow     Trouble = "is too slow, or what is needed is locked"
	Full     Trouble = "has no room on its disk"
	ReadOnly Trouble = "takes no changes (read-only)"
	Broken   Trouble = "can't use its files"
)

// TroubleOf tells the trouble that err comes from, "" when it comes from none.
func TroubleOf(err error) Trouble {
	if err == nil || errors.Is(err, context.Canceled) {
		return ""
	}
	var me *mysql.MySQLError
	if errors.As(err, &me) {
		return mariaTrouble(me)
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		return liteTrouble(se.Code())
	}
	var ne net.Error
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return Full
	case errors.Is(err, syscall.EROFS):
		return ReadOnly
	case errors.Is(err, context.DeadlineExceeded):
		return Slow
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &ne):
		return Away
	}
	return ""
}

// mariaTroubles are error numbers of MariaDB and its clients. What several causes share
// is told apart by its text.
var mariaTroubles = map[Trouble][]uint16{
	Away: {1044, 1045, 1047, 1049, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1317, 1698, 1927, 2002, 2003, 2006, 2013, 4031},
	// too many connections, also of one user or one host, or an hour's share of them
	Crowded:  {1040, 1129, 1203, 1226},
	Slow:     {errChangedMeanwhile, errLockWaitTimeout, errDeadlock, 1969},
	Full:     {1021, 1028, 1114},
	ReadOnly: {1036, 1290, 1836},
	Broken:   {1016, 1017, 1033, 1034, 1194, 1195, 1712, 1877},
}

// fileErrors are numbers for any trouble with a file or an engine.
var fileErrors = []uint16{3, 1003, 1004, 1005, 1006, 1026, 1030, 1105}

func mariaTrouble(e *mysql.MySQLError) Trouble {
	for t, numbers := range mariaTroubles {
		for _, n := range numbers {
			if e.Number == n {
				return t
			}
		}
	}
	for _, n := range fileErrors {
		if e.Number != n {
			continue
		}
		switch text := strings.ToLower(e.Message); {
		case strings.Contains(text, "no space left"), strings.Contains(text, "disk full"), strings.Contains(text, "quota"),
			strings.Contains(text, "got error 28"), strings.Contains(text, "errno: 28"), strings.Contains(text, "errcode: 28"):
			return Full
		case strings.Contains(text, "read-only"), strings.Contains(text, "errcode: 30"), strings.Contains(text, "errno: 30"):
			return ReadOnly
		case e.Number != 1105:
			return Broken
		}
	}
	return ""
}

func liteTrouble(code int) Trouble {
	switch code & 0xff {
	case sqlite3.SQLITE_FULL:
		return Full
	case sqlite3.SQLITE_READONLY:
		return ReadOnly
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT:
		return Slow
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_PERM:
		return Broken
	}
	return ""
}

// advice is what whoever keeps the machine can do about a trouble.
var advice = map[Trouble]string{
	Away:     "look whether it runs, and whether it lets us in",
	Crowded:  "look who holds its connections, or allow more (max_connections)",
	Slow:     "look what holds its locks, and how busy its disk is",
	Full:     "make room there",
	ReadOnly: "look at its settings (read_only), whether it is a replica, and how its disk is mounted",
	Broken:   "look into its log, at its disk and at who may write its files",
}

// Diagnose says in words for staff what is wrong with the database, and what to do, ""
// for nil. It goes on after a colon or a full stop.
func Diagnose(err error) string {
	if err == nil {
		return ""
	}
	if t := TroubleOf(err); t != "" {
		return fmt.Sprintf("the database %s: %s", t, advice[t])
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return "the database refuses: " + line
}

// errIllegalMix is MariaDB's error when a name, which is ASCII, is compared with
// something that is not.
const errIllegalMix = 1267

const tooBusy = "the database is too busy at the moment; try again in a minute"

// explain gives an error of the database a code and a text that may be shown. One that
// has them already stays as it is.
func explain(err error) error {
	var told *core.Error
	if err == nil || errors.As(err, &told) {
		return err
	}
	var me *mysql.MySQLError
	if errors.As(err, &me) && me.Number == errIllegalMix {
		return core.Wrap(err, core.Invalid, "this can't be a name: names have letters from A to Z, digits and signs")
	}
	switch TroubleOf(err) {
	case "":
		return err
	case Crowded, Slow:
		return core.Wrap(err, core.Unavailable, tooBusy)
	case Full, ReadOnly:
		return core.Wrap(err, core.Unavailable, "nothing can be saved at the moment; try again in a few minutes")
	default:
		return core.Wrap(err, core.Unavailable, "the database does not answer at the moment; try again in a minute")
	}
}

// explained is a row whose error is explained.
type explained struct{ *sql.Row }

// Scan implements Scanner.
func (r explained) Scan(dest ...any) error { return explain(r.Row.Scan(dest...)) }
