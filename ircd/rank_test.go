package ircd

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// ranks is a network with an operator called deputy, who has every power and the rank of a
// moderator, and somebody of each other rank.
func ranks(t *testing.T, change func(*Config)) (h *house, peers map[string]*peer) {
	t.Helper()
	h = open(t, change)
	powers := []core.Permission{core.IRCConnect, core.IRCOperate, core.IRCRemove, core.IRCAddress, core.IRCOverride}
	h.people.put(40, "deputy", "Moderator", powers...)
	h.people.put(41, "vip", "Sysop", core.IRCConnect) // lines may fit it
	peers = map[string]*peer{}
	for _, who := range []string{"deputy", "alice", "guest", "mod", "boss", "Hermes"} {
		p := h.join(t, who)
		if peers[who] = p; who != "deputy" {
			p.send("JOIN #support")
			p.sync()
			p.pending = nil
		}
	}
	peers["deputy"].send("OPER deputy key-deputy")
	peers["deputy"].expect("* 381 *")
	return h, peers
}

// nickOf is what somebody is called on it.
func nickOf(who string) string { return calledHere(who == "guest" || who == "keeper", who) }

// denied sends a line and reports whether it was answered with 481.
func (p *peer) denied(line string) bool {
	p.sync()
	p.pending = nil
	p.send(line)
	p.sync()
	for _, l := range p.pending {
		if like("* 481 *", l) {
			return true
		}
	}
	return false
}

// TestRankOfThoseWhomOperatorsName tries each command of operators that is about a person on
// somebody of each rank.
func TestRankOfThoseWhomOperatorsName(t *testing.T) {
	ids := map[string]string{"alice": "1", "mod": "4", "Hermes": "5", "boss": "22", "deputy": "40", "guest": "0"}
	for _, line := range []string{
		"KILL <nick> :spam",
		"SAJOIN <nick> #support",
		"SAPART <nick> #support :a break",
		"SAMODE <nick> +w",
		"SAMODE #support +v <nick>",
		"SAMODE #support -o <nick>",
		"SAMODE #support +m-ov <nick> <nick>",
		"MODE #support +o <nick>",
		"SANICK <nick> <nick>|away",
		"CHGHOST <nick> fun.example",
		"KLINE 5 <nick>@* :spam",
		"KLINE 5 <nick>@127.0.0.1 :spam",
		"KLINE 5 *@<id>.*.bio-test :spam",
	} {
		t.Run(line, func(t *testing.T) {
			h, peers := ranks(t, nil)
			for _, test := range []struct {
				whom string
				may  bool
			}{{"mod", false}, {"boss", false}, {"Hermes", false}, {"alice", true}, {"guest", true}, {"deputy", true}} {
				said := strings.NewReplacer("<nick>|away", test.whom+"|away", "<nick>", nickOf(test.whom), "<id>", ids[test.whom]).Replace(line)
				before := h.audit.lines()
				if test.whom == "deputy" && strings.HasPrefix(line, "KILL") {
					peers["deputy"].send(said)
					if last := peers["deputy"].ended(); !strings.Contains(last, "Killed (deputy") {
						t.Errorf("%s: %q", said, last)
					}
					continue
				}
				if denied := peers["deputy"].denied(said); denied == test.may {
					t.Errorf("%s: denied: %t", said, denied)
				}
				denials := 0
				for _, row := range h.audit.lines()[len(before):] {
					if strings.HasSuffix(row, "= "+string(audit.Denied)) {
						denials++
					}
				}
				if (denials == 1) == test.may || denials > 1 {
					t.Errorf("%s: %d rows of a denial in %q", said, denials, h.audit.lines()[len(before):])
				}
			}
			for _, who := range []string{"mod", "boss", "Hermes"} {
				peers[who].sync() // nothing has happened to them
				peers[who].none("* KILL *")
				peers[who].none("*:" + who + "!*")
			}
		})
	}
}

// TestRankOfThoseWhomLinesHit refuses a line that would end a connection of somebody who is
// not below the operator, by whatever it fits.
func TestRankOfThoseWhomLinesHit(t *testing.T) {
	h, peers := ranks(t, nil)
	if peers["deputy"].denied("KLINE 5 *@*.sysop.bio-test :spam") {
		t.Error("nobody is there whom it would hit: boss is never kept out")
	}
	peers["deputy"].send("UNKLINE *@*.sysop.bio-test")
	vip := h.join(t, "vip")
	for _, line := range []string{"KLINE 5 *@*.sysop.bio-test :spam", "KLINE 5 v?p@* :spam", "KLINE 5 vip@nowhere.example :spam"} {
		if !peers["deputy"].denied(line) {
			t.Errorf("%s was allowed", line)
		}
	}
	vip.sync()
	want(t, h.audit.lines()[len(h.audit.lines())-1:], "deputy: kline add --for=5m vip@nowhere.example spam = denied")
	h.audit.mu.Lock()
	if last := h.audit.rows[len(h.audit.rows)-1]; last.Subject != audit.MemberSubject(41) {
		t.Errorf("the row is about %q", last.Subject)
	}
	h.audit.mu.Unlock()
	vip.send("QUIT")
	vip.ended()
	peers["boss"].send("OPER boss key-boss")
	peers["boss"].expect("* 381 *")
	if peers["boss"].denied("KLINE 5 *@*.moderator.bio-test :spam") {
		t.Error("boss stands above moderators")
	}
}

// TestRankOfTheOperatorOfTheConfiguration lets it act on everybody but the bot, and nobody
// on it.
func TestRankOfTheOperatorOfTheConfiguration(t *testing.T) {
	sum := sha256.Sum256([]byte("long and random"))
	h, peers := ranks(t, func(c *Config) { c.OperName, c.OperHash = "rescue", hex.EncodeToString(sum[:]) })
	keeper := h.join(t, "keeper")
	keeper.send("OPER rescue :long and random")
	keeper.expect("* 381 *")
	for whom, may := range map[string]bool{"boss": true, "guest": true, "Hermes": false} {
		if denied := keeper.denied("CHGHOST " + nickOf(whom) + " fun.example"); denied == may {
			t.Errorf("%s: denied: %t", whom, denied)
		}
	}
	if !peers["deputy"].denied("KILL " + nickOf("keeper") + " :no") {
		t.Error("deputy killed the operator of the configuration")
	}
	peers["deputy"].expect("* 481 deputy :Permission denied: " + nickOf("keeper") + " is an operator by the configuration*")
}
