package ledger

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/tracker/journal"
)

// copyOf copies journal and database beside those who write both, in the order of
// package backup. meanwhile is called between its steps.
func copyOf(ctx context.Context, from *db.DB, dir string, to db.Config, toDir string, meanwhile func()) (err error) {
	held, err := journal.Hold(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	d, err := db.Open(ctx, to, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	meanwhile()
	return from.Snapshot(ctx, func(s *db.Snapshot) error {
		meanwhile()
		files, err := held.Files()
		if err != nil {
			return err
		}
		for _, f := range files {
			raw, err := io.ReadAll(io.LimitReader(f.Reader, f.Size))
			if err == nil {
				err = os.WriteFile(filepath.Join(toDir, f.Name), raw, 0o600)
			}
			if err != nil {
				return err
			}
		}
		meanwhile()
		return refill(ctx, s, d)
	})
}

func refill(ctx context.Context, s *db.Snapshot, d *db.DB) (err error) {
	r, err := d.Restore(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.Begin(ctx, s.Schema, nil); err != nil {
		return err
	}
	tables, err := s.Tables(ctx)
	if err != nil {
		return err
	}
	for _, t := range tables {
		var rows [][]any
		err := s.Read(ctx, t, func(values []any) error {
			rows = append(rows, append([]any(nil), values...))
			return nil
		})
		if err = errors.Join(err, r.Insert(ctx, t, rows)); err != nil {
			return err
		}
	}
	return r.Finish(ctx)
}

// TestACopyCountsOnce copies journal and database while clients announce, sums are written
// and checkpoints are made. A tracker that goes on from a copy credits each byte once: what
// was counted before the copy, and what the clients have transferred since.
func TestACopyCountsOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		const copies, most = 6, 200
		l := &testLedger{t: t, d: d, dir: t.TempDir()}
		l.open()
		l.announce(0)
		l.checkpoint()
		type copied struct {
			to  db.Config
			dir string
		}
		var all []copied
		for range copies {
			all = append(all, copied{dbtest.SQLiteConfig(t), t.TempDir()})
		}
		ended, round := make(chan error, 1), make(chan struct{})
		meanwhile := func() { // sums are written, and a checkpoint is made
			for range 3 {
				select {
				case <-round:
				case <-t.Context().Done():
				}
			}
		}
		go func() {
			for _, c := range all {
				if err := copyOf(t.Context(), d, l.dir, c.to, c.dir, meanwhile); err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
		up := int64(0)
		for going := true; going; {
			select {
			case err := <-ended:
				if err != nil {
					t.Fatal(err)
				}
				going = false
			default:
				up++
				l.announce(min(up, most)) // the clock of the announces must not run away
				switch up % 3 {
				case 0:
					flush(t, l.Book)
				case 1:
					l.checkpoint()
				}
				select {
				case round <- struct{}{}:
				default:
				}
			}
		}
		if up < copies {
			t.Errorf("only %d rounds of announces went on beside", up)
		}
		for i, c := range all {
			again := &testLedger{t: t, d: dbtest.Reopen(t, c.to), dir: c.dir}
			again.open()
			before := again.o.Swarms.Totals()
			again.announce(most + 10)
			again.wants(most+10, crowdSize)
			for _, lost := range []string{"start empty", "does not reach back", "lost", "level=ERROR"} {
				if strings.Contains(again.log.String(), lost) {
					t.Errorf("copy %d says %q:\n%s", i, lost, again.log)
				}
			}
			if n := before.Seeders + before.Leechers; n != crowdSize {
				t.Errorf("copy %d begins with %d clients", i, n)
			}
		}
	})
}
