package commands_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

func TestAnnounces(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		alice, _, _ := w.join(t, "alice", "User"), w.join(t, "bob", "User"), w.join(t, "mona", "Moderator")
		added := w.upload(t, alice, "Yeast reference assembly")
		at := w.clock.Now().Add(-time.Hour)
		err := w.deps.Transfer.Write(t.Context(), []transfer.Record{
			{Member: alice.ID, Torrent: added.Torrent, Slot: transfer.Slot{Ring: added.Torrent}, At: at, Announces: 1, Event: "completed", Client: "Transmission 4.0.6", V4: true, Public: true,
				Reach: transfer.ReachClosed, Announced: transfer.Amount{Up: 3 * core.GiB, Down: core.GiB}, Credited: transfer.Amount{Up: 3 * core.GiB}, Leech: core.LeechFree, Outcome: transfer.Counted},
			{Member: alice.ID, At: at.Add(time.Minute), Announces: 1, Client: "Xunlei 0.0.1", Leech: core.LeechNormal, Outcome: "client_refused"},
		})
		if err != nil {
			t.Fatal(err)
		}
		lines := w.do(t, w.actor(t, "alice"), "announces").Lines
		if len(lines) != 2 {
			t.Fatalf("%d lines: %q", len(lines), lines)
		}
		has(t, lines[:1], "an unknown torrent, Xunlei 0.0.1. Refused: Xunlei 0.0.1 is not on the list of allowed clients")
		has(t, lines[1:], "2026-03-01 11:00 UTC torrent", "(Yeast reference assembly), completed, Transmission 4.0.6 over IPv4: 3.00 GiB up, 1.00 GiB down.",
			"Freeleech: the upload counts, the download does not.", "can't reach this client")
		one := w.do(t, w.actor(t, "alice"), fmt.Sprintf("announces --torrent %d", added.Torrent)).Lines
		if len(one) != 1 {
			t.Errorf("of one torrent: %q", one)
		}
		has(t, w.do(t, w.actor(t, "bob"), "announces").Lines, "No announces of bob")
		w.refuse(t, command.Request{Actor: w.actor(t, "bob"), Line: "announces alice"}, core.Forbidden)
		w.refuse(t, command.Request{Actor: command.Guest("nobody", audit.ViaIRC), Line: "announces"}, core.Forbidden)
		w.refuse(t, command.Request{Actor: command.Shell(), Line: "announces"}, core.Invalid)
		has(t, w.do(t, w.actor(t, "mona"), "announces alice").Lines, "Yeast reference assembly")
		has(t, w.do(t, command.Shell(), "announces alice").Lines, "Yeast reference assembly")

		// Whatever is asked in a channel, nobody else reads the answer.
		reply, err := w.Execute(t.Context(), command.Request{Actor: w.actor(t, "alice"), Line: "announces", Place: command.Channel})
		if err != nil || strings.Contains(strings.Join(reply.Lines, ""), "Yeast") {
			t.Errorf("in a channel: %q, %v", reply.Lines, err)
		}
		has(t, reply.Private, "Yeast reference assembly")
	})
}

func TestTrackerState(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "alice", "User")
		w.join(t, "mona", "Moderator")
		mona := w.actor(t, "mona")
		w.refuse(t, command.Request{Actor: w.actor(t, "alice"), Line: "tracker"}, core.Forbidden)
		has(t, w.do(t, mona, "tracker").Lines, "No tracker has reported")
		start := w.clock.Now().Add(-40 * time.Second)
		for name, at := range map[string]time.Time{"tracker": start, "tracker:b": start.Add(-2 * time.Hour)} {
			err := w.deps.Transfer.WriteMinute(t.Context(), transfer.Minute{
				Tracker: name, Start: at, Seconds: 30, Announces: 300, Scrapes: 3, Refused: 6, Refusals: map[string]int64{"disabled": 2, "unknown_key": 4},
				Seeders: 70, Leechers: 8, Peers4: 60, Peers6: 20, Torrents: 9, P50: 20 * time.Microsecond, P99: 700 * time.Microsecond, Worst: 9 * time.Millisecond,
				Unwritten: 12, FlushAge: 2 * time.Second, EventRead: 40, EventLast: 44, EventLag: 1500 * time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		lines := w.do(t, mona, "tracker").Lines
		has(t, lines, "tracker: 10.0 announces and 0.1 scrapes a second, 0.2 of them refused; half of the answers within 20µs, 99 % within 700µs, the slowest 9ms",
			"70 seeders and 8 leechers at 60 IPv4 and 20 IPv6 addresses, in 9 torrents; 12 sums wait for the database, the oldest for 2s; event 40 of 44, 1.5s behind",
			"refused in this minute: unknown_key 4, disabled 2", "tracker:b: silent for 2h")
		if len(lines) != 4 {
			t.Errorf("lines %q", lines)
		}
		w.refuse(t, command.Request{Actor: mona, Line: "tracker", Place: command.Channel}, core.Invalid)
	})
}

func TestEndangered(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		alice := w.join(t, "alice", "User")
		has(t, w.do(t, w.actor(t, "alice"), "endangered").Lines, "fewer than two seeders")
		var low []transfer.Watched
		for i := range 5 {
			added := w.upload(t, alice, fmt.Sprintf("Dataset number %d", i))
			low = append(low, transfer.Watched{Torrent: added.Torrent, Seeders: i % 2, Since: w.clock.Now().Add(-time.Hour)})
		}
		if err := w.deps.Transfer.Watch(t.Context(), low); err != nil {
			t.Fatal(err)
		}
		lines := w.do(t, w.actor(t, "alice"), "endangered").Lines
		if len(lines) != 6 {
			t.Errorf("lines %q", lines)
		}
		has(t, lines, "Torrents without a seeder: 3, with one: 2 - https://bio.example/endangered", "no seeder since 2026-03-01 11:00 UTC: Dataset number 0 [")
		reply, err := w.Execute(t.Context(), command.Request{Actor: w.actor(t, "alice"), Line: "endangered", Place: command.Channel})
		if err != nil || len(reply.Lines) != 4 {
			t.Errorf("in a channel: %q, %v", reply.Lines, err)
		}
		w.refuse(t, command.Request{Actor: command.Guest("nobody", audit.ViaIRC), Line: "endangered"}, core.Forbidden)
	})
}
