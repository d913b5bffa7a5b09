package commands_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/command/commandtest"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
)

// roles that may do something
const members, staff, sysops = "user mod sysop shell", "mod sysop shell", "sysop shell"

// whoMay tells of each command a line of it, and the roles that may run it.
var whoMay = map[string]struct{ line, roles string }{
	"help":               {"help", "guest " + members},
	"undo":               {"undo 4711", members},
	"stats":              {"stats user", members},
	"search":             {"search nothing", members},
	"info":               {"info 1", members},
	"torrent delete":     {"torrent delete 1 a good reason", staff}, // not the user's own
	"freeleech calendar": {"freeleech calendar", members},
	"freeleech status":   {"freeleech status", members},
	"freeleech on":       {"freeleech on 1h a party", staff},
	"freeleech off":      {"freeleech off 77", staff},
	"freeleech torrent":  {"freeleech torrent 1 free a good reason", staff},
	"freeleech member":   {"freeleech member user 1h a good reason", staff},
	"member create":      {"member create x!", staff},
	"member show":        {"member show user", staff},
	"member disable":     {"member disable victim for a reason", staff},
	"member enable":      {"member enable victim", staff},
	"member class":       {`member class victim "Power User"`, staff},
	"member announcekey": {"member announcekey victim", staff},
	"member irckey":      {"member irckey victim", staff},
	"member passphrase":  {"member passphrase victim", "shell"},
	"member recover":     {"member recover victim for a good reason", staff},
	"member recoverlink": {"member recoverlink victim", staff},
	"member unrecover":   {"member unrecover victim", staff},
	"approve":            {"approve 00", staff},
	"pending list":       {"pending list", staff},
	"pending drop":       {"pending drop 00", staff},
	"member security":    {"member security victim", staff},
	"inbox":              {"inbox", members},
	"inbox read":         {"inbox read all", members},
	"member tell":        {"member tell victim hello", staff},
	"key replace":        {"key replace session", members},
	"client list":        {"client list", members},
	"client add":         {"client add -XX1 Some client", staff},
	"client lowest":      {"client lowest -XX1 4", staff},
	"client remove":      {"client remove -XX1", staff},
	"class slots":        {"class slots User 5", staff},
	"job list":           {"job list", sysops},
	"job run":            {"job run nothing", sysops},
	"job history":        {"job history nothing", sysops},
	"mail queue":         {"mail queue", sysops},
	"mail test":          {"mail test nobody", sysops},
	"mail again":         {"mail again 4711", sysops},
	"mail drop":          {"mail drop 4711", sysops},
	"audit":              {"audit", staff},
	"events skipped":     {"events skipped", sysops},
	"events again":       {"events again 4711", sysops},
	"events drop":        {"events drop 4711", sysops},
	"limits":             {"limits", staff},
	"limits clear":       {"limits clear victim", staff},
	"announces":          {"announces uploader", staff}, // not their own
	"tracker":            {"tracker", staff},
	"tracker unknown":    {"tracker unknown", staff},
	"endangered":         {"endangered", members},
	"irclog search":      {"irclog search yeast", staff},
	"irclog delete":      {"irclog delete 1", members},
	"irclog forget":      {"irclog forget victim", staff}, // not themselves
	"irclog keep":        {"irclog keep #nowhere 3", staff},
	"irclog private":     {"irclog private off", members},
	"irclog replay":      {"irclog replay 20", members},
	"certfp list":        {"certfp list --member victim", staff}, // not themselves
	"certfp add":         {"certfp add 00", members},
	"certfp remove":      {"certfp remove 00000000", members},
	"nick list":          {"nick list --member victim", staff}, // not themselves
	"nick add":           {"nick add Hermes", members},
	"nick remove":        {"nick remove nobody", members},
	"channel list":       {"channel list", sysops},
	"channel create":     {"channel create nothing", sysops},
	"channel set":        {"channel set #nothing guests on", sysops},
	"channel delete":     {"channel delete #nothing", sysops},
	"ban add":            {"ban add 203.0.113.7 spam", staff},
	"ban list":           {"ban list", staff},
	"ban show":           {"ban show 4711", staff},
	"ban find":           {"ban find 203.0.113.7", staff},
	"ban lift":           {"ban lift 4711 a mistake", staff},
	"ban restore":        {"ban restore 4711 a mistake", staff},
	"kline list":         {"kline list", staff},
	"kline add":          {"kline add eve@* spam", staff},
	"kline remove":       {"kline remove eve@*", staff},
	"dline add":          {"dline add 192.0.2.1 spam", staff},
	"dline remove":       {"dline remove 192.0.2.1", staff},
	"kill":               {"kill nobody spam", staff},
	"page list":          {"page list", members},
	"page show":          {"page show rules", members},
	"page history":       {"page history rules", staff},
	"page edit":          {"page edit rules 0 Rules nothing", staff},
	"page title":         {"page title nothing Something", staff},
	"page revert":        {"page revert nothing 1", staff},
	"page reset":         {"page reset nothing", staff},
	"news list":          {"news list", members},
	"news add":           {"news add Something nothing", staff},
	"news remove":        {"news remove 4711", staff},
	"setting list":       {"setting list", sysops},
	"setting show":       {"setting show registration.mode", sysops},
	"setting set":        {"setting set registration.limit many", sysops},
	"setting reset":      {"setting reset nothing", sysops},
	"setting add":        {"setting add nothing word", sysops},
	"setting remove":     {"setting remove nothing word", sysops},

	"member warn":         {"member warn victim 1w for a reason", staff},
	"member restrict":     {"member restrict victim download for a reason", staff},
	"member park":         {"member park victim for a reason", staff},
	"member lift":         {"member lift victim warned", staff},
	"member resume":       {"member resume victim 4711", staff},
	"member causes":       {"member causes victim", staff},
	"permission grant":    {"permission grant victim irc.voice 1d for a reason", staff},
	"permission withhold": {"permission withhold victim torrent.upload for a reason", staff},
	"member find":         {"member find victim", staff},
	"member at":           {"member at 192.0.2.1", staff},
	"member near":         {"member near victim", staff},
	"member addresses":    {"member addresses victim", staff},
	"member held":         {"member held warned", staff},
	"note add":            {"note add victim something to know", staff},
	"note list":           {"note list victim", staff},
	"note remove":         {"note remove victim 4711", staff},
	"note unremove":       {"note unremove victim 4711", staff},
	"why":                 {"why victim", staff}, // not themselves
	"privacy":             {"privacy nothing", members},
	"privacy set":         {"privacy set ratio on", members},
	"away":                {"away", members},
	"back":                {"back", members},
	"invite send":         {"invite send nobody", members},
	"invite link":         {"invite link " + strings.Repeat("x", 101), members},
	"invite list":         {"invite list --member victim", staff}, // not their own
	"invite revoke":       {"invite revoke 4711", members},
	"invite give":         {"invite give victim 1 a good reason", staff},
	"invite take":         {"invite take 1 victim a good reason", staff},
	"class invites":       {"class invites User 5", staff},
	"invite tree":         {"invite tree victim", staff},
	"branch disable":      {"branch disable victim for a reason", staff},
	"branch enable":       {"branch enable 4711", staff},
	"branch move":         {"branch move victim user", staff},
	"rules require":       {"rules require 4711", staff},
	"application list":    {"application list", staff},
	"application show":    {"application show 4711", staff},
	"application claim":   {"application claim 4711", staff},
	"application release": {"application release 4711", staff},
	"application note":    {"application note 4711 hm", staff},
	"application pass":    {"application pass 4711", staff},
	"application refuse":  {"application refuse 4711 a good reason", staff},
	"application reopen":  {"application reopen 4711", staff},
	"question list":       {"question list", staff},
	"question add":        {"question add ?", staff},
	"question remove":     {"question remove 4711", staff},
	"question move":       {"question move 4711 1", staff},

	// what people write to staff
	"contact list":    {"contact list", staff},
	"contact show":    {"contact show 4711", staff},
	"contact claim":   {"contact claim 4711", staff},
	"contact release": {"contact release 4711", staff},
	"contact answer":  {"contact answer 4711 hm", staff},
	"contact close":   {"contact close 4711 a good reason", staff},
	"contact reopen":  {"contact reopen 4711", staff},

	"class list":   {"class list", members},
	"class show":   {"class show User", staff},
	"class create": {`class create "New Class" 120`, sysops},
	"class set":    {"class set User colour teal", sysops},
	"class permit": {"class permit User irc.voice", sysops},
	"class forbid": {"class forbid User stats.read", sysops},
	"class delete": {"class delete Donor", sysops},
	"class ladder": {"class ladder", sysops},
}

// TestWhoMayDoWhat runs each command as each role. A command that is missing in
// the table below fails the test.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.upload(t, w.join(t, "uploader", "User"), "A dataset of somebody")
		w.join(t, "victim", "User")
		actors := map[string]command.Actor{"guest": command.Guest("visitor", audit.ViaIRC), "shell": command.Shell()}
		for role, class := range map[string]string{"user": "User", "disabled": "Sysop", "mod": "Moderator", "sysop": "Sysop"} {
			m := w.join(t, role, class)
			if role == "disabled" {
				if err := membertest.Disable(t.Context(), w.deps.Members, m.ID, "gone for good"); err != nil {
					t.Fatal(err)
				}
			}
			actors[role] = w.actor(t, role)
		}
		actors["aide"] = w.aide(t)
		for _, s := range w.All() {
			want, ok := whoMay[s.Name]
			if !ok {
				t.Errorf("%s is missing in the table of the test", s.Name)
				continue
			}
			for role, actor := range actors {
				_, err := w.Execute(t.Context(), command.Request{Actor: actor, Line: want.line})
				denied := core.CodeOf(err) == core.Forbidden
				if role == "aide" {
					role = "mod" // what a secondary class permits counts as much
				}
				if may := slices.Contains(strings.Fields(want.roles), role); may == denied {
					t.Errorf("%s as %s: may %t, got %v", s.Name, role, may, err)
				}
			}
		}
	})
}

// aide is a user with a secondary class that permits what moderators may do, and outranks
// users by it alone.
func (w *world) aide(t *testing.T) command.Actor {
	t.Helper()
	if err := commandtest.Promote(t.Context(), w.deps.Members, w.join(t, "helper", "User").ID); err != nil {
		t.Fatal(err)
	}
	return w.actor(t, "helper")
}

func TestHelpShowsWhatTheAskerMayRun(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "alice", "User")
		w.join(t, "mona", "Moderator")
		names := func(a command.Actor) []string {
			var out []string
			for _, s := range w.List(a) {
				out = append(out, s.Name)
			}
			return out
		}
		want := []string{"announces", "away", "back", "certfp add", "certfp list", "certfp remove", "class list", "client list", "endangered", "freeleech calendar", "freeleech status", "help", "inbox", "inbox read", "info", "invite link", "invite list", "invite revoke", "invite send", "irclog delete", "irclog forget", "irclog private", "irclog replay", "key replace", "news list", "nick add", "nick list", "nick remove", "page list", "page show", "privacy", "privacy set", "search", "stats", "torrent delete", "undo", "why"}
		if diff := cmp.Diff(want, names(w.actor(t, "alice"))); diff != "" {
			t.Errorf("alice (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"help"}, names(command.Guest("visitor", audit.ViaIRC))); diff != "" {
			t.Errorf("guest (-want +got):\n%s", diff)
		}
		has(t, w.do(t, command.Guest("visitor", audit.ViaIRC), "help").Lines, "help [COMMAND]", "log in")
		has(t, w.do(t, w.actor(t, "mona"), "help member disable").Lines, "member disable NAME [--for FOR] REASON", "once you confirm")
		has(t, w.do(t, w.actor(t, "mona"), "help member").Lines, "member create NAME [--class CLASS] [--email EMAIL]", "member enable NAME [REASON]")
		w.refuse(t, command.Request{Actor: w.actor(t, "alice"), Line: "help member disable"}, core.NotFound)
		w.refuse(t, command.Request{Actor: w.actor(t, "alice"), Line: "help member"}, core.NotFound)
	})
}

func TestWhereCommandsAreAnswered(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "sys", "Sysop")
		w.join(t, "bob", "User")
		sys := w.actor(t, "sys")
		w.refuse(t, command.Request{Actor: sys, Line: "job list", Place: command.Channel}, core.Invalid)
		if _, err := w.Execute(t.Context(), command.Request{Actor: sys, Line: "job list", Place: command.Staff}); err != nil {
			t.Errorf("among staff: %v", err)
		}
		for _, place := range []command.Place{command.Staff, command.Channel} {
			ask, err := w.Execute(t.Context(), command.Request{Actor: sys, Line: "member announcekey bob", Place: place})
			if err != nil {
				t.Fatal(err)
			}
			if len(ask.Lines) != 1 || strings.Contains(ask.Lines[0], "bob") {
				t.Errorf("asked in public: %q", ask.Lines)
			}
			has(t, ask.Private, "would give bob", "every .torrent")
			reply, err := w.Execute(t.Context(), command.Request{Actor: sys, Line: "confirm " + ask.Pending.Code, Place: place})
			if err != nil {
				t.Fatal(err)
			}
			key, err := w.deps.Members.AnnounceKey(t.Context(), w.members["bob"].Member.ID)
			if err != nil {
				t.Fatal(err)
			}
			if len(reply.Lines) != 1 || strings.Contains(reply.Lines[0], key) {
				t.Errorf("in public: %q", reply.Lines)
			}
			has(t, reply.Private, key)
		}
	})
}

func TestStaffActOnlyOnThoseBelow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for name, class := range map[string]string{"mona": "Moderator", "max": "Moderator", "sys": "Sysop", "bob": "User"} {
			w.join(t, name, class)
		}
		if _, err := w.deps.Members.EnsureBot(t.Context(), "key-of-the-bot"); err != nil {
			t.Fatal(err)
		}
		mona := w.actor(t, "mona")
		for _, target := range []string{"mona", "max", "sys", "hermes"} {
			for _, line := range []string{"member disable %s because", "member enable %s", "member class %s User", "member restrict %s download because", "member warn %s 1w because", "member park %s because", "permission withhold %s stats.read because", "member announcekey %s", "member irckey %s", "member recover %s for a good reason", "member recoverlink %s", "member unrecover %s", "member passphrase %s", "member security %s"} {
				w.refuse(t, command.Request{Actor: mona, Line: fmt.Sprintf(line, target)}, core.Forbidden)
			}
		}
		// By their names on IRC, too; there everybody may act on themselves.
		for _, target := range []string{"max", "sys", "hermes"} {
			for _, line := range []string{"kill %s spam", "kill %s|away spam", "kill %s_ spam", "kline add %s@* spam", "kline add %s@*.example spam"} {
				w.refuse(t, command.Request{Actor: mona, Line: fmt.Sprintf(line, target)}, core.Forbidden)
			}
			w.refuse(t, command.Request{Actor: mona, Line: fmt.Sprintf("kline add *@%d.moderator.biotest spam", w.id(t, target))}, core.Forbidden)
		}
		for _, line := range []string{"kill mona spam", "kill bob spam", "kill bob|away spam", "kill max|guest spam", "kill Guest123 spam", "kline add bob@* spam",
			"kline add mona@* spam", "kline add max@*.guest.biotest spam", "kline add *@*.user.biotest spam", "dline add 192.0.2.1 spam"} {
			w.do(t, mona, line)
		}
		for _, line := range []string{"member class bob Moderator", "member class bob Sysop", "member class bob Bot", "member create eve --class Sysop", "member create eve --class Moderator"} {
			w.refuse(t, command.Request{Actor: mona, Line: line}, core.Forbidden)
		}
		// The shell stands above everyone, but not above the bot's account.
		w.refuse(t, command.Request{Actor: command.Shell(), Line: "member disable hermes because"}, core.Forbidden)
		has(t, w.do(t, command.Shell(), "member create root2 --class Sysop").Lines, "root2", "Sysop")
		has(t, w.confirmed(t, command.Shell(), "member disable sys gone").Lines, "sys is disabled")
		// A second class counts too.
		if err := w.deps.Members.SetSecondary(t.Context(), w.members["bob"].Member.ID, "First-line Support", true); err != nil {
			t.Fatal(err)
		}
		has(t, w.confirmed(t, mona, "member disable bob because").Lines, "bob is disabled")
	})
}

// id is the id of a member.
func (w *world) id(t *testing.T, name string) core.MemberID {
	t.Helper()
	m, err := w.deps.Members.ByName(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return m.ID
}

func TestConfirmation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for name, class := range map[string]string{"mona": "Moderator", "max": "Moderator", "bob": "User"} {
			w.join(t, name, class)
		}
		mona, line := w.actor(t, "mona"), "member disable bob he cheats"
		enabled := func() bool {
			m, err := w.deps.Members.ByName(t.Context(), "bob")
			if err != nil {
				t.Fatal(err)
			}
			return m.Enabled()
		}
		first := w.do(t, mona, line)
		has(t, first.Lines, "would disable bob", "he cheats", "confirm "+first.Pending.Code)
		if !enabled() {
			t.Fatal("the preview did it")
		}
		w.refuse(t, command.Request{Actor: w.actor(t, "max"), Line: "confirm " + first.Pending.Code}, core.Invalid)
		elsewhere := mona
		elsewhere.Via = audit.ViaSite
		w.refuse(t, command.Request{Actor: elsewhere, Line: "confirm " + first.Pending.Code}, core.Invalid)
		w.refuse(t, command.Request{Actor: mona, Line: "confirm 12345"}, core.Invalid)
		w.refuse(t, command.Request{Actor: mona, Line: "confirm"}, core.Invalid)

		// A code runs out.
		late := w.do(t, mona, line)
		w.clock.Add(time.Minute)
		w.refuse(t, command.Request{Actor: mona, Line: "confirm " + late.Pending.Code}, core.Invalid)
		if !enabled() {
			t.Fatal("done by a code that had run out")
		}
		// It stands for what was previewed: after a change it is asked again.
		stale := w.do(t, mona, line)
		if err := w.deps.Members.SetClass(t.Context(), w.members["bob"].Member.ID, "Elite"); err != nil {
			t.Fatal(err)
		}
		again := w.do(t, mona, "confirm "+stale.Pending.Code)
		if again.Pending == nil || !enabled() {
			t.Fatalf("done although bob changed: %q", again.Lines)
		}
		has(t, again.Lines, "changed", "Elite")
		has(t, w.do(t, mona, "CONFIRM "+strings.ToLower(again.Pending.Code)).Lines, "bob is disabled")
		if enabled() {
			t.Fatal("not done")
		}
		w.refuse(t, command.Request{Actor: mona, Line: "confirm " + again.Pending.Code}, core.Invalid)

		// What the asker lost in between counts.
		w.do(t, mona, "member enable bob")
		demoted := w.do(t, mona, line)
		if err := w.deps.Members.SetClass(t.Context(), mona.Member.ID, "User"); err != nil {
			t.Fatal(err)
		}
		w.refuse(t, command.Request{Actor: w.actor(t, "mona"), Line: "confirm " + demoted.Pending.Code}, core.Forbidden)
		if !enabled() {
			t.Fatal("done by someone who may not")
		}
	})
}

func TestAudit(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for name, class := range map[string]string{"mona": "Moderator", "bob": "User", "bo": "User"} {
			w.join(t, name, class)
		}
		mona, bob := w.actor(t, "mona"), w.actor(t, "bob")
		w.do(t, mona, "stats bob") // changes nothing: no row
		w.refuse(t, command.Request{Actor: bob, Line: "member disable mona revenge"}, core.Forbidden)
		w.confirmed(t, mona, "member disable BOB he cheats")
		created := w.do(t, mona, "member create --email new@secret.example new_one")
		if o, err := w.deps.Invites.Origin(t.Context(), w.actor(t, "new_one").Member.ID); err != nil || o.Via != invite.ViaStaff || o.Inviter != 0 {
			t.Errorf("where an account came from that staff made: %+v, %v", o, err)
		}
		w.refuse(t, command.Request{Actor: mona, Line: "member create new_one"}, core.Conflict)
		w.refuse(t, command.Request{Actor: mona, Line: "member create a b --email second@secret.example"}, core.Invalid)
		w.confirmed(t, mona, "member announcekey bo")
		w.do(t, command.Shell(), "member restrict bo download shared an account")
		want := []string{
			"bob/irc: member disable mona revenge: denied",
			"mona/irc: member disable bob he cheats: done",
			"mona/irc: member create new_one --email (left out): done",
			"mona/irc: member create new_one: failed",
			"mona/irc: member announcekey bo: done",
			"shell/shell: member restrict bo download shared an account: done",
		}
		if diff := cmp.Diff(want, w.rows(t)); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
		w.checkNoSecrets(t, created)

		has(t, w.do(t, mona, "audit").Lines, "member restrict bo download shared an account: done [undo: member lift bo 2]")
		about := w.do(t, mona, "audit bo").Lines
		if len(about) != 2 {
			t.Errorf("about bo, not bob: %q", about)
		}
		about = w.do(t, mona, "audit bob").Lines
		if len(about) != 2 {
			t.Errorf("about bob: %q", about)
		}
	})
}

// checkNoSecrets looks for keys and addresses in the audit table and the log.
func (w *world) checkNoSecrets(t *testing.T, created command.Answer) {
	t.Helper()
	secrets := []string{"secret.example"}
	for _, line := range created.Private[:3] {
		_, value, _ := strings.Cut(line, ": ")
		secrets = append(secrets, value)
	}
	key, err := w.deps.Members.AnnounceKey(t.Context(), w.members["bo"].Member.ID)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := w.deps.Audit.Recent(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%+v", entries) + w.log.String()
	for _, s := range append(secrets, key) {
		if strings.Contains(text, s) {
			t.Errorf("%q stands in the audit log or the log", s)
		}
	}
}

// TestNothingHappensUnaudited takes the audit table away: then nothing may
// change.
func TestNothingHappensUnaudited(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		w.join(t, "bob", "User")
		err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "ALTER TABLE audit RENAME TO audit_away")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		w.refuse(t, command.Request{Actor: w.actor(t, "mona"), Line: "member restrict bob download because"}, core.Internal)
		m, err := w.deps.Members.ByName(t.Context(), "bob")
		if err != nil || !m.MayDownload() {
			t.Errorf("it happened all the same: %+v, %v", m, err)
		}
	})
}

func TestExecuteRefusesNonsense(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "sys", "Sysop")
		sys := w.actor(t, "sys")
		for line, code := range map[string]core.Code{
			"":                                     core.Invalid,
			"   ":                                  core.Invalid,
			"dance":                                core.NotFound,
			"member":                               core.NotFound,
			"member dance":                         core.NotFound,
			`member disable bob "unclosed`:         core.Invalid,
			"member disable nobody because":        core.NotFound,
			"member disable":                       core.Invalid,
			"member disable sys":                   core.Invalid,
			"member create":                        core.Invalid,
			"member create new --size 3":           core.Invalid,
			"member create new --email":            core.Invalid,
			"member create new --class Wizard":     core.Invalid,
			"member restrict sys nonsense because": core.Forbidden,
			"freeleech on 24 party":                core.Invalid,
			"freeleech on -1h party":               core.Invalid,
			"freeleech on 400d party":              core.Invalid,
			"freeleech on 24h":                     core.Invalid,
			"info 0":                               core.Invalid,
			"info 99":                              core.NotFound,
			"info abc":                             core.Invalid,
			"stats a b":                            core.Invalid,
			"client remove -NOPE":                  core.NotFound,
			"job run nothing":                      core.NotFound,
			strings.Repeat("x", command.MaxLine+1): core.Invalid,
			"search \xff":                          core.Invalid,
			"member create bad;name":               core.Invalid,
			"member create x --class Moderator y":  core.Invalid,
		} {
			text := w.refuse(t, command.Request{Actor: sys, Line: line}, code)
			if text == "" || strings.ContainsAny(text, "\r\n") {
				t.Errorf("%q: text %q", line, text)
			}
		}
	})
}
