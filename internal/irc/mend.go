package irc

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// mend gives new ids to messages from the time to come, which a clock wrote that was wrong:
// the time of now, in the order in which they were said. Otherwise they would be the newest
// of their targets for as long as the clock was ahead.
func (h *History) mend(ctx context.Context) error {
	now := h.clock()
	next := FirstOf(now) + 1<<(msgIDBits-2) // apart from those that are given out now
	for {
		n := 0
		err := h.db.Tx(ctx, func(tx *db.Tx) error {
			type place struct {
				target string
				id     MsgID
			}
			list, err := db.All(ctx, tx, func(sc db.Scanner) (p place, err error) { return p, sc.Scan(&p.target, &p.id) },
				"SELECT target, id FROM irc_message WHERE id >= ? ORDER BY id, target LIMIT ?", FirstOf(core.Horizon(now, 0)), step)
			if err != nil {
				return err
			}
			at := next
			for i, p := range list {
				if i > 0 && p.id != list[i-1].id { // the copies of a message keep one id
					at++
				}
				if _, err := tx.Exec(ctx, "UPDATE irc_message SET id = ? WHERE target = ? AND id = ?", at, p.target, p.id); err != nil {
					return err
				}
			}
			n, next = len(list), at+1
			return nil
		})
		if err != nil {
			return fmt.Errorf("mend the times of messages: %w", err)
		}
		if n < step {
			return nil
		}
	}
}
