package ledger

import "github.com/caduceus-bio/caduceus/internal/core"

// Move applies a record of swarm.Export or swarm.LeaveRecord to the swarms and writes
// it into the journal. It lasts once Checkpoint has succeeded.
func (b *Book) Move(id core.TorrentID, rec []byte) error {
	b.recording.RLock()
	defer b.recording.RUnlock()
	if _, err := b.journal.AppendNoWait(encodeMove(id, rec)); err != nil {
		return refusal(err)
	}
	return b.o.Swarms.Replay(rec)
}
