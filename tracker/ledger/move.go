package ledger

import "github.com/caduceus-bio/caduceus/internal/core"

// Move does to the swarms what a record of swarm.Export or swarm.LeaveRecord says,
// and writes it into the journal. It lasts once Checkpoint or Commit says so.
func (b *Book) Move(id core.TorrentID, rec []byte) error {
	b.cut.RLock()
	defer b.cut.RUnlock()
	if _, err := b.journal.AppendNoWait(encodeMove(id, rec)); err != nil {
		return refusal(err)
	}
	return b.o.Swarms.Replay(rec)
}
