package db

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// The limits of waiting for MariaDB. Each is shorter than the next, so that whoever
// knows most speaks first: MariaDB says that a lock is taken before it says that the
// statement is too slow, and either before the driver gives the connection up and
// nobody knows any more what was done.
const (
	lockWait      = 4 * time.Second  // for a row or a table that another transaction holds
	statementTime = 20 * time.Second // for a statement, waiting included
	replyTime     = 30 * time.Second // for an answer, or for the server to take what we send
	idleTime      = 60 * time.Second // a transaction that says nothing; then MariaDB drops its locks
)

const (
	dialTime = 5 * time.Second // for a connection
	connIdle = 5 * time.Minute // a connection that nobody needs is closed
)

// sessionLimits are the variables by which MariaDB keeps them.
func sessionLimits() map[string]string {
	return map[string]string{
		"innodb_lock_wait_timeout": wholeSeconds(lockWait),
		"lock_wait_timeout":        wholeSeconds(lockWait),
		"max_statement_time":       wholeSeconds(statementTime),
		"idle_transaction_timeout": wholeSeconds(idleTime),
	}
}

func wholeSeconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// The limits of trying a transaction again.
const (
	tries      = 12
	tryFor     = 20 * time.Second // no further try is begun after that
	firstPause = 5 * time.Millisecond
	mostPause  = 400 * time.Millisecond
)

// pause is how long to wait after so many tries: twice as long each time, and spread
// by chance over its second half, so that those who met don't meet again.
func pause(try int) time.Duration {
	most := min(firstPause<<min(try-1, 16), mostPause)
	return most/2 + rand.N(most/2+1) //nolint:gosec // no secret: it only spreads load
}
