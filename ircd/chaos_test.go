package ircd

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// watcher is a client that does random things and keeps, from nothing but the
// lines it gets, who is in which channel.
type watcher struct {
	*peer
	rng  *rand.Rand
	nick string
	in   map[string]map[string]bool // channel, nicks
	dead bool
	at   *session // which the network has of it

	anything func() string // one of the random commands

	mu    sync.Mutex
	syncs map[string]chan struct{}
	names map[string][]string // by channel, since the test began to ask with NAMES
	who   map[string][]string // and with WHO
}

// listen applies the lines that come until the connection ends.
func (w *watcher) listen() {
	for {
		l, err := w.read()
		if err != nil {
			w.mu.Lock()
			w.dead = true
			for _, c := range w.syncs {
				close(c)
			}
			w.syncs = nil
			w.mu.Unlock()
			return
		}
		w.mu.Lock()
		w.apply(l)
		w.mu.Unlock()
	}
}

func (w *watcher) apply(l string) {
	source, rest, _ := strings.Cut(strings.TrimPrefix(l, ":"), " ")
	nick, _, _ := strings.Cut(source, "!")
	head, trailing, _ := strings.Cut(rest, " :")
	words := strings.Fields(head)
	if len(words) == 0 {
		return
	}
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return trailing
	}
	switch words[0] {
	case "001":
		w.nick = arg(1)
	case "PONG":
		if c := w.syncs[trailing]; c != nil {
			delete(w.syncs, trailing)
			close(c)
		}
	case "JOIN":
		if nick == w.nick {
			w.in[arg(1)] = map[string]bool{}
		}
		w.in[arg(1)][nick] = true
	case "353":
		for _, n := range strings.Fields(trailing) {
			n = strings.TrimLeft(n, "@+")
			if w.names != nil {
				w.names[arg(3)] = append(w.names[arg(3)], n)
			} else {
				w.in[arg(3)][n] = true
			}
		}
	case "352":
		if w.who != nil {
			w.who[arg(2)] = append(w.who[arg(2)], arg(6))
		}
	case "PART":
		w.out(arg(1), nick)
	case "KICK":
		w.out(arg(1), arg(2))
	case "QUIT":
		for ch := range w.in {
			delete(w.in[ch], nick)
		}
	case "NICK":
		for ch := range w.in {
			if w.in[ch][nick] {
				delete(w.in[ch], nick)
				w.in[ch][arg(1)] = true
			}
		}
		if nick == w.nick {
			w.nick = arg(1)
		}
	}
}

func (w *watcher) out(ch, nick string) {
	if nick == w.nick {
		delete(w.in, ch)
		return
	}
	delete(w.in[ch], nick)
}

// tell sends a line, and reports whether the connection is there.
func (w *watcher) tell(line string) bool {
	if err := w.conn.SetWriteDeadline(time.Now().Add(3 * patience)); err != nil {
		return false
	}
	_, err := w.conn.Write([]byte(line + "\r\n"))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.t.Errorf("%s can't send: %v", w.name, err)
	}
	return err == nil
}

// hear returns once all that was sent before has been answered.
func (w *watcher) hear(token string) {
	c := make(chan struct{})
	w.mu.Lock()
	if w.dead {
		w.mu.Unlock()
		return
	}
	w.syncs[token] = c
	w.mu.Unlock()
	if !w.tell("PING " + token) {
		return
	}
	select {
	case <-c:
	case <-time.After(3 * patience):
		w.t.Errorf("%s: no answer to %s", w.name, token)
	}
}

func (w *watcher) something() string {
	channels := []string{"#chaos", "#mess", "#general", "#support", "#staff", "#announce"}
	ch := channels[w.rng.IntN(len(channels))]
	who := fmt.Sprintf("c%d", w.rng.IntN(100))
	switch w.rng.IntN(22) {
	case 0, 1, 2:
		return "JOIN " + ch
	case 3:
		return "PART " + ch + " :bored"
	case 4, 5:
		return "PRIVMSG " + ch + " :hello"
	case 6:
		return fmt.Sprintf("NICK c%d", w.rng.IntN(200))
	case 7:
		return "KICK " + ch + " " + who
	case 8:
		return "MODE " + ch + " " + []string{"+o ", "-o ", "+v ", "+b "}[w.rng.IntN(4)] + who
	case 9:
		return "MODE " + ch + " " + []string{"+m", "-m", "+i", "-i", "-b *!*@*", "+u", "-u"}[w.rng.IntN(7)]
	case 10:
		return "TOPIC " + ch + " :topic of " + w.name
	case 11:
		return "INVITE " + who + " " + ch
	case 12:
		return "WHO " + ch
	case 13:
		return "AWAY :" + ch
	case 14:
		return "JOIN 0"
	case 15:
		return "MONITOR " + []string{"+ ", "- "}[w.rng.IntN(2)] + who + "," + ch
	case 16:
		return "MODE " + ch + " " + []string{"+eI ", "-eI "}[w.rng.IntN(2)] + who + " " + who
	case 17:
		return "SETNAME :" + who
	case 18:
		return "MODE " + ch + " " + []string{"+R", "-R", "+M", "-M"}[w.rng.IntN(4)]
	case 19:
		return "AWAY"
	case 20:
		return "PRIVMSG @" + ch + "," + who + " :to some"
	}
	return "PRIVMSG NickServ :IDENTIFY m" + fmt.Sprint(w.rng.IntN(40)) + " key-m" + fmt.Sprint(w.rng.IntN(40))
}

// deed is something that only an operator may do.
func (w *watcher) deed() string {
	channels := []string{"#chaos", "#mess", "#general", "#support", "#staff"}
	ch, who := channels[w.rng.IntN(len(channels))], fmt.Sprintf("%c%d", "cm"[w.rng.IntN(2)], w.rng.IntN(100))
	switch w.rng.IntN(12) {
	case 0, 1, 2:
		return "SAJOIN " + who + " " + ch
	case 3:
		return "SAPART " + who + " " + ch
	case 4:
		return fmt.Sprintf("SANICK %s c%d", who, w.rng.IntN(300))
	case 5:
		return "SAMODE " + ch + " " + []string{"+o ", "-o ", "+v ", "+b "}[w.rng.IntN(4)] + who
	case 6:
		return "CHGHOST " + who + []string{"", " fun.example"}[w.rng.IntN(2)]
	case 7:
		return "MODE " + ch + " " + []string{"+i", "-i", "+u", "-u"}[w.rng.IntN(4)]
	case 8:
		return []string{"TRACE", "STATS l", "WALLOPS :all", "REHASH"}[w.rng.IntN(4)]
	case 9:
		return []string{"MODE boss -o", "OPER boss key-boss"}[w.rng.IntN(2)]
	case 10:
		return "JOIN " + ch
	}
	return "OPER boss key-boss"
}

// watchers connects clients that watch what they are told: two connections for each of
// forty members first, four of an operator last, guests between them.
func (in *interior) watchers(t *testing.T, clients int) (all []*watcher) {
	known := map[*session]bool{}
	for i := range clients {
		p := in.dial(t, fmt.Sprintf("c%d", i))
		w := &watcher{peer: p, rng: rand.New(rand.NewPCG(7, uint64(i))), in: map[string]map[string]bool{}, syncs: map[string]chan struct{}{}}
		w.anything = w.something
		if i >= clients-4 {
			p.name, w.anything = "boss", w.deed
		}
		all = append(all, w)
		go w.listen()
		switch {
		case i < 80: // two connections for each member
			p.send(fmt.Sprintf("PASS m%[1]d:key-m%[1]d", i%40), fmt.Sprintf("NICK m%d", i%40), "USER u 0 * :U")
		case i >= clients-4: // four of an operator
			p.send("PASS boss:key-boss", "NICK boss", "USER u 0 * :U", "OPER boss key-boss")
		default:
			p.send("NICK "+p.name, "USER u 0 * :U")
		}
		w.hear("hello")
		in.n.locked(func() {
			for s := range in.n.sessions {
				if !known[s] {
					known[s], w.at = true, s
				}
			}
		})
	}
	return all
}

func TestRandomCommandsOfManyKeepMemberListsConsistent(t *testing.T) {
	const clients, commands = 200, 25
	rounds, until := 3, time.Now()
	if os.Getenv("CADUCEUS_TEST_LONG") != "" {
		rounds, until = 1000, time.Now().Add(time.Minute)
	}
	in := inside(t, func(c *Config) {
		c.FreeChannels, c.MaxPerAddress, c.SendQueue, c.LoginTries = true, 1000, 8<<20, 1e6
		c.MaxPerNetwork, c.ConnectsPerMinute, c.ConnectsBurst = 1000, 1e6, 1e4
		c.RegistrationTimeout, c.PingInterval = DefaultConfig().RegistrationTimeout, DefaultConfig().PingInterval
	})
	for i := range 40 {
		ps := []core.Permission{core.IRCConnect}
		if i%4 == 0 {
			ps = append(ps, core.IRCOperate, core.IRCStaff)
		}
		in.people.put(core.MemberID(100+i), fmt.Sprintf("m%d", i), "User", ps...)
	}
	all := in.watchers(t, clients)
	for round := range rounds {
		if round >= 3 && time.Now().After(until) {
			break
		}
		var wg sync.WaitGroup
		for _, w := range all {
			wg.Go(func() {
				for range commands {
					if !w.tell(w.anything()) {
						return
					}
				}
				w.hear(fmt.Sprintf("round%d", round))
			})
		}
		wg.Go(func() { in.shakeRights(t, round) })
		for range 20 {
			if err := in.n.check(); err != nil {
				t.Fatal(err)
			}
		}
		wg.Wait()
	}
	// The first round of answers makes sure that everything was done, the second
	// that everyone has heard of it.
	for _, token := range []string{"done", "heard"} {
		for _, w := range all {
			w.hear(token)
		}
	}
	for _, w := range all {
		w.ask()
	}
	in.compare(t, all)
}

// ask asks who is in each channel that the client believes to be in.
func (w *watcher) ask() {
	w.mu.Lock()
	w.names, w.who = map[string][]string{}, map[string][]string{}
	var lines strings.Builder
	for ch := range w.in {
		lines.WriteString("NAMES " + ch + "\r\nWHO " + ch + "\r\n")
	}
	w.mu.Unlock()
	if _, err := w.conn.Write([]byte(lines.String())); err == nil {
		w.hear("asked")
	}
}

// shakeRights changes what members may do while they are connected.
func (in *interior) shakeRights(t *testing.T, round int) {
	for i := range 40 {
		id := core.MemberID(100 + i)
		in.people.change(id, func(m *member.Member) {
			ps := []core.Permission{core.IRCConnect}
			if (i+round)%3 == 0 {
				ps = append(ps, core.IRCStaff, core.IRCVoice)
			}
			if (i+round)%5 == 0 {
				ps = append(ps, core.IRCOperate)
			}
			m.Permissions = core.NewPermissions(ps...)
			if round < 3 && i == 10+round { // in the long form enough must stay
				m.Causes = []member.Cause{{Effect: member.Disabled, Reason: "a test"}}
				m.Class.Permissions = m.Permissions
				*m = m.At(time.Now())
			}
		})
		if err := in.n.reread(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
}

// compare holds what each client believes from what it saw, and what NAMES and WHO tell
// it, against what the network knows.
func (in *interior) compare(t *testing.T, all []*watcher) {
	t.Helper()
	if err := in.n.check(); err != nil {
		t.Fatal(err)
	}
	alive := 0
	for _, w := range all {
		w.mu.Lock()
		if w.dead {
			w.mu.Unlock()
			continue
		}
		alive++
		believes := map[string][]string{}
		for ch, nicks := range w.in {
			believes[ch] = slices.Sorted(maps.Keys(nicks))
		}
		knows := map[string][]string{}
		in.n.locked(func() {
			u := w.at.user
			for _, own := range u.channels {
				if !own.has(w.at) {
					continue
				}
				name := own.ch.row.Name
				for _, m := range own.ch.members {
					if m.seenBy(u) {
						knows[name] = append(knows[name], m.user.nick)
					}
				}
				slices.Sort(knows[name])
			}
		})
		for how, told := range map[string]map[string][]string{"lines": believes, "NAMES": w.names, "WHO": w.who} {
			for _, nicks := range told {
				slices.Sort(nicks)
			}
			if diff := cmp.Diff(knows, told); diff != "" {
				t.Errorf("%s (%s) is told otherwise by %s: %s", w.name, w.nick, how, diff)
			}
		}
		w.mu.Unlock()
	}
	if alive < 150 {
		t.Errorf("only %d clients are left", alive)
	}
}
