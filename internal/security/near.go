package security

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/guess"
)

// This file finds whom an address has in common. A place is an address of IPv4, the /64 of
// an address of IPv6, or a host as another network shows it. Only those count who proved
// that the account is theirs: tries with a wrong secret come from anywhere.

// Bounds of what is read for one answer.
const (
	entriesOwn   = 1000 // newest entries of the member
	placesOwn    = 20   // latest places of the member
	entriesPlace = 1000 // newest entries of each place
	groupsNear   = 1000 // accounts at places
	// MostNear is how many accounts are told of at once.
	MostNear = 50
)

// proved are the kinds whose author had the right secret.
var proved = []any{string(LoggedIn), string(ShutOut), string(Used)}

// Near is an account that was used from the same places as another, or from one place.
type Near struct {
	Member  core.MemberID
	Places  int       // that they have in common, at least 1
	LastAt  time.Time // when it was last used from one of these
	Address string    // an address of that place, as the account that was asked about had it
}

// Near returns the accounts that were used from the latest places of a member, those with
// the most places in common first, at most MostNear of them; more says that there are others.
func (l *Log) Near(ctx context.Context, m core.MemberID) (list []Near, more bool, err error) {
	places, err := l.placesOf(ctx, m)
	if err != nil || len(places) == 0 {
		return nil, false, err
	}
	var parts []string
	var args []any
	for place := range places {
		// Of a place with many entries the newest are enough, whosever they are.
		parts = append(parts, "SELECT member_id, place, last_at, kind FROM (SELECT member_id, place, last_at, kind FROM security_log WHERE place = ? ORDER BY id DESC LIMIT ?) AS p")
		args = append(args, []byte(place), entriesPlace)
	}
	args = append(append(append(args, proved...), m), groupsNear)
	found := map[core.MemberID]*Near{}
	_, err = db.All(ctx, l.db, func(sc db.Scanner) (none struct{}, err error) {
		var id core.MemberID
		var place []byte
		var last int64
		if err = sc.Scan(&id, &place, &last); err != nil {
			return none, err
		}
		n := found[id]
		if n == nil {
			n = &Near{Member: id}
			found[id] = n
		}
		n.Places++
		if at := time.Unix(last, 0).UTC(); at.After(n.LastAt) {
			n.LastAt, n.Address = at, places[string(place)]
		}
		return none, nil
	}, "SELECT u.member_id, u.place, MAX(u.last_at) FROM ("+strings.Join(parts, " UNION ALL ")+") AS u WHERE u.kind IN ("+db.Marks(len(proved))+
		") AND u.member_id NOT IN (0, ?) GROUP BY u.member_id, u.place ORDER BY MAX(u.last_at) DESC LIMIT ?", args...)
	if err != nil {
		return nil, false, fmt.Errorf("look who is near member %d: %w", m, err)
	}
	for _, n := range found {
		list = append(list, *n)
	}
	slices.SortFunc(list, func(a, b Near) int {
		return cmp.Or(cmp.Compare(b.Places, a.Places), b.LastAt.Compare(a.LastAt), cmp.Compare(a.Member, b.Member))
	})
	if len(list) > MostNear {
		return list[:MostNear], true, nil
	}
	return list, false, nil
}

// placesOf are the latest places of a member, with an address of each.
func (l *Log) placesOf(ctx context.Context, m core.MemberID) (map[string]string, error) {
	out := map[string]string{}
	_, err := db.All(ctx, l.db, func(sc db.Scanner) (none struct{}, err error) {
		var place, box []byte
		if err = sc.Scan(&place, &box); err != nil || len(box) == 0 || len(out) >= placesOwn {
			return none, err
		}
		if _, known := out[string(place)]; known {
			return none, nil
		}
		plain, err := l.keys.Open(box, addressUse(m))
		out[string(place)] = string(plain)
		return none, err
	}, "SELECT s.place, s.address FROM (SELECT id, kind, place, address FROM security_log WHERE member_id = ? ORDER BY id DESC LIMIT ?) AS s WHERE s.kind IN ("+
		db.Marks(len(proved))+") AND s.place <> ? ORDER BY s.id DESC", append(append([]any{m, entriesOwn}, proved...), []byte{})...)
	if err != nil {
		return nil, fmt.Errorf("read where member %d was: %w", m, err)
	}
	return out, nil
}

// At returns the accounts that were used from the place of an address, the latest first, at
// most MostNear of them; more says that there are others. Address is the one that was asked
// for.
func (l *Log) At(ctx context.Context, a netip.Addr) (list []Near, more bool, err error) {
	address := a.Unmap().WithZone("").String()
	list, err = db.All(ctx, l.db, func(sc db.Scanner) (Near, error) {
		n := Near{Places: 1, Address: address}
		var last int64
		err := sc.Scan(&n.Member, &last)
		n.LastAt = time.Unix(last, 0).UTC()
		return n, err
	}, "SELECT s.member_id, MAX(s.last_at) FROM (SELECT member_id, kind, last_at FROM security_log WHERE place = ? ORDER BY id DESC LIMIT ?) AS s WHERE s.kind IN ("+
		db.Marks(len(proved))+") AND s.member_id > 0 GROUP BY s.member_id ORDER BY MAX(s.last_at) DESC, s.member_id LIMIT ?",
		append(append([]any{[]byte(l.placeMAC(guess.Place(a))), entriesPlace}, proved...), MostNear+1)...)
	if err != nil {
		return nil, false, fmt.Errorf("look who was at an address: %w", err)
	}
	if len(list) > MostNear {
		return list[:MostNear], true, nil
	}
	return list, false, nil
}

// Place is an address that an account was used from.
type Place struct {
	Address string
	Since   time.Time // its oldest entry, of those that were looked through
	LastAt  time.Time
	Times   int // how often, at least
}

// MostUsed is how many addresses Addresses returns at most.
const MostUsed = 100

// Addresses returns from where a member used the account, the latest first, by the newest
// 1,000 entries of the log; more says that there are others.
func (l *Log) Addresses(ctx context.Context, m core.MemberID) (list []Place, more bool, err error) {
	index := map[string]int{}
	_, err = db.All(ctx, l.db, func(sc db.Scanner) (none struct{}, err error) {
		var box []byte
		var at, last int64
		var tries int
		if err = sc.Scan(&box, &at, &last, &tries); err != nil || len(box) == 0 {
			return none, err
		}
		plain, err := l.keys.Open(box, addressUse(m))
		if err != nil {
			return none, err
		}
		i, known := index[string(plain)]
		if !known {
			i = len(list)
			index[string(plain)] = i
			list = append(list, Place{Address: string(plain), Since: time.Unix(at, 0).UTC()})
		}
		u := &list[i]
		u.Times += tries
		for _, t := range []time.Time{time.Unix(at, 0).UTC(), time.Unix(last, 0).UTC()} {
			if t.Before(u.Since) {
				u.Since = t
			}
			if t.After(u.LastAt) {
				u.LastAt = t
			}
		}
		return none, nil
	}, "SELECT s.address, s.at, s.last_at, s.tries FROM (SELECT id, kind, address, at, last_at, tries FROM security_log WHERE member_id = ? ORDER BY id DESC LIMIT ?) AS s WHERE s.kind IN ("+
		db.Marks(len(proved))+") ORDER BY s.id DESC", append([]any{m, entriesOwn}, proved...)...)
	if err != nil {
		return nil, false, fmt.Errorf("read the addresses of member %d: %w", m, err)
	}
	slices.SortFunc(list, func(a, b Place) int { return cmp.Or(b.LastAt.Compare(a.LastAt), cmp.Compare(a.Address, b.Address)) })
	if len(list) > MostUsed {
		return list[:MostUsed], true, nil
	}
	return list, false, nil
}

// placeMAC is the keyed hash of a place. That of none is no empty one, so that it is told
// from what an older release wrote.
func (l *Log) placeMAC(place string) string { return string(l.keys.MAC("security place", place)) }

// Refresh writes the places of up to limit (1 to 1000) entries of an older release, and
// returns of how many. Others may use the log meanwhile.
func (l *Log) Refresh(ctx context.Context, limit int) (int64, error) {
	type entry struct {
		id     int64
		member core.MemberID
		box    []byte
	}
	list, err := db.All(ctx, l.db, func(sc db.Scanner) (e entry, err error) { return e, sc.Scan(&e.id, &e.member, &e.box) },
		"SELECT id, member_id, address FROM security_log WHERE place = ? ORDER BY id LIMIT ?", []byte{}, min(max(limit, 1), 1000))
	if err != nil || len(list) == 0 {
		return 0, err
	}
	err = l.db.Tx(ctx, func(tx *db.Tx) error {
		for _, e := range list {
			at := ""
			if len(e.box) > 0 {
				// One that can't be opened is at no place: nobody could read it either.
				if plain, err := l.keys.Open(e.box, addressUse(e.member)); err == nil {
					at = string(plain)
				}
			}
			if a, err := netip.ParseAddr(at); err == nil {
				at = guess.Place(a)
			}
			if _, err := tx.Exec(ctx, "UPDATE security_log SET place = ? WHERE id = ? AND place = ?", []byte(l.placeMAC(at)), e.id, []byte{}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("bring the security log up to date: %w", err)
	}
	return int64(len(list)), nil
}
