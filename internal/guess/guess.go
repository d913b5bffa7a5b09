// Package guess slows down those who guess secrets. After a few failures a place must
// wait, each time longer, and so must everybody who tries an account from a place
// that never logged in to it. The site, IRC and the bot count together, in whichever
// processes they run: failures are rows in the database, as keyed hashes, so that
// nobody can read there who came from where.
//
// Concurrency: a Guard is safe for concurrent use.
package guess

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// Guard counts failures. The database keeps a bounded number of them. Only the
// process knows which places logged in to which accounts, and it forgets that when it
// ends.
type Guard struct {
	db    *db.DB
	keys  *secret.Keyring
	clock core.Clock
	limit int // rows that are kept
	fails *db.Gatherer[[2]string, standing]

	mu      sync.Mutex
	known   map[string]time.Time // place and account that logged in lately
	counted int                  // failures since the table's size was looked at
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

	clean bool // Wait has found nothing that Succeeded could forget
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

// standing is what the database knows of a try.
type standing struct {
	place, account time.Time // no try before
	failed         bool      // there is something to forget
}

const (
	freeTries      = 3
	firstDelay     = 2 * time.Second
	longestPlace   = 15 * time.Minute
	longestAccount = time.Minute // short: others could lock a member out
	forgetAfter    = time.Hour
	knownFor       = 30 * 24 * time.Hour
	knownLimit     = 20_000
	rowLimit       = 50_000 // failures that the database keeps; the oldest give way
	lookEvery      = 64     // failures between two looks at how many there are
	pruned         = 200    // rows at once
	readTime       = 5 * time.Second
)

// New returns a guard on d.
func New(d *db.DB, keys *secret.Keyring, clock core.Clock) *Guard {
	g := &Guard{db: d, keys: keys, clock: clock, limit: rowLimit, known: map[string]time.Time{}}
	g.fails = db.NewGatherer(readTime, g.read)
	return g
}

// mac is the keyed hash that the database has in place of a text.
func (g *Guard) mac(text string) string { return string(g.keys.MAC("guess", text)) }

// place is the key of the try's place, or "" if it is exempt.
func (g *Guard) place(t Try) string {
	if t.Exempt {
		return ""
	}
	return g.mac("@" + t.Place)
}

// account is the key of the account, separate for exempt places.
func (g *Guard) account(t Try) string {
	if t.Exempt {
		return g.mac("!" + strings.ToLower(t.Account))
	}
	return g.mac("=" + strings.ToLower(t.Account))
}

func (t Try) pair() string { return t.Place + " " + strings.ToLower(t.Account) }

// Wait returns how long one must wait before the try, or 0 if it may be made now. It
// also fills in what Succeeded needs later.
func (g *Guard) Wait(ctx context.Context, t *Try) (time.Duration, error) {
	s, _, err := g.fails.Ask(ctx, [2]string{g.place(*t), g.account(*t)})
	if err != nil {
		return 0, fmt.Errorf("look up failed logins: %w", err)
	}
	t.clean = !s.failed
	g.mu.Lock()
	defer g.mu.Unlock()
	until := s.place
	if _, known := g.known[t.pair()]; !known && s.account.After(until) {
		until = s.account
	}
	return max(0, until.Sub(g.clock())), nil
}

// read looks up several tries, each by its place and account.
func (g *Guard) read(ctx context.Context, keys [][2]string) (map[[2]string]standing, error) {
	var macs []any
	for _, k := range keys {
		for _, mac := range k {
			if mac != "" {
				macs = append(macs, []byte(mac))
			}
		}
	}
	until := map[string]time.Time{}
	_, err := db.All(ctx, g.db, func(sc db.Scanner) (struct{}, error) {
		var mac []byte
		var at int64
		err := sc.Scan(&mac, &at)
		until[string(mac)] = time.Unix(at, 0)
		return struct{}{}, err
	}, "SELECT mac, until FROM login_failure WHERE mac IN ("+db.Marks(len(macs))+")", macs...)
	out := make(map[[2]string]standing, len(until))
	for _, k := range keys {
		place, there := until[k[0]]
		account, too := until[k[1]]
		if there || too {
			out[k] = standing{place: place, account: account, failed: true}
		}
	}
	return out, err
}

// Failed counts a wrong secret, even if its sender has gone meanwhile and ctx has
// ended with that.
func (g *Guard) Failed(ctx context.Context, t Try) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
	defer cancel()
	type entry struct {
		mac     string
		longest time.Duration
	}
	entries := []entry{{g.account(t), longestAccount}}
	if !t.Exempt {
		entries = append(entries, entry{g.place(t), longestPlace})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.mac, b.mac) }) // in one order, against deadlocks
	now := g.clock()
	err := g.db.Tx(ctx, func(tx *db.Tx) error {
		for _, e := range entries {
			if err := g.count(ctx, tx, []byte(e.mac), e.longest, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = g.prune(ctx, now)
	}
	if err != nil {
		return fmt.Errorf("count a failed login: %w", err)
	}
	return nil
}

func (g *Guard) count(ctx context.Context, tx *db.Tx, mac []byte, longest time.Duration, now time.Time) error {
	// The row is written first and read afterwards: so it is ours, and we see what
	// others counted.
	spec := db.UpsertSpec{Table: "login_failure", Key: []string{"mac"}, Add: []string{"tries"}, Keep: []string{"last_at", "until"}}
	if err := tx.Upsert(ctx, spec, []any{mac, 1, now.Unix(), 0}); err != nil {
		return err
	}
	var tries, last int64
	if err := tx.QueryRowContext(ctx, "SELECT tries, last_at FROM login_failure WHERE mac = ?", mac).Scan(&tries, &last); err != nil {
		return err
	}
	if now.Sub(time.Unix(last, 0)) > forgetAfter {
		tries = 1
	}
	until := int64(0)
	if over := tries - freeTries; over >= 0 {
		until = now.Add(min(longest, firstDelay<<min(over, 20))).Unix()
	}
	_, err := tx.Exec(ctx, "UPDATE login_failure SET tries = ?, last_at = ?, until = ? WHERE mac = ?", tries, now.Unix(), until, mac)
	return err
}

// prune deletes what is long past and, from time to time, the oldest rows if there
// are too many.
func (g *Guard) prune(ctx context.Context, now time.Time) error {
	before := now.Add(-forgetAfter).Unix()
	g.mu.Lock()
	g.counted++
	look := g.counted >= lookEvery
	if look {
		g.counted = 0
	}
	g.mu.Unlock()
	if look {
		newest, full, err := db.One(ctx, g.db, db.Value[int64], "SELECT last_at FROM login_failure ORDER BY last_at DESC LIMIT 1 OFFSET ?", g.limit)
		if err != nil {
			return err
		}
		if full {
			before = max(before, newest+1)
		}
	}
	old, err := db.All(ctx, g.db, db.Value[[]byte], "SELECT mac FROM login_failure WHERE last_at < ? ORDER BY last_at LIMIT ?", before, pruned)
	if err != nil || len(old) == 0 {
		return err
	}
	slices.SortFunc(old, bytes.Compare)
	return g.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM login_failure WHERE last_at < ? AND mac IN ("+db.Marks(len(old))+")", append([]any{before}, db.Anys(old)...)...)
		return err
	})
}

// Succeeded forgets what was counted, and remembers the place with the account.
func (g *Guard) Succeeded(ctx context.Context, t Try) error {
	if !t.Exempt {
		g.remember(t.pair())
	}
	if t.clean {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
	defer cancel()
	place, account := g.place(t), g.account(t)
	s, _, err := g.fails.Ask(ctx, [2]string{place, account})
	if err == nil && s.failed {
		err = g.db.Tx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "DELETE FROM login_failure WHERE mac IN (?, ?)", []byte(place), []byte(account))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("forget failed logins: %w", err)
	}
	return nil
}

func (g *Guard) remember(pair string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	if len(g.known) >= knownLimit {
		for k, at := range g.known {
			if now.Sub(at) > knownFor || len(g.known) >= knownLimit {
				delete(g.known, k)
			}
		}
	}
	g.known[pair] = now
}
