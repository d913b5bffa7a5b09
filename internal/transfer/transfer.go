// Package transfer is what the tracker tells the rest of the house beside its ledger:
// the last announces of each member with what came of them, how the tracker does
// minute by minute, and which torrents are about to lose their last seeder. The
// tracker writes it, the site and the commands read it.
//
// Records explain credit, they are not credit: the last seconds of them may be lost
// when the tracker is killed, and above a limit the tracker leaves some out.
//
// Concurrency: a Store is safe for concurrent use.
package transfer

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Store reads and writes the tables.
type Store struct{ db db.Conn }

// NewStore returns the store on d.
func NewStore(d *db.DB) *Store { return &Store{db: d} }

// In returns the store bound to tx: what it reads and writes is part of that
// transaction. It must not be used after the transaction's end.
func (s *Store) In(tx *db.Tx) *Store {
	bound := *s
	bound.db = tx
	return &bound
}

// Outcome says what came of an announce. Those of answered announces are listed here;
// a refused one has the code of its refusal, such as "disabled".
type Outcome string

// The outcomes of announces that were answered.
const (
	Counted   Outcome = "ok"        // what was transferred counts, as the leech state says
	First     Outcome = "first"     // the client is new: counting begins
	Restarted Outcome = "restarted" // its counters went back: counting starts over
	Rebased   Outcome = "rebased"   // one of its counters went back: that one is counted on from there
	Clamped   Outcome = "clamped"   // it announced more than can be, and what is too much was cut
)

// Reach says whether others can connect to a client, as far as the tracker has tried.
type Reach string

// The reaches.
const (
	ReachUnknown Reach = ""       // not tried, or not yet
	ReachOpen    Reach = "open"   // a connection was made
	ReachClosed  Reach = "closed" // none could be made
)

// Record is one announce, or several similar ones of one member and torrent that came
// within seconds of each other, with what came of them.
type Record struct {
	Member     core.MemberID
	Torrent    core.TorrentID // 0 when it was refused and not even its torrent is known
	At         time.Time      // of the last
	Announces  int
	Event      string // started, stopped, completed, paused, or ""
	Client     string // by its peer-id
	V4, V6     bool   // over which address families it came
	Public     bool   // others may be sent to its address
	Reach      Reach
	Announced  Amount // since the announces before, as the client tells it
	Credited   Amount
	Left       core.Bytes
	Leech      core.Leech // that held
	Outcome    Outcome
	MemberName string // when read
	Title      string // when read; of the dataset, "" when the torrent is gone
	Group      core.GroupID
	Slot       Slot
}

// Amount is a transfer in both directions.
type Amount struct{ Up, Down core.Bytes }

// Refused reports whether the announce was not answered.
func (r Record) Refused() bool { return r.Slot.Ring == 0 }

// Slot is where a record is stored: a position in one of its member's rings. Ring is
// the torrent, or 0 for refusals.
type Slot struct {
	Ring  core.TorrentID
	Place int
}
