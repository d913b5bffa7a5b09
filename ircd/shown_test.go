package ircd

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/member"
)

// TestKeysAreKeptBack says keys in every way in which others would read them. Nobody does,
// no history keeps them, and what only looks like a key is said like anything else.
func TestKeysAreKeptBack(t *testing.T) {
	t.Parallel()
	h, lib := openLibrary(t)
	key, announceKey, hash := strings.Repeat("k", 24), strings.Repeat("p", 32), strings.Repeat("a1", 16)
	toMyself := strings.Repeat("m", 24)
	h.people.secrets = map[string]member.Shown{key: {Member: 1, Kind: member.SecretIRCKey}, announceKey: {Member: 2, Kind: member.SecretAnnounceKey},
		toMyself: {Member: 1, Kind: member.SecretIRCKey}}
	h.talk(t, `
		mod is
		bob is message-tags
		alice is message-tags batch draft/multiline echo-message
		hermes is
		guest is
		guest > JOIN #support
		mod > JOIN #support
		mod < * 366 mod #support *
		alice .
		mod .
		bob .
		alice > PRIVMSG #general :my key is `+key+`, why?
		alice = :irc.test 404 alice #general :Not sent, so nobody has read it: it holds your IRC key
		alice = :irc.test NOTICE alice :*** Not sent, * your IRC key.*
		alice > PRIVMSG @#general,bob :`+"\x02\x0304"+key+"\x0f"+`
		alice = :irc.test 404 alice @#general :Not sent*
		alice = :irc.test 531 alice bob :Not sent*
		alice = :irc.test NOTICE *
		alice > NOTICE #general :`+key+`
		alice = :irc.test NOTICE *
		alice > BATCH +1 draft/multiline #general
		alice > @batch=1 PRIVMSG #general :one
		alice > @batch=1;draft/multiline-concat PRIVMSG #general : `+key[:10]+`
		alice > @batch=1;draft/multiline-concat PRIVMSG #general :`+key[10:]+`
		alice > BATCH -1
		alice = :irc.test 404 alice #general *
		alice = :irc.test NOTICE *
		alice > PRIVMSG #general :https://x.example/?torrent_pass=`+announceKey+`
		alice = :irc.test 404 alice #general :* it holds somebody's announce key
		alice = :irc.test NOTICE *
		mod > TOPIC #general :key `+key+`
		mod = :irc.test 404 mod #general *
		mod = :irc.test NOTICE *
		guest > PRIVMSG #support :my key `+key+` does not work
		guest < :irc.test 404 guest #support :* it holds somebody's IRC key
		bob ! *
		mod ! *PRIVMSG*
		hermes > PRIVMSG mod :IRC key: `+key+`
		mod < * PRIVMSG mod :IRC key: `+key+`
		alice > PRIVMSG #general :the hash is `+hash+`
		bob = * PRIVMSG #general :the hash is `+hash+`
		alice > PRIVMSG alice :`+toMyself+`
		alice < * PRIVMSG alice :`+toMyself)
	must(t, h.stop()) // writes what is to be kept
	if !slices.Contains(lib.kept, "the hash is "+hash) || strings.Contains(strings.Join(lib.kept, "\n"), key) || strings.Contains(strings.Join(lib.kept, "\n"), announceKey) {
		t.Errorf("the history has %q", lib.kept)
	}
	want := []string{`IRC key of 1 by "alice" in #general, reached false`, `IRC key of 1 by "alice" in @#general, reached false`, `IRC key of 1 by "alice" in #general, reached false`,
		`announce key of 2 by "" in #general, reached false`} // and no more: members are told of a key a few times only
	if diff := cmp.Diff(want, h.people.shown); diff != "" {
		t.Error(diff)
	}
}

// TestLookingUpKeysIsBounded looks at what is asked of the site about ordinary lines, and
// passes on what can't be asked.
func TestLookingUpKeysIsBounded(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	alice, bob := h.join(t, "alice"), h.join(t, "bob")
	word := strings.Repeat("w", 24)
	for range lookupRate.N + 5 {
		alice.send("PRIVMSG #general :" + word)
		bob.expect("* PRIVMSG #general :" + word)
	}
	alice.send("PRIVMSG #general :no such word here")
	bob.expect("* PRIVMSG #general :no such word here")
	h.people.mu.Lock()
	if n := len(h.people.asked); n < lookupRate.N || n > lookupRate.N+2 {
		t.Errorf("%d were looked up", n)
	}
	h.people.mu.Unlock()
	h.people.fail(errors.New("the database is away"))
	bob.send("PRIVMSG #general :" + word)
	alice.expect("* PRIVMSG #general :" + word)
	if !strings.Contains(h.logged.String(), "can't be looked up") {
		t.Error("nothing was logged")
	}
}

// TestKeysOfTheSite says a member's real key on both engines.
func TestKeysOfTheSite(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, s *site) {
		run(t, s.Room)
		alice, _, key := s.login(t, "alice", "User")
		bob, _, _ := s.login(t, "bob", "User")
		alice.send("PRIVMSG #general :"+key, "PRIVMSG #general :that was it")
		alice.expect(":irc.test 404 alice #general :* it holds your IRC key")
		bob.expect(":alice!* PRIVMSG #general :*")
		bob.sync()
		bob.none("*" + key + "*")
	})
}
