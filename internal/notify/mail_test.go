package notify_test

import (
	"context"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/mail"
	"github.com/caduceus-bio/caduceus/internal/notify"
)

// TestLetters hands notifications over to the real queue of letters.
func TestLetters(t *testing.T) {
	each(t, func(w *world) {
		config := mail.DefaultConfig()
		config.Host, config.From = "localhost", "noreply@site.example"
		queue, err := mail.NewQueue(w.db, w.events, w.keys, w.clock.Now, config, mail.Site{Name: "Test", URL: "https://site.example"})
		w.must(err)
		way := notify.ByMail{Queue: queue, Members: w.members, Address: func(_ context.Context, _ *db.Tx, m core.MemberID) (string, error) {
			return map[core.MemberID]string{w.ann: "ann@lab.example"}[m], nil
		}}
		w.store = notify.NewStore(w.db, w.keys, w.clock.Now, notify.Options{Carriers: map[notify.Way]notify.Carrier{notify.Mail: way}})
		for _, m := range []core.MemberID{w.ann, w.bob, 4711} { // bob has no address, and the last is nobody
			w.write(notify.Note{Member: m, Kind: notify.SecretChanged, Title: "The IRC key was replaced.", Text: "Look.", Link: "/settings/security", Once: "a"})
			w.write(notify.Note{Member: m, Kind: notify.StaffMessage, Title: "mona (staff) wrote to you.", Text: "Please seed.", Once: "b"})
		}
		w.deliver()
		w.deliver()
		type row struct {
			Kind   string
			Member core.MemberID
			Bulk   int
			State  string
		}
		got, err := db.All(w.Context(), w.db, func(sc db.Scanner) (r row, err error) { return r, sc.Scan(&r.Kind, &r.Member, &r.Bulk, &r.State) },
			"SELECT kind, member_id, bulk, state FROM mail ORDER BY id")
		w.must(err)
		want := []row{{"secret.changed", w.ann, 0, "queued"}, {"staff.message", w.ann, 1, "queued"}}
		if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			w.Errorf("queued %+v, want %+v", got, want)
		}
		if state, _ := w.deliveryState(" 4711 a"); state != "nowhere" {
			w.Errorf("to nobody: %s", state)
		}
	})
}
