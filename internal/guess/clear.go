package guess

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
)

// Held is what is held against an account, an address or a network.
type Held struct {
	ID    string // what Named finds it by
	Name  string // of the account as it was typed, or the address or network
	Tries int
	Wait  time.Duration // before the next try; 0 when it may be made now
}

// idDigits is how many digits of a key name it: of 50,000 hardly two have the same.
const idDigits = 10

// Worst returns the accounts, and the addresses with the networks around them, against
// which most is held: n of each, the worst first.
func (g *Guard) Worst(ctx context.Context, n int) (accounts, places []Held, err error) {
	now := g.clock()
	type entry struct {
		Held
		kind kind
	}
	list, err := db.All(ctx, g.db, func(sc db.Scanner) (e entry, err error) {
		var mac, box []byte
		var ends, last int64
		if err := sc.Scan(&mac, &e.kind, &box, &ends, &last); err != nil {
			return e, err
		}
		r, c := ruleOf(e.kind), record{ends: time.Unix(ends, 0), last: time.Unix(last, 0)}
		e.ID, e.Tries, e.Wait = hex.EncodeToString(mac)[:idDigits], r.tries(c, now), r.wait(c, now)
		if len(box) > 0 {
			name, err := g.keys.Open(box, nameUse)
			e.Name = string(name)
			return e, err
		}
		return e, nil
	}, "SELECT mac, kind, name_box, ends, last_at FROM guess WHERE ends > ? ORDER BY ends DESC LIMIT ?", now.Unix(), worstOf)
	if err != nil {
		return nil, nil, fmt.Errorf("list failed logins: %w", err)
	}
	slices.SortStableFunc(list, func(a, b entry) int {
		return cmp.Or(cmp.Compare(b.Wait, a.Wait), cmp.Compare(b.Tries, a.Tries))
	})
	for _, e := range list {
		switch {
		case e.Tries == 0:
		case e.kind == byAccount && len(accounts) < n:
			accounts = append(accounts, e.Held)
		case e.kind != byAccount && len(places) < n:
			places = append(places, e.Held)
		}
	}
	return accounts, places, nil
}

// worstOf bounds what Worst looks at.
const worstOf = 2000

// Clear forgets what is held against an account, by its name, and against the places from
// which it was tried last. Or against an address or a network, or what Worst shows under an
// ID. It returns how many of these there were.
func (g *Guard) Clear(ctx context.Context, tx *db.Tx, what string) (n int, err error) {
	found := map[string]bool{}
	add := func(query string, args ...any) error {
		list, err := db.All(ctx, tx, db.Value[[]byte], "SELECT mac FROM guess WHERE "+query+" LIMIT ?", append(args, rowLimit)...)
		for _, mac := range list {
			found[string(mac)] = true
		}
		return err
	}
	for _, k := range g.keysNamed(what) {
		if err == nil {
			err = add("mac = ? OR account = ?", []byte(k.mac), []byte(k.mac))
		}
	}
	if from, to, ok := idRange(what); ok && err == nil {
		err = add("mac >= ? AND mac < ?", from, to)
	}
	if err != nil {
		return 0, fmt.Errorf("look up failed logins: %w", err)
	}
	var macs [][]byte
	for mac := range found {
		macs = append(macs, []byte(mac))
	}
	slices.SortFunc(macs, func(a, b []byte) int { return cmp.Compare(string(a), string(b)) })
	for some := range slices.Chunk(macs, pruned) {
		if _, err := tx.Exec(ctx, "DELETE FROM guess WHERE mac IN ("+db.Marks(len(some))+")", db.Anys(some)...); err != nil {
			return 0, fmt.Errorf("forget failed logins: %w", err)
		}
	}
	return len(macs), nil
}

// keysNamed returns the keys that a name may stand for.
func (g *Guard) keysNamed(what string) []key {
	p, err := netip.ParsePrefix(what)
	if a, aerr := netip.ParseAddr(what); aerr == nil || err == nil && p.IsSingleIP() {
		if aerr != nil {
			a = p.Addr()
		}
		place := Place(a)
		return []key{g.placeKey(place), g.networkKey(place)}
	}
	if err == nil {
		place := p.Masked().String()
		return []key{g.placeKey(place), g.key(byNetwork, "#"+place)}
	}
	return []key{g.accountKey(what, false), g.accountKey(what, true)}
}

// idRange returns the keys that begin with an ID of Worst.
func idRange(what string) (from, to []byte, ok bool) {
	from, err := hex.DecodeString(strings.TrimPrefix(strings.ToLower(what), "#"))
	if err != nil || 2*len(from) != idDigits {
		return nil, nil, false
	}
	to = slices.Clone(from)
	for i := len(to) - 1; i >= 0; i-- {
		if to[i]++; to[i] != 0 {
			return from, to, true
		}
	}
	return from, slices.Repeat([]byte{0xff}, 33), true
}
