// Package guess slows down those who guess secrets. A try is counted before its secret is
// looked at, and given back when the secret was right: so of many tries at once no more are
// checked than one after the other. After a few, a place must wait, each time longer, and so
// must everybody who tries an account from a place that never logged in to it. The site, IRC
// and the bot count together, in whichever processes they run: tries are rows in the
// database, under keyed hashes and with sealed names, so that nobody can read there who came
// from where.
//
// Concurrency: a Guard is safe for concurrent use.
package guess

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/fair"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// Guard counts tries. The database keeps a bounded number of them. Only the process knows
// which places logged in to which accounts, and it forgets that when it ends.
type Guard struct {
	db       *db.DB
	keys     *secret.Keyring
	clock    core.Clock
	log      *slog.Logger
	limit    int           // rows that are kept
	patience time.Duration // how long a try waits for others
	ops      *db.Gatherer[*op, verdict]
	records  *db.Gatherer[[3]key, [3]record]

	mu      sync.Mutex
	known   map[string]time.Time // place and account that logged in lately
	counted int                  // tries since the table's size was looked at
	refused map[key]refusal      // what need not be asked again for a moment
	flights map[key]*flight      // what is being checked
	waiting int                  // tries that wait for one of them
}

// Try says who tries to log in to what.
type Try struct {
	Place   string // an address as Place writes it, or a text in place of one
	Account string // in any case; need not exist
	// Exempt is a place that many share and that is trusted, such as this machine: it
	// is not limited itself, and strangers elsewhere can't keep its programs from
	// logging in. Anybody may stand behind it (a gateway that doesn't say whose
	// connection it brings). So its failures count against the account even if the
	// account has logged in from it.
	Exempt bool
}

// Place is the form of an address that is counted: for IPv6 a /64, which is what one
// household or server has.
func Place(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if p, err := a.Prefix(64); err == nil && a.Is6() {
		return p.String()
	}
	return a.String()
}

// Around is the network around a place, of which nobody has many: a /24 of IPv4, a /48 of
// IPv6. Around a place that is no address is only itself.
func Around(place string) string {
	bits := 48
	a, err := netip.ParseAddr(place)
	if err != nil {
		p, err := netip.ParsePrefix(place)
		if err != nil {
			return place
		}
		a = p.Addr()
	}
	if a = a.Unmap().WithZone(""); a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return place
	}
	return p.String()
}

// Source is how queues know a place: who waits there waits in turn with other networks.
func Source(place string) fair.Source {
	return fair.Source{Network: Around(place), Address: place}
}

const (
	knownFor   = 30 * 24 * time.Hour
	knownLimit = 20_000
	dbTime     = 5 * time.Second // for one reading or counting
)

// New returns a guard on d.
func New(d *db.DB, keys *secret.Keyring, clock core.Clock, log *slog.Logger) *Guard {
	g := &Guard{db: d, keys: keys, clock: clock, log: log, limit: rowLimit, patience: patience,
		known: map[string]time.Time{}, refused: map[key]refusal{}, flights: map[key]*flight{}}
	g.ops = db.NewGatherer(dbTime, g.apply)
	g.records = db.NewGatherer(dbTime, g.read)
	return g
}

// Limited is the error for a try that is refused unseen because of those before it.
type Limited struct{ Wait time.Duration }

// Error implements error.
func (l *Limited) Error() string { return l.Unwrap().Error() }

// Unwrap returns what may be shown.
func (l *Limited) Unwrap() error {
	wait := l.Wait.Truncate(time.Second) + time.Second
	return &core.Error{Code: core.Unavailable, Retry: wait, Text: fmt.Sprintf("too many failed logins, try again in %s", wait)}
}

// key is what tries are counted under.
type key struct {
	kind kind
	mac  string // the keyed hash that the database has in place of a text
}

func (g *Guard) key(k kind, text string) key {
	return key{k, string(g.keys.MAC("guess", text))}
}

func (g *Guard) placeKey(place string) key { return g.key(byPlace, "@"+place) }

// networkKey is the key of what is around a place, and no key where that is the place itself.
func (g *Guard) networkKey(place string) key {
	if around := Around(place); around != place {
		return g.key(byNetwork, "#"+around)
	}
	return key{}
}

// accountKey is the key of an account, separate for exempt places.
func (g *Guard) accountKey(account string, exempt bool) key {
	if exempt {
		return g.key(byAccount, "!"+strings.ToLower(account))
	}
	return g.key(byAccount, "="+strings.ToLower(account))
}

// about is what a try counts against.
type about struct {
	keys  [3]key // account, place, network; those without a kind are none
	known bool   // the account has logged in from the place lately: the place alone limits it
}

func (g *Guard) about(t Try) about {
	a := about{keys: [3]key{g.accountKey(t.Account, t.Exempt)}}
	if t.Exempt {
		return a
	}
	a.keys[1], a.keys[2] = g.placeKey(t.Place), g.networkKey(t.Place)
	g.mu.Lock()
	defer g.mu.Unlock()
	at, there := g.known[t.pair()]
	a.known = there && core.Lasts(g.clock(), at.Add(knownFor), knownFor)
	return a
}

// limits reports whether a key of the try can refuse it.
func (a *about) limits(k key) bool { return k.kind == byPlace || k.kind != 0 && !a.known }

func (t Try) pair() string { return t.Place + " " + strings.ToLower(t.Account) }

// Prove runs check, which looks at a secret, unless too many tries came before. right says
// whether the secret was right, whatever else check has against it; then the try is given
// back. So it is when nobody could look, which is what every error but Forbidden means.
// The error is that of check, or a *Limited, or one of ours with another code when nothing
// can be counted. check is given a context whose costly work is done in turn with others'.
func (g *Guard) Prove(ctx context.Context, t Try, check func(ctx context.Context) (right bool, err error)) error {
	made, err := g.begin(ctx, t)
	if err != nil {
		return err
	}
	defer g.land(made)
	right, err := check(fair.With(ctx, Source(t.Place)))
	if right && !t.Exempt {
		g.remember(t.pair())
	}
	if right || err != nil && core.CodeOf(err) != core.Forbidden {
		g.giveBack(ctx, made)
	}
	return err
}

// Wait returns how long one must wait before the try, or 0 if it may be made now. It counts
// nothing.
func (g *Guard) Wait(ctx context.Context, t Try) (time.Duration, error) {
	a := g.about(t)
	records, _, err := g.records.Ask(ctx, a.keys)
	if err != nil {
		return 0, fmt.Errorf("look up failed logins: %w", err)
	}
	var longest time.Duration
	for i, k := range a.keys {
		if a.limits(k) {
			longest = max(longest, ruleOf(k.kind).wait(records[i], g.clock()))
		}
	}
	return longest, nil
}

// remember keeps in mind that an account has logged in from a place.
func (g *Guard) remember(pair string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	if len(g.known) >= knownLimit {
		for k, at := range g.known {
			if core.Due(now, at, knownFor) || len(g.known) >= knownLimit {
				delete(g.known, k)
			}
		}
	}
	g.known[pair] = now
}
