package commands_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/setting"
	"github.com/caduceus-bio/caduceus/internal/support"
)

// everyCommand are lines that run each command of the table. "undo" takes back what
// the line before did, a line with braces is a form, MESSAGE is the id of something that ann
// said on IRC, and CODE stands for the newest act that waits for approval, which another of
// the staff gives.
const everyCommand = `help
search yeast
info 1
stats ann
endangered
announces ann
tracker
tracker unknown
audit ann
member create alice --class User --email alice@lab.example
member show alice
member class alice Member
undo
key replace announce
member restrict alice download for the test
undo
member tell boss Hello
member tell alice Hello
inbox
inbox read 1
inbox read all
member warn alice 1w for the test
member causes alice
why alice
member lift alice warned
undo
member park alice for the test
member lift alice parked
permission grant alice irc.voice 1d for the test
permission withhold alice stats.read for the test
privacy nothing
undo
privacy set seen off
away --for 3d field work
back
member announcekey alice
member irckey alice
member recover alice she showed her passport
approve CODE
member recoverlink alice
member unrecover alice
member recover alice she showed it again
pending list
pending drop CODE
member security alice
member near alice
member at 192.0.2.1
member at alice@lab.example
member addresses alice
member find lic --class User --held enabled --client Transmission --inviter alice
member held
note list alice
note add alice She shares a lab with ann.
undo
note unremove alice 1
note remove alice 1
undo
member disable alice for the test
undo
member disable alice for the test
member enable alice
class slots User 50
undo
class list
class show User
class create Helpers 130 --duty yes
class permit Helpers irc.voice
class forbid Helpers irc.voice
undo
class set Helpers colour green
class set Helpers age 2w
undo
class delete Helpers
class ladder
freeleech on 1h for the test
undo
freeleech on 1h for the test
freeleech status
freeleech off
freeleech calendar
freeleech torrent 1 free for the test
undo
freeleech member ann 1h for the test
undo
client list
client add -ZZ9 A client of the test
client lowest -ZZ9 1.2
undo
client remove -ZZ9
undo
job list
job run prune-events
job history prune-events
mail queue
mail test ann@lab.example
mail again 1
mail drop 1
events skipped
events again 1
events drop 1
limits
limits clear ann
channel list
channel create #lab Wet work
channel set #lab purpose Dry work
channel set #lab join Member
undo
channel delete #lab
kline add bad@*.example for the test
undo
kline add --for 2h bad@*.example for the test
kline remove bad@*.example
undo
kline list
ban add --for 2h --note case 203.0.113.0/24 for the test
undo
undo
ban list
ban find 203.0.113.7
ban show 4
ban lift 4 for the test
ban restore 4 for the test
dline add 192.0.2.1 for the test
dline remove 192.0.2.1
kill nobody for the test
irclog search hello
irclog delete MESSAGE
irclog keep #general 40
undo
irclog private on
irclog private delete
irclog replay 20
irclog forget ann
certfp add 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff --label laptop
certfp list
certfp remove 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
nick add boss_at_home
nick list
nick remove boss_at_home
page edit {"page": "rules", "base": "0", "title": "Rules", "text": "Be kind."}
page edit {"page": "first-steps", "base": "0", "title": "First steps", "text": "Sit down."}
undo
page title rules Our rules
page list
page show rules
page history rules
page revert rules 1
undo
page reset rules
setting list
setting show registration.mode
setting set registration.mode open
undo
setting set registration.first_class Power User
setting reset registration.first_class
undo
setting add registration.refused_domains spam.example
undo
setting remove registration.refused_domains yopmail.com
invite link for Bob
undo
invite send cat@lab.example for Cat
invite list
invite list --member ann
invite revoke 2
invite give ann 3 for the test
undo
invite give ann 2 for the test
invite take 1 ann for the test
class invites User 5
undo
invite tree ann
branch move ann boss
undo
branch disable ann for the test
undo
rules require
undo
application list
application list --stage refused
application show 1
application claim 1
undo
application claim 1
application note 1 looks good
application release 1
application claim 1
application refuse 1 --wait 1h too short
undo
application pass 1
application reopen 1
question list
question add --answer optional What else?
undo
question remove 1
undo
question move 2 1
undo
contact list
contact show 1
contact claim 1
undo
contact claim 1
contact release 1
contact answer 1 We look into it.
contact close 1 settled
undo
contact close 1 settled
contact reopen 1
news add {"title": "We are there", "text": "Come in."}
news list
news remove 1
undo
torrent delete 1 for the test`

// TestEveryCommandWithItsGrants runs every command as the database user of each room
// that takes commands, with the grants of deploy/ alone.
func TestEveryCommandWithItsGrants(t *testing.T) {
	t.Parallel()
	for room, via := range map[string]audit.Via{"site": audit.ViaSite, "hermes": audit.ViaIRC} {
		t.Run(room, func(t *testing.T) {
			t.Parallel()
			admin := dbtest.MariaDBConfig(t)
			owner := newWorld(t, dbtest.Open(t, admin))
			boss, message := furnish(t, owner)
			d := dbtest.Reopen(t, dbtest.GrantUsers(t, admin, "../../deploy/mariadb/grants.sql")[room])
			w := openWorld(t, d)
			missing := map[string]bool{}
			for _, info := range w.All() {
				missing[info.Name] = !info.Shell
			}
			entry := int64(0)
			for line := range strings.Lines(strings.ReplaceAll(everyCommand, "MESSAGE", message)) {
				line = strings.TrimSpace(line)
				maps.DeleteFunc(missing, func(name string, _ bool) bool { return strings.HasPrefix(line+" ", name+" ") })
				if line == "undo" {
					line = fmt.Sprintf("undo %d", entry)
					e, err := w.deps.Audit.ByID(t.Context(), entry)
					if err != nil {
						t.Fatal(err)
					}
					maps.DeleteFunc(missing, func(name string, _ bool) bool { return strings.HasPrefix(e.UndoWith+" ", name+" ") })
				}
				now, err := w.deps.Members.ByID(t.Context(), boss.ID) // as each face makes its actor
				if err != nil {
					t.Fatal(err)
				}
				actor := command.Of(now, via)
				if strings.HasSuffix(line, "CODE") {
					line, actor = w.withCode(t, line), command.Of(owner.members["second"].Member, via)
				}
				answer := w.doOrSend(t, actor, line)
				if answer.Pending != nil {
					answer = w.do(t, command.Of(now, via), "confirm "+answer.Pending.Code)
				}
				entry = answer.Entry
			}
			maps.DeleteFunc(missing, func(_ string, is bool) bool { return !is })
			if len(missing) > 0 {
				t.Errorf("no line runs %q", slices.Sorted(maps.Keys(missing)))
			}
			isInsertOnly(t, d)
		})
	}
}

// withCode is a line with the code of the newest act that waits for approval.
func (w *world) withCode(t *testing.T, line string) string {
	t.Helper()
	waiting, err := w.Waiting(t.Context(), command.Shell())
	if err != nil || len(waiting) == 0 {
		t.Fatalf("%s: nothing waits, %v", line, err)
	}
	return strings.Replace(line, "CODE", waiting[len(waiting)-1].Code, 1)
}

// doOrSend runs a line, or the form that stands in one behind the name of its command.
func (w *world) doOrSend(t *testing.T, a command.Actor, line string) command.Answer {
	t.Helper()
	name, form, isForm := strings.Cut(line, " {")
	if !isForm {
		return w.do(t, a, line)
	}
	given := map[string]string{}
	if err := json.Unmarshal([]byte("{"+form), &given); err != nil {
		t.Fatal(err)
	}
	answer, err := w.Execute(t.Context(), command.Request{Actor: a, Command: name, Given: given})
	if err != nil {
		t.Fatalf("%s: %s: %v", a.Name, line, err)
	}
	return answer
}

// furnish makes what the lines are about. It returns who is to say them, and the id of
// ann's message.
func furnish(t *testing.T, w *world) (boss member.Member, message string) {
	t.Helper()
	boss, ann := w.join(t, "boss", "Sysop"), w.join(t, "ann", "Power User")
	w.join(t, "second", "Sysop")
	if added := w.upload(t, ann, "Yeast reference assembly"); added.Torrent != 1 {
		t.Fatalf("the torrent has the id %d", added.Torrent)
	}
	if _, _, err := w.deps.Settings.Set(t.Context(), 0, setting.RegistrationMode.Name, setting.ModeApplication); err != nil {
		t.Fatal(err)
	}
	form := invite.ApplyForm{Name: "bob", Email: "bob@lab.example", Answers: map[int64]string{1: "Yeast.", 3: "From ann."},
		Human: invite.Human{Stamp: w.deps.Invites.Stamps().Stamp(w.clock.Now().Add(-time.Minute))}}
	if a, _, err := w.deps.Invites.Apply(t.Context(), form); err != nil || a.ID != 1 {
		t.Fatalf("application %d, %v", a.ID, err)
	}
	letter := support.Form{Category: support.Question, Subject: "A question", Text: "Who are you?", Email: "eve@lab.example", Human: form.Human}
	if t1, err := w.deps.Support.Open(t.Context(), letter); err != nil || t1.ID != 1 {
		t.Fatalf("ticket %d, %v", t1.ID, err)
	}
	id := irc.MsgID(0).Next(w.clock.Now())
	said := irc.Message{Target: "#general", ID: id, Kind: "PRIVMSG", Source: "ann!u@h", Account: "ann", AccountID: ann.ID, Text: "hello"}
	if err := w.deps.History.Append(t.Context(), []irc.Sent{{Message: said}}); err != nil {
		t.Fatal(err)
	}
	if err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Insert(t.Context(), "event_skipped", db.Row{"consumer", "jobs", "event_id", 1, "kind", "JobRequested", "at", 1, "body", "{}",
			"state", eventlog.StateFault, "error", "a fault", "tries", 5, "since", 2})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return boss, id.String()
}

// isInsertOnly makes sure that a user of the database can't change the audit log.
func isInsertOnly(t *testing.T, d *db.DB) {
	t.Helper()
	for _, statement := range []string{"UPDATE audit SET detail = ''", "DELETE FROM audit"} {
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), statement)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "denied") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
