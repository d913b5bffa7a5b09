package commands_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// windows is what staff opened for members, with the torrents that they are about.
func (w *world) windows(t *testing.T) (out []string) {
	t.Helper()
	rows, err := w.db.QueryContext(t.Context(), "SELECT member_id, torrent_id, reason FROM leech_window ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var member, torrent int64
		var reason string
		if err := rows.Scan(&member, &torrent, &reason); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%d %d %s", member, torrent, reason))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestOptionsAreNeverTakenForText writes options as people do, phones included: each line
// gives freeleech on the one torrent, or does nothing before somebody agrees.
func TestOptionsAreNeverTakenForText(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		carol := w.join(t, "carol", "User")
		w.join(t, "mona", "Moderator")
		mona := w.actor(t, "mona")
		torrent := int64(w.upload(t, carol, "A dataset of somebody").Torrent)
		want := fmt.Sprintf("%d %d ", carol.ID, torrent)
		for _, dashes := range []string{"--", "—", "–", "――", "−−", "‐‐", "-", "-–"} {
			for _, form := range []string{"%storrent %d carol 2h thanks", "carol %storrent %d 2h thanks", "carol 2h %storrent %d thanks",
				"carol 2h %sTorrent=%d thanks", "carol 2h %storrent=“%d” thanks"} {
				line := "freeleech member " + fmt.Sprintf(form, dashes, torrent)
				if a := w.do(t, mona, line); a.Pending != nil {
					t.Errorf("%s: asked %q", line, a.Lines)
					continue
				}
				got := w.windows(t)
				if last := got[len(got)-1]; last != want+"thanks" {
					t.Errorf("%s: opened %q", line, last)
				}
				w.clock.Add(3 * time.Hour) // so that it is over: there is a limit
			}
		}
		before := len(w.windows(t))
		// In the text it is no option: that is asked about.
		for text, kept := range map[string]string{
			"thanks --torrent 20": "", "thanks —torrent 20": "", "thanks -torrent 20": "", "thanks -t 20": "", "thanks --torent=20": "",
			"thanks —so much": "", "–welcome": "", "he said “thanks” –twice": "",
		} {
			a := w.do(t, mona, "freeleech member carol 2h "+text)
			if a.Pending == nil || !a.Pending.Doubt || len(w.windows(t)) != before {
				t.Fatalf("%s: done without a question: %q", text, a.Lines)
			}
			has(t, a.Lines, "no --torrent", "name carol", "reason “"+text+"”", "confirm "+a.Pending.Code)
			w.do(t, mona, "confirm "+a.Pending.Code)
			got := w.windows(t)
			if last := got[len(got)-1]; last != fmt.Sprintf("%d 0 %s", carol.ID, text) {
				t.Errorf("%s%s: opened %q", text, kept, last)
			}
			before = len(got)
		}
		for _, line := range []string{"carol 2h --torent 20 thanks", "carol 2h -t 20 thanks", "--hours 3 carol 2h thanks", "carol 2h --torrent", "carol 2h --torrent 1 --torrent 2 x"} {
			w.refuse(t, command.Request{Actor: mona, Line: "freeleech member " + line}, core.Invalid)
		}
		if len(w.windows(t)) != before {
			t.Errorf("a refused line did something: %q", w.windows(t))
		}
	})
}

// TestPlainTextsAreNotAskedAbout makes sure that what is no option is taken as it stands.
func TestPlainTextsAreNotAskedAbout(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		carol := w.join(t, "carol", "User")
		w.join(t, "mona", "Moderator")
		mona := w.actor(t, "mona")
		for line, reason := range map[string]string{
			"thanks - see the wiki":            "thanks - see the wiki",
			"thanks — see the wiki":            "thanks — see the wiki",
			"a -20 °C sample, 3–5 years":       "a -20 °C sample, 3–5 years",
			"she said “go on” twice, it's 5\"": "she said “go on” twice, it's 5\"",
			`"thanks --torrent 20"`:            "thanks --torrent 20",
			"“thanks --torrent 20”":            "thanks --torrent 20",
			"«thanks —torrent 20»":             "thanks —torrent 20",
			"-- thanks --torrent 20":           "thanks --torrent 20",
			"-- --torrent 20":                  "--torrent 20",
			"‘tis the season":                  "‘tis the season",
			"for the “--force” of it":          "for the “--force” of it",
		} {
			if a := w.do(t, mona, "freeleech member carol 2h "+line); a.Pending != nil {
				t.Errorf("%s: asked %q", line, a.Lines)
				continue
			}
			got := w.windows(t)
			if last := got[len(got)-1]; last != fmt.Sprintf("%d 0 %s", carol.ID, reason) {
				t.Errorf("%s: opened %q", line, last)
			}
		}
		// The fields of a form hold no options.
		given := map[string]string{"name": "carol", "duration": "2h", "reason": "thanks --torrent 20 --dry-run"}
		a, err := w.Execute(t.Context(), command.Request{Actor: mona, Command: "freeleech member", Given: given})
		if got := w.windows(t); err != nil || a.Pending != nil || !strings.HasSuffix(got[len(got)-1], "thanks --torrent 20 --dry-run") {
			t.Errorf("a form: %+v, %v, %q", a, err, got)
		}
		// A question does no harm; an option of its own must stand where it is one.
		w.do(t, mona, "search lambda -phage —virus")
		w.refuse(t, command.Request{Actor: mona, Line: "irclog yeast --since 2d"}, core.Invalid)
		w.refuse(t, command.Request{Actor: mona, Line: "irclog --sincee 2d yeast"}, core.Invalid)
		has(t, w.do(t, mona, "irclog —since 2d yeast").Lines, "Nothing")
	})
}

// TestDryRun runs what changes something with --dry-run, wherever it stands.
func TestDryRun(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "carol", "User")
		w.join(t, "sys", "Sysop")
		sys := w.actor(t, "sys")
		for _, line := range []string{
			"member disable carol --dry-run spam", "member disable carol spam --dry-run", "member disable carol —dry-run spam", "member disable carol spam –dry–run now",
			"member disable --dry-run carol spam", "member class carol Power User --dry-run", "member restrict carol download traded keys --dry-run", "member warn carol 1w --dry-run be kind",
			"member announcekey carol --dry-run", "member recover carol --dry-run she showed it", "member create --dry-run dora", "freeleech 2h --dry-run party", "channel create #lab --dry-run",
			"kline add --dry-run eve@* spam", "irclog keep #general 3 --dry-run",
		} {
			before := w.everything(t)
			a := w.do(t, sys, line)
			has(t, a.Lines, "Nothing was done")
			if a.Pending != nil || a.Entry != 0 || len(a.Private) > 0 {
				t.Errorf("%s: %+v", line, a)
			}
			if after := w.everything(t); after != before {
				t.Errorf("%s changed something:\n%s\n%s", line, before, after)
			}
		}
		has(t, w.do(t, sys, "member disable carol spam --dry-run").Lines, "would disable carol", "reason “spam”")
		has(t, w.do(t, sys, "member restrict carol download traded keys --dry-run").Lines, "carol is restricted: download is off", "Reason: traded keys")
		w.refuse(t, command.Request{Actor: sys, Line: "member enable carol --dry-run"}, core.Conflict)
		w.refuse(t, command.Request{Actor: sys, Line: "member create --dry-run carol"}, core.Conflict)
		w.refuse(t, command.Request{Actor: w.actor(t, "carol"), Line: "member disable sys --dry-run x"}, core.Forbidden)
		w.refuse(t, command.Request{Actor: sys, Line: "stats carol --dry-run"}, core.Invalid)
		entry := w.do(t, sys, "member restrict carol download traded keys").Entry
		has(t, w.do(t, sys, fmt.Sprintf("undo %d --dry-run", entry)).Lines, "Nothing was done", "Lifted for carol: no-download")
		m, err := w.deps.Members.ByName(t.Context(), "carol")
		if err != nil || m.MayDownload() || !m.Enabled() {
			t.Errorf("carol is %+v, %v", m, err)
		}
	})
}

// everything is how much there is in the tables that commands write.
func (w *world) everything(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for _, query := range []string{"SELECT COUNT(*) FROM member", "SELECT COUNT(*) FROM member_cause", "SELECT COUNT(*) FROM audit",
		"SELECT last_id FROM event_sequence WHERE id = 1", "SELECT COUNT(*) FROM pending_act", "SELECT COUNT(*) FROM leech_window",
		"SELECT COUNT(*) FROM irc_channel", "SELECT COUNT(*) FROM ban", "SELECT SUM(class_id) FROM member", "SELECT COALESCE(SUM(ended_at), 0) FROM member_cause"} {
		var n int64
		if err := w.db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		_, _ = fmt.Fprintf(&out, "%s: %d\n", query, n)
	}
	return out.String()
}

// TestNearestCommandIsOffered mistypes commands.
func TestNearestCommandIsOffered(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for name, class := range map[string]string{"sys": "Sysop", "bob": "User"} {
			w.join(t, name, class)
		}
		for _, tt := range []struct {
			who, line, prefix string
			code              core.Code
			offered           string // a part of the answer
			not               string
		}{
			{"sys", "user info bob", "!", core.Invalid, "did you mean !member show NAME", "!stats NAME"},
			{"bob", "user info bob", "!", core.Invalid, "is too much", "member"},
			{"sys", "user disable bob x", "", core.Invalid, "member disable NAME [--for FOR] REASON", ""},
			{"sys", "torrent restore 4", "", core.NotFound, "torrent delete ID REASON", "no id"},
			{"sys", "member curse bob x", "", core.NotFound, "there are member addresses, announcekey, at, ", ""},
			{"bob", "member curse bob x", "", core.NotFound, "help lists", "disable"},
			{"sys", "member", "", core.NotFound, ", show, ", "…"},
			{"sys", "membre shwo bob", "!", core.NotFound, "!member show NAME", ""},
			{"sys", "freeleech of", "", core.NotFound, "freeleech off", ""},
			{"sys", "freeleech party 24h", "", core.NotFound, "freeleech on", ""},
			{"sys", "irclog serch yeast", "", core.NotFound, "irclog search", ""},
			{"bob", "irclog serch yeast", "", core.NotFound, "irclog private", "search"},
			{"bob", "irclog privat on", "", core.NotFound, "irclog private", ""},
			{"sys", "nick ad bob2", "", core.NotFound, "nick add NICK", ""},
			{"sys", "kline eve@* spam", "", core.NotFound, "kline add", ""},
			{"sys", "disable bob x", "", core.NotFound, "member disable", ""},
			{"bob", "disable bob x", "", core.NotFound, "help lists", "member"},
			{"bob", "sats bob", "!", core.NotFound, "did you mean !stats [MEMBER]?", ""},
			{"bob", "dance", "!", core.NotFound, "!help lists", ""},
		} {
			text := w.refuse(t, command.Request{Actor: w.actor(t, tt.who), Line: tt.line, Prefix: tt.prefix}, tt.code)
			if !strings.Contains(text, tt.offered) || tt.not != "" && strings.Contains(text, tt.not) {
				t.Errorf("%s: %s: %s", tt.who, tt.line, text)
			}
		}
		// What an alias can take, it takes.
		w.do(t, w.actor(t, "sys"), "freeleech 24h party")
		w.do(t, w.actor(t, "bob"), "user bob")
		w.refuse(t, command.Request{Actor: w.actor(t, "bob"), Line: "torrent 4711"}, core.NotFound)
		for line, knows := range map[string]bool{"member curse bob": true, "MEMBER": true, "torrent restore 4": true, "confirm 1234": true, "user info bob": true, "dance": false, "": false, "members": false} {
			if w.Knows(line) != knows {
				t.Errorf("%q: known %t", line, !knows)
			}
		}
	})
}

// TestClassesOfSeveralWords names classes without quotation marks.
func TestClassesOfSeveralWords(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "carol", "User")
		w.join(t, "sys", "Sysop")
		sys := w.actor(t, "sys")
		for _, tt := range []struct{ line, class string }{
			{"member class carol Power User", "Power User"}, {"member class carol user", "User"}, {"member class carol power   user", "Power User"},
			{"member class carol “User”", "User"}, {`member class carol "Power User"`, "Power User"}, {"member class carol Elite", "Elite"},
		} {
			has(t, w.do(t, sys, tt.line).Lines, "carol is now "+tt.class+" ")
		}
		has(t, w.do(t, sys, "member create --class Power User dora").Lines, "dora", "Power User")
		has(t, w.do(t, sys, "member create --class=Power User erin").Lines, "erin", "Power User")
		has(t, w.do(t, sys, "class slots Power User 7").Lines, "class Power User", "7 torrents")
		for _, line := range []string{"member class carol Powr User", "member class carol Power", "member class carol Power User please"} {
			w.refuse(t, command.Request{Actor: sys, Line: line}, core.Invalid)
		}
		has(t, []string{w.refuse(t, command.Request{Actor: sys, Line: "member class carol Powr User"}, core.Invalid)}, `"Powr User"`, "Power User")
	})
}

// TestHelpIsShort looks at help as everybody and everywhere: eight lines, of what the asker
// may run, as they must write it there.
func TestHelpIsShort(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		actors := map[string]command.Actor{"shell": command.Shell(), "guest": command.Guest("visitor", audit.ViaIRC)}
		for name, class := range map[string]string{"sys": "Sysop", "mona": "Moderator", "bob": "User"} {
			w.join(t, name, class)
			actors[name] = w.actor(t, name)
		}
		for name, actor := range actors {
			for _, place := range []command.Place{command.Private, command.Staff, command.Channel} {
				prefix := "!"
				if place == command.Private {
					prefix = ""
				}
				ask := func(line string) []string {
					a, err := w.Execute(context.Background(), command.Request{Actor: actor, Line: line, Place: place, Prefix: prefix})
					if err != nil {
						t.Fatalf("%s: %s: %v", name, line, err)
					}
					if len(a.Lines) > 8 {
						t.Errorf("%s: %s: %d lines", name, line, len(a.Lines))
					}
					for _, l := range a.Lines {
						if len(l) > 400 {
							t.Errorf("%s: %s: %d bytes in %q", name, line, len(l), l)
						}
					}
					return a.Lines
				}
				shown := strings.Join(ask("help"), ", ") + ", "
				for _, i := range w.All() {
					_, denied := w.Named(actor, i.Name)
					want := denied == nil && (place != command.Channel || i.Public || i.Secret)
					if got := strings.Contains(" "+shown, " "+prefix+i.Name+", ") || strings.Contains(" "+shown, " "+prefix+i.Name+" ["); got != want {
						t.Errorf("%s in %d: %s is shown %t in %q", name, place, i.Name, got, shown)
					}
					if want {
						has(t, ask("help "+i.Name), prefix+i.Name)
					}
				}
			}
		}
		one := func(who, line string) []string { return w.do(t, actors[who], line).Lines }
		if got := one("bob", "help certfp list")[0]; got != "certfp list" {
			t.Errorf("a member is shown what is for staff: %q", got)
		}
		has(t, one("mona", "help certfp list"), "certfp list [--member MEMBER]")
		has(t, one("sys", "help member"), "member disable NAME [--for FOR] REASON", "member class NAME CLASS")
		has(t, one("bob", "help torrent"), "torrent delete", "info ID")
		has(t, one("bob", "help !stats"), "stats [MEMBER]")
	})
}
