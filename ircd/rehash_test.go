package ircd

import (
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/config"
)

// TestRehash changes keys that a running network can take, and one that needs a restart.
func TestRehash(t *testing.T) {
	h := newHouse(t, nil)
	var mu sync.Mutex
	next, fails := testConfig(), error(nil)
	h.deps.Reload = func() (Config, error) {
		mu.Lock()
		defer mu.Unlock()
		return next, fails
	}
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		fails = err
	}
	h.start(t)
	next.MOTD, next.MaxClients, next.ListenTLS = "New words", 3, "127.0.0.1:7001"
	h.talk(t, `
		boss is
		boss > OPER boss key-boss
		boss < * 381 *
		boss > REHASH
		boss < :irc.test 382 boss [irc] :Rehashing
		boss < * NOTICE boss :*** boss: rehash (changed: motd, max_clients; needs a restart: listen_tls)
		boss > MOTD
		boss < :irc.test 372 boss :- New words`)
	fail(errors.New("line 3 is wrong"))
	h.Rehash()
	h.talk(t, `
		boss is
		boss > OPER boss key-boss
		boss < * 381 *
		boss > REHASH
		boss < :irc.test 400 boss REHASH :the configuration has a mistake*
		boss > MOTD
		boss < :irc.test 372 boss :- New words`)
	want(t, h.audit.lines(), "boss: oper = done", "boss: rehash = done", "boss: rehash = failed")
	fail(nil)
	p := h.join(t, "boss")
	p.send("OPER boss key-boss")
	p.expect("* 381 *")
	h.Rehash()
	p.expect("* NOTICE boss :*** the configuration was read again (nothing changed*")
}

// TestRehashOutlivesTheRun starts the room again as the supervisor does after a fault: with
// what was read last, whether a run was there to take it or not.
func TestRehashOutlivesTheRun(t *testing.T) {
	h := newHouse(t, nil)
	next := testConfig()
	h.deps.Reload = func() (Config, error) { return next, nil }
	shows := func(words string) {
		t.Helper()
		h.start(t)
		h.talk(t, `
			alice is
			alice > MOTD
			alice < :irc.test 372 alice :- `+words)
	}
	shows("Be kind.")
	next.MOTD, next.ServerName = "New words", "other.test" // the name needs a restart of the program
	h.Rehash()
	must(t, h.stop())
	shows("New words")
	must(t, h.stop())
	next.MOTD = "Newer words"
	h.Rehash()
	shows("Newer words")
}

// TestLiveKeys makes sure that each of them is one.
func TestLiveKeys(t *testing.T) {
	c, next := DefaultConfig(), DefaultConfig()
	next.PingInterval, next.OperName, next.ServerName = config.D(time.Minute), "x", "irc.example.org"
	taken, left := c.follow(next)
	if !slices.Equal(taken, []string{"ping_interval", "oper_name"}) || !slices.Equal(left, []string{"server_name"}) {
		t.Errorf("took %q, left %q", taken, left)
	}
	known := map[string]bool{}
	for i := range reflect.TypeFor[Config]().NumField() {
		known[reflect.TypeFor[Config]().Field(i).Tag.Get("toml")] = true
	}
	for _, key := range liveKeys {
		if !known[key] {
			t.Errorf("there is no key %q", key)
		}
	}
}
