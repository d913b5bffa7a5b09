package audit_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newLog(d *db.DB) *audit.Log { return audit.New(d, func() time.Time { return noon }) }

func TestRowsGoWithTheirTransaction(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, log := t.Context(), newLog(d)
		failed := errors.New("the act failed")
		row := audit.Entry{ActorID: 7, ActorName: "mona", Via: audit.ViaSite, Command: "member disable", Arguments: "bob spam",
			Subject: audit.MemberSubject(9), Outcome: audit.Done, Detail: "bob is\ndisabled.", UndoWith: "member enable bob", UndoState: audit.StateDigest("x")}
		err := d.Tx(ctx, func(tx *db.Tx) error {
			if _, err := log.Append(ctx, tx, row); err != nil {
				t.Error(err)
			}
			return failed
		})
		if !errors.Is(err, failed) {
			t.Fatal(err)
		}
		id := appended(t, d, log, row)
		rows, err := log.Recent(ctx, 10)
		if err != nil {
			t.Fatal(err)
		}
		want := row
		want.ID, want.At, want.Detail = id, noon, "bob is disabled."
		if diff := cmp.Diff([]audit.Entry{want}, rows); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
	})
}

func appended(t *testing.T, d *db.DB, log *audit.Log, e audit.Entry) (id int64) {
	t.Helper()
	err := d.Tx(t.Context(), func(tx *db.Tx) (err error) {
		id, err = log.Append(t.Context(), tx, e)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAboutFindsOldAndNewRows(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		log := newLog(d)
		old := appended(t, d, log, audit.Entry{ActorName: "shell", Command: "member disable", Arguments: "bob spam", Outcome: audit.Done})
		appended(t, d, log, audit.Entry{ActorName: "shell", Command: "member disable", Arguments: "bobby spam", Outcome: audit.Done})
		by := appended(t, d, log, audit.Entry{ActorID: 9, ActorName: "bob", Command: "stats", Outcome: audit.Denied})
		on := appended(t, d, log, audit.Entry{ActorName: "shell", Command: "kick", Arguments: "him", Subject: audit.MemberSubject(9), Outcome: audit.Done})
		appended(t, d, log, audit.Entry{ActorName: "shell", Command: "kick", Arguments: "her", Subject: audit.MemberSubject(99), Outcome: audit.Done})
		rows, err := log.About(t.Context(), 9, "bob", 10)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, r := range rows {
			got = append(got, r.ID)
		}
		if diff := cmp.Diff([]int64{on, by, old}, got); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
	})
}

func TestUndoneBy(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, log := t.Context(), newLog(d)
		act := appended(t, d, log, audit.Entry{Command: "a", Outcome: audit.Done})
		appended(t, d, log, audit.Entry{Command: "b", Outcome: audit.Failed, Undoes: act})
		if by, err := log.UndoneBy(ctx, act); by != 0 || err != nil {
			t.Errorf("before: undone by %d, %v; want 0", by, err)
		}
		undo := appended(t, d, log, audit.Entry{Command: "b", Outcome: audit.Done, Undoes: act})
		if by, err := log.UndoneBy(ctx, act); by != undo || err != nil {
			t.Errorf("after: undone by %d, %v; want %d", by, err, undo)
		}
		if _, err := log.ByID(ctx, undo+1); core.CodeOf(err) != core.NotFound {
			t.Errorf("a row that is not there: %v", err)
		}
	})
}

func TestLongUndoIsLeftOut(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		log := newLog(d)
		id, err := log.Note(context.Background(), audit.Entry{Command: "a", Outcome: audit.Failed, UndoWith: strings.Repeat("x", 501), Arguments: strings.Repeat("y", 501)})
		if err != nil {
			t.Fatal(err)
		}
		e, err := log.ByID(t.Context(), id)
		if err != nil || e.UndoWith != "" || len(e.Arguments) > 500 {
			t.Errorf("got undo %q, %d bytes of arguments, %v", e.UndoWith, len(e.Arguments), err)
		}
	})
}
