package security

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/guess"
)

// placesKnown is how many of the newest logins to an account are looked at for the
// networks that it is used from.
const placesKnown = 200

// NewPlace reports whether whoever acts in ctx comes from a network from which nobody has
// logged in to the account before, as far as the log knows: it is false where the address
// is not known, and for an account to which nobody has logged in yet. Ask before the login
// is written down.
func (l *Log) NewPlace(ctx context.Context, q db.Queryer, m core.MemberID) (bool, error) {
	o := Of(ctx)
	if !o.Address.IsValid() {
		return false, nil
	}
	boxes, err := db.All(ctx, q, db.Value[[]byte], `SELECT address FROM security_log WHERE member_id = ? AND kind = ? AND face IN (?, ?)
		ORDER BY id DESC LIMIT ?`, m, LoggedIn, Site, IRC, placesKnown)
	if err != nil {
		return false, fmt.Errorf("read where member %d logged in: %w", m, err)
	}
	here, known := around(o.Address), false
	for _, box := range boxes {
		if len(box) == 0 {
			continue
		}
		plain, err := l.keys.Open(box, addressUse(m))
		if err != nil {
			return false, fmt.Errorf("where member %d logged in: %w", m, err)
		}
		address, err := netip.ParseAddr(string(plain))
		if err != nil { // a host, as another network shows it
			continue
		}
		if around(address) == here {
			return false, nil
		}
		known = true
	}
	return known, nil
}

// around is the network of an address. Lines get other addresses of it from day to day.
func around(a netip.Addr) string { return guess.Around(guess.Place(a)) }
