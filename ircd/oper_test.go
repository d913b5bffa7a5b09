package ircd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// ledger is an audit log in memory.
type ledger struct {
	shelf *shelf

	mu    sync.Mutex
	rows  []audit.Entry
	err   error  // what writing is answered with, when set
	after func() // happens once, when a deed is committed
}

func (l *ledger) add(e audit.Entry) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, l.err
	}
	l.rows = append(l.rows, e)
	return int64(len(l.rows)), nil
}

func (l *ledger) Note(_ context.Context, e audit.Entry) (int64, error) { return l.add(e) }

func (l *ledger) Commit(ctx context.Context, change func(context.Context, ChannelStore) (audit.Entry, error)) error {
	e, err := change(ctx, l.shelf)
	if err != nil {
		return err
	}
	if _, err := l.add(e); err != nil {
		return err
	}
	l.mu.Lock()
	after := l.after
	l.after = nil
	l.mu.Unlock()
	if after != nil {
		after()
	}
	return nil
}

// once lets f happen when the next deed is committed.
func (l *ledger) once(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.after = f
}

// lines are the rows as "actor: command arguments = outcome (undo)".
func (l *ledger) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, e := range l.rows {
		text := fmt.Sprintf("%s: %s", e.ActorName, e.Command)
		if e.Arguments != "" {
			text += " " + e.Arguments
		}
		text += " = " + string(e.Outcome)
		if e.UndoWith != "" {
			text += " (" + e.UndoWith + ")"
		}
		out = append(out, text)
	}
	return out
}

func TestOper(t *testing.T) {
	for name, script := range map[string]string{
		"who may becomes operator": `
			officer is
			bob is
			officer .
			officer > OPER officer key-officer
			officer = :irc.test 381 officer :*
			officer = :officer!officer@21.moderator.bio-test MODE officer +os
			officer = :irc.test NOTICE officer :*** officer: oper
			officer > MODE officer
			officer < :irc.test 221 officer +iors
			bob > WHOIS officer
			bob < :irc.test 313 bob officer :is an IRC operator
			bob > WHO officer
			bob < :irc.test 352 bob * officer 21.moderator.bio-test irc.test officer H* :*
			bob > USERHOST officer
			bob < :irc.test 302 bob :officer*=+officer@*
			bob > LUSERS
			bob < :irc.test 252 bob 1 :*
			officer > OPER officer key-officer
			officer < * 381 officer :You are an IRC operator already`,
		"and is one no longer": `
			officer is
			officer > OPER OFFICER key-officer
			officer < * 381 *
			officer > MODE officer -o
			officer < :officer!* MODE officer -os
			officer > MODE officer +o
			officer > KILL officer :no
			officer = :irc.test 481 officer :*not an IRC operator
			officer > LUSERS
			officer < :irc.test 252 officer 0 :*`,
		"who may not doesn't": `
			alice is
			guest is
			mod is
			officer is
			alice > OPER alice key-alice
			alice < :irc.test 491 alice :Your class may not run this network
			mod > OPER mod key-mod
			mod < :irc.test 491 mod :*
			guest > OPER officer key-officer
			guest < :irc.test 491 guest :Log in*
			officer > OPER officer wrong
			officer < :irc.test 464 officer :*
			officer > OPER boss key-boss
			officer < :irc.test 464 officer :*
			officer > OPER officer
			officer < :irc.test 461 officer OPER :*
			officer > MODE officer +os
			officer > MODE officer
			officer = :irc.test 221 officer +ir`,
		"all connections of one are": `
			officer is
			officer/2 is
			officer > OPER officer key-officer
			officer/2 < :officer!* MODE officer +os
			officer > QUIT
			officer x *
			officer/2 > MODE officer
			officer/2 < * 221 officer +iors`,
	} {
		t.Run(name, func(t *testing.T) { open(t, nil).talk(t, script) })
	}
}

// TestOperIsWritten looks at what the audit log and the operators learn.
func TestOperIsWritten(t *testing.T) {
	h := open(t, nil)
	h.talk(t, `
		boss is
		boss > OPER boss key-boss
		boss < * 381 *
		alice is
		guest is
		alice > OPER alice key-alice
		boss < :irc.test NOTICE boss :*** alice was refused oper: Your class may not run this network
		alice > KILL boss :no
		alice < * 481 *
		boss < :irc.test NOTICE boss :*** alice was refused kill: *
		guest > KILL boss :no
		guest < * 481 *
		boss ! *guest was refused*`)
	want(t, h.audit.lines(), "boss: oper = done", "alice: oper = denied", "alice: kill = denied")
}

func want(t *testing.T, got []string, lines ...string) {
	t.Helper()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", lines) {
		t.Errorf("got %q\nwant %q", got, lines)
	}
}

// TestOperWithoutAuditLog does nothing that can't be written down.
func TestOperWithoutAuditLog(t *testing.T) {
	h := open(t, nil)
	h.audit.err = core.Errorf(core.Unavailable, "away")
	h.talk(t, `
		boss is
		boss > OPER boss key-boss
		boss < :irc.test 400 boss OPER :Not done: *
		boss > MODE boss
		boss < * 221 boss +ir`)
}

// TestOperGuesses bounds wrong keys as a login does.
func TestOperGuesses(t *testing.T) {
	h := open(t, func(c *Config) { c.ExemptAddresses = nil })
	h.talk(t, `
		boss is
		boss > OPER boss a
		boss > OPER boss b
		boss > OPER boss c
		boss > OPER boss key-boss
		boss < * 464 * :name or IRC key is wrong
		boss < * 464 * :name or IRC key is wrong
		boss < * 464 * :name or IRC key is wrong
		boss < * 464 * :too many failed logins, try again in *`)
}

// TestOperEndsWithTheRight takes the mode at once when the site takes the right.
func TestOperEndsWithTheRight(t *testing.T) {
	h := open(t, nil)
	boss := h.join(t, "boss")
	boss.send("OPER boss key-boss")
	boss.expect("* 381 *")
	h.people.change(22, func(m *member.Member) { m.Permissions = core.NewPermissions(core.IRCConnect, core.IRCOperate) })
	h.news.memberChanged(22)
	boss.expect(":irc.test MODE boss -os")
	boss.send("KILL boss :no")
	boss.expect("* 481 *")
}

// TestOperOfTheConfiguration makes a guest operator who is named in the file, if the address fits.
func TestOperOfTheConfiguration(t *testing.T) {
	sum := sha256.Sum256([]byte("long and random"))
	named := func(c *Config) { c.OperName, c.OperHash = "rescue", hex.EncodeToString(sum[:]) }
	open(t, named).talk(t, `
		guest is
		guest > OPER rescue wrong
		guest < * 464 *
		guest > OPER rescue :long and random
		guest < * 381 *
		guest < * MODE guest +os
		guest > QUIT
		guest x *`)
	open(t, func(c *Config) { named(c); c.OperFrom = []string{"192.0.2.0/24"} }).talk(t, `
		guest is
		guest > OPER rescue :long and random
		guest < * 491 *`)
}

// TestOperatorsOnTheSite does deeds on the real stores, and finds them where staff look.
func TestOperatorsOnTheSite(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		run(t, s.Room)
		ctx := t.Context()
		boss, _, key := s.login(t, "boss", member.SysopClass)
		alice, _, _ := s.login(t, "alice", "User")
		boss.send("OPER boss "+key, "KLINE 1d alice@* :sold invites")
		boss.expect("* NOTICE boss :*** boss: kline add --for=1440m alice@* sold invites (this ended 1 connections)")
		if last := alice.ended(); last != "ERROR :Closing link: You are kept from this network: sold invites" {
			t.Errorf("alice's last line was %q", last)
		}
		lines, err := s.channels.Lines(ctx)
		if err != nil || len(lines) != 1 || lines[0].By != "boss" {
			t.Errorf("lines %+v, %v", lines, err)
		}
		boss.send("UNKLINE ALICE@*")
		boss.expect("* NOTICE boss :*** boss: kline remove ALICE@**")
		rows, err := audit.New(s.db, s.deps.Clock).Recent(ctx, 10)
		must(t, err)
		var got []string
		for _, e := range rows {
			got = append(got, fmt.Sprintf("%s %s %s %s (%s)", e.ActorName, e.Via, e.Command, e.Outcome, e.UndoWith))
		}
		want(t, got, "boss irc kline remove done (kline add --for=1440m alice@* sold invites)",
			"boss irc kline add done (kline remove alice@*)", "boss irc oper done ()")
		must(t, s.members.SetClassPermission(ctx, member.SysopClass, core.IRCRemove, false))
		must(t, s.members.SetClassPermission(ctx, member.SysopClass, core.IRCAddress, false))
		must(t, s.members.SetClassPermission(ctx, member.SysopClass, core.IRCOverride, false))
		boss.expect(":irc.test MODE boss -os")
	})
}
