package ledger

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// crowd announces n clients over 20,000 torrents to the swarms and the book.
func crowd(tb testing.TB, b *Book, n int, up int64, at time.Time) {
	tb.Helper()
	for i := range n {
		a := swarm.Announce{Torrent: core.TorrentID(1 + i*7919%20_000), Member: core.MemberID(1 + i%99_991), Key: uint64(i), Uploaded: up,
			Left: int64(i % 3), Over6: i%10 == 0, At: at}
		copy(a.PeerID[:], "-TR3000-")
		binary.BigEndian.PutUint64(a.PeerID[12:], uint64(i))
		if a.Over6 {
			a.V6 = wire.EndpointOf6([18]byte{0x20, 1, 12: byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i), 0x1a, 0xe1})
		} else {
			a.V4 = wire.EndpointOf4([6]byte{44, byte(i >> 16), byte(i >> 8), byte(i), 0x1a, 0xe1})
		}
		_, err := b.o.Swarms.Announce(&a, nil, func(c swarm.Change) error {
			_, err := b.Record(Entry{Member: c.Member, Torrent: c.Torrent, Up: c.Up, Down: c.Down, RawUp: c.Up, RawDown: c.Down, SeedTime: c.SeedTime,
				Left: c.Left, Active: c.Active, At: c.At, Record: b.o.Swarms.Record(c.Torrent)})
			return err
		})
		if err != nil {
			tb.Fatal(err)
		}
		if i%50 == 0 {
			commit(tb, b)
		}
	}
}

// BenchmarkOpenMillion starts from a checkpoint of a million clients and the records
// after it: those of five minutes, or the most that there can be after a checkpoint.
// The last few, or half of them, are not in the database.
func BenchmarkOpenMillion(b *testing.B) {
	for name, after := range map[string]struct{ records, unwritten int }{"usual": {170_000, 6_000}, "most": {manyRecords, manyRecords / 2}} {
		b.Run(name, func(b *testing.B) {
			d, dir := dbtest.SQLite(b), b.TempDir()
			book := bookIn(b, d, dir, nil)
			crowd(b, book, 1_000_000, 0, epoch)
			if err := book.Checkpoint(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.Logf("the checkpoint took %v", time.Duration(book.checkpoints.took.Load()))
			for n := after.records; n > 0; n -= 1_000_000 {
				crowd(b, book, min(n, 1_000_000), int64(n), epoch.Add(30*time.Minute))
			}
			commit(b, book)
			upto := book.journal.Position() - uint64(after.unwritten)
			exec(b, d, fmt.Sprintf("UPDATE ledger_mark SET position = %d", upto)) // writing it all takes too long here
			begun := time.Now()
			closeBook(b, book)
			b.Logf("the end took %v", time.Since(begun))
			before := cpuTime(b)
			for b.Loop() {
				book = bookIn(b, d, dir, nil)
				if n := book.o.Swarms.Totals(); n.Seeders+n.Leechers != 1_000_000 || book.rows.Load() != int64(after.unwritten) {
					b.Fatalf("%+v, %d rows", n, book.rows.Load())
				}
				closeBook(b, book)
			}
			b.ReportMetric((cpuTime(b)-before).Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
