package commands_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/schedule"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// write is something that many do to the same rows at once. n is another number each
// time.
type write struct {
	name string
	do   func(ctx context.Context, n int) error
}

// TestManyWriters has 16 writers use every store at once, on MariaDB as it is from
// 11.6.2 on and as it was before. Nothing fails but for a reason that the store gives,
// and what is limited stays within its limit.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	for _, snapshot := range []string{"ON", "OFF"} {
		t.Run("innodb_snapshot_isolation="+snapshot, func(t *testing.T) {
			t.Parallel()
			c := dbtest.MariaDBConfig(t)
			c.Session["innodb_snapshot_isolation"] = snapshot
			c.MaxConnections = 32
			manyWriters(t, newWorld(t, dbtest.Open(t, c)))
		})
	}
	t.Run("sqlite", func(t *testing.T) { manyWriters(t, newWorld(t, dbtest.SQLite(t))) })
}

func manyWriters(t *testing.T, w *world) {
	const writers, rounds = 16, 3
	alice := w.join(t, "alice", "User")
	boss := w.join(t, "boss", member.SysopClass)
	added := w.upload(t, alice, "Everybody's dataset")
	list := slices.Concat(w.memberWrites(t, alice), w.catalogWrites(alice, added), w.ircWrites(alice),
		w.otherWrites(alice, boss, added), w.commandWrites(boss))
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for round := range rounds {
				for k := range list {
					one := list[(k+i)%len(list)] // each begins elsewhere
					err := one.do(t.Context(), 1000*(k+1)+100*round+i)
					switch core.CodeOf(err) {
					case "", core.Conflict, core.NotFound:
					default:
						t.Errorf("writer %d: %s: %v", i, one.name, err)
					}
				}
			}
		})
	}
	wg.Wait()
	w.staysWithinLimits(t, alice)
}

func (w *world) memberWrites(t *testing.T, alice member.Member) []write {
	s := w.deps.Members
	drafts := make([]member.Draft, 7) // hashed beforehand: how many hash at once is bounded
	for i := range drafts {
		var err error
		if drafts[i], err = s.Draft(t.Context(), member.New{Name: fmt.Sprintf("wanted%d", i), Password: "a passphrase of some length"}); err != nil {
			t.Fatal(err)
		}
	}
	return []write{
		{"token", func(ctx context.Context, n int) error {
			_, err := s.NewToken(ctx, alice.ID, fmt.Sprint(n), member.ScopeRead)
			return err
		}},
		{"certificate", func(ctx context.Context, n int) error {
			_, err := s.AddCertificate(ctx, alice.ID, fmt.Sprintf("%064x", n), "laptop")
			return err
		}},
		{"session", func(ctx context.Context, _ int) error {
			_, err := s.NewSession(ctx, alice.ID, "browser")
			return err
		}},
		{"nick", func(ctx context.Context, n int) error {
			return s.AddNick(ctx, alice.ID, fmt.Sprintf("wanted%d", n%7), 2)
		}},
		{"account of a nick's name", func(ctx context.Context, n int) error {
			_, err := s.CreateFrom(ctx, drafts[n%len(drafts)])
			return err
		}},
		{"class", func(ctx context.Context, n int) error {
			return s.SetClass(ctx, alice.ID, []string{"User", "Member"}[n%2])
		}},
		{"secondary class", func(ctx context.Context, n int) error { return s.SetSecondary(ctx, alice.ID, "Donor", n%2 == 0) }},
		{"announce key", func(ctx context.Context, _ int) error {
			_, err := s.NewAnnounceKey(ctx, alice.ID)
			return err
		}},
		{"expired sessions", func(ctx context.Context, _ int) error {
			_, err := s.ExpireSessions(ctx, 10)
			return err
		}},
	}
}

func (w *world) catalogWrites(alice member.Member, added catalog.Added) []write {
	d := w.deps
	return []write{
		{"edit", func(ctx context.Context, n int) error {
			g, err := d.Catalog.Group(ctx, catalog.Viewer{ID: alice.ID}, added.Group)
			if err != nil {
				return err
			}
			f := catalog.TorrentForm{Platform: "", Version: "1.0.0", Description: fmt.Sprint("All of it, ", n)}
			if len(g.Torrents) > 0 {
				f.Platform, f.Format, f.Archive, f.Scope, f.License = g.Torrents[0].Platform, g.Torrents[0].Format, g.Torrents[0].Archive, g.Torrents[0].Scope, g.Torrents[0].License
			}
			return d.Catalog.Edit(ctx, catalog.Edit{Group: added.Group, Torrent: added.Torrent, Revision: g.Revision, TorrentForm: &f})
		}},
		{"leech state", func(ctx context.Context, _ int) error {
			return d.Catalog.SetLeech(ctx, added.Torrent, core.LeechFree, "everybody needs it")
		}},
	}
}

func (w *world) ircWrites(alice member.Member) []write {
	d, now := w.deps, w.clock.Now()
	return []write{
		{"channel", func(ctx context.Context, n int) error {
			_, err := d.IRC.Create(ctx, irc.Channel{Name: fmt.Sprintf("#c%d", n%9), Modes: "+nt"})
			return err
		}},
		{"change of a channel", func(ctx context.Context, n int) error {
			_, _, err := d.IRC.Change(ctx, fmt.Sprintf("#c%d", n%9), func(c *irc.Channel) error { c.Purpose = fmt.Sprint(n); return nil })
			return err
		}},
		{"modes", func(ctx context.Context, n int) error {
			return d.IRC.SaveModes(ctx, fmt.Sprintf("#c%d", n%9), "+nt", irc.MaskChange{Add: true, Mask: irc.Mask{Kind: 'b', Mask: fmt.Sprintf("x%d!*@*", n%3), By: "x", At: now}})
		}},
		{"deletion of a channel", func(ctx context.Context, n int) error { return d.IRC.Delete(ctx, fmt.Sprintf("#c%d", n%9)) }},
		{"line", func(ctx context.Context, n int) error {
			l, err := irc.NewLine(irc.KLine, fmt.Sprintf("*@host%d.example", n%3), "spam", "x", now, time.Hour)
			if err == nil {
				err = d.IRC.AddLine(ctx, l)
			}
			return err
		}},
		{"history", func(ctx context.Context, n int) error {
			return d.History.Append(ctx, []irc.Sent{{Message: irc.Message{Target: "#general", ID: irc.MsgID(n), Kind: "PRIVMSG", Source: "x!x@x", Text: "x"}}})
		}},
		{"read marker", func(ctx context.Context, n int) error {
			return d.History.SetMarker(ctx, alice.ID, "#general", now.Add(time.Duration(n)*time.Second))
		}},
	}
}

func (w *world) otherWrites(alice, boss member.Member, added catalog.Added) []write {
	d, now := w.deps, w.clock.Now()
	return []write{
		{"freeleech window", func(ctx context.Context, n int) error {
			win, err := d.Economy.Open(ctx, economy.Window{State: core.LeechFree, Starts: now, Ends: now.Add(time.Hour), Reason: "a party"}, boss.ID)
			if err == nil && n%2 == 0 {
				_, err = d.Economy.End(ctx, win.ID, boss.ID)
			}
			return err
		}},
		{"edges of freeleech", func(ctx context.Context, _ int) error {
			_, err := d.Economy.TellEdges(ctx)
			return err
		}},
		{"client", func(ctx context.Context, n int) error {
			_, err := d.Clients.Add(ctx, fmt.Sprintf("-XX%d", n%5), "a client", "")
			return err
		}},
		{"removal of a client", func(ctx context.Context, n int) error { return d.Clients.Remove(ctx, fmt.Sprintf("-XX%d", n%5)) }},
		{"request for a job", func(ctx context.Context, _ int) error {
			_, err := d.Schedule.Request(ctx, schedule.Jobs()[0].Name, "boss")
			return err
		}},
		{"lease", func(ctx context.Context, n int) error {
			_, err := w.db.Lease(ctx, "job", fmt.Sprint(n), now, time.Minute)
			return err
		}},
		{"cursor", func(ctx context.Context, n int) error { return d.Events.Advance(ctx, "a consumer", int64(n)) }},
		{"pruning of events", func(ctx context.Context, _ int) error {
			_, err := d.Events.Prune(ctx, now.Add(time.Hour), 10)
			return err
		}},
		{"announce records", func(ctx context.Context, n int) error {
			return d.Transfer.Write(ctx, []transfer.Record{{Member: alice.ID, Slot: transfer.Slot{Ring: added.Torrent, Place: n % 3}, Torrent: added.Torrent, At: now}})
		}},
		{"event of a transaction", func(ctx context.Context, _ int) error {
			return w.db.Tx(ctx, func(tx *db.Tx) error {
				_, err := d.Events.Append(ctx, tx, eventlog.ClientsChanged{})
				return err
			})
		}},
	}
}

// commandWrites are commands that a sysop gives, with a number in them.
func (w *world) commandWrites(boss member.Member) (list []write) {
	for _, line := range []string{"class slots Member %d", "member disable alice because %d"} {
		list = append(list, write{line, func(ctx context.Context, n int) error {
			_, err := w.Execute(ctx, command.Request{Actor: command.Of(boss, audit.ViaIRC), Line: fmt.Sprintf(line, n)})
			return err
		}})
	}
	return list
}

// staysWithinLimits looks at what 16 who counted at the same moment could have exceeded.
func (w *world) staysWithinLimits(t *testing.T, alice member.Member) {
	t.Helper()
	ctx := t.Context()
	tokens, err := w.deps.Members.Tokens(ctx, alice.ID)
	if err != nil {
		t.Fatal(err)
	}
	for query, most := range map[string]int64{
		"SELECT COUNT(*) FROM api_token":                                                                     20,
		"SELECT COUNT(*) FROM member_certificate":                                                            10,
		"SELECT COUNT(*) FROM member_nick":                                                                   2,
		"SELECT COUNT(*) FROM member m JOIN member_nick n ON n.nick = m.name":                                0,
		"SELECT COUNT(*) FROM irc_mask k LEFT JOIN irc_channel c ON c.name = k.channel WHERE c.name IS NULL": 0,
		"SELECT COUNT(*) - COUNT(DISTINCT position) FROM irc_channel":                                        0,
	} {
		n, _, err := db.One(ctx, w.db, db.Value[int64], query)
		if err != nil || n > most {
			t.Errorf("%s: %d, want at most %d; %v", query, n, most, err)
		}
	}
	if len(tokens) != 20 {
		t.Errorf("%d tokens, want all 20", len(tokens))
	}
}
