package rates

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

const (
	every     = time.Minute      // how often a process writes down whom it refused most
	written   = 10               // how many these are
	shownFor  = 3 * time.Minute  // after which a process that wrote nothing has ended
	keptFor   = 10 * time.Minute // in the table
	pruned    = 500              // rows at once
	storeTime = 5 * time.Second  // for writing
	nameUse   = "rates"          // keeps apart what is sealed here
	idDigits  = 10
)

// Store keeps whom all processes refused most lately, in the table rate_worst. Who they are
// is sealed.
type Store struct {
	db    *db.DB
	log   *eventlog.Log
	keys  *secret.Keyring
	clock core.Clock
}

// NewStore returns the store on d.
func NewStore(d *db.DB, log *eventlog.Log, keys *secret.Keyring, clock core.Clock) *Store {
	return &Store{db: d, log: log, keys: keys, clock: clock}
}

// mac is the keyed hash under which somebody is stored, without which of several parts.
func (s *Store) mac(w Who) []byte { return s.keys.MAC(nameUse, string(w.By)+" "+w.Name) }

// Write puts whom a process refused most since it last wrote in place of what it wrote then.
func (s *Store) Write(ctx context.Context, process string, list []Refused) error {
	now := s.clock()
	var rows [][]any
	for _, r := range list {
		box := s.keys.Seal([]byte(string(r.Who.By)+" "+r.Who.Name[:min(len(r.Who.Name), 150)]), nameUse)
		rows = append(rows, []any{process, r.Limit, s.mac(r.Who), r.Times, box, now.Unix()})
	}
	slices.SortStableFunc(rows, func(a, b []any) int {
		return cmp.Or(cmp.Compare(a[1].(string), b[1].(string)), slices.Compare(a[2].([]byte), b[2].([]byte)))
	})
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM rate_worst WHERE process = ?", process); err != nil {
			return err
		}
		// Several parts of one are one row.
		return tx.Upsert(ctx, db.UpsertSpec{Table: "rate_worst", Key: []string{"process", "limit_name", "who"}, Add: []string{"refused"}, Keep: []string{"name_box", "at"}}, rows...)
	})
	if err == nil {
		err = s.prune(ctx, now)
	}
	if err != nil {
		return fmt.Errorf("write down who is refused most: %w", err)
	}
	return nil
}

// prune deletes what processes wrote that have ended, and what a wrong clock wrote.
func (s *Store) prune(ctx context.Context, now time.Time) error {
	type place struct {
		process, limit string
		who            []byte
	}
	list, err := db.All(ctx, s.db, func(sc db.Scanner) (p place, err error) { return p, sc.Scan(&p.process, &p.limit, &p.who) },
		"SELECT process, limit_name, who FROM rate_worst WHERE at < ? OR at > ? LIMIT ?", now.Add(-keptFor).Unix(), core.Horizon(now, 0).Unix(), pruned)
	if err != nil || len(list) == 0 {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		for _, p := range list {
			if _, err := tx.Exec(ctx, "DELETE FROM rate_worst WHERE process = ? AND limit_name = ? AND who = ?", p.process, p.limit, p.who); err != nil {
				return err
			}
		}
		return nil
	})
}

// Held is somebody whom a process refused.
type Held struct {
	ID      string // what Named finds it by
	Process string
	Limit   string
	Who     Who
	Times   int // within a minute
}

// Worst returns the n who were refused most lately in all processes.
func (s *Store) Worst(ctx context.Context, n int) ([]Held, error) {
	now := s.clock()
	list, err := db.All(ctx, s.db, func(sc db.Scanner) (h Held, err error) {
		var mac, box []byte
		if err := sc.Scan(&h.Process, &h.Limit, &mac, &box, &h.Times); err != nil {
			return h, err
		}
		plain, err := s.keys.Open(box, nameUse)
		by, name, _ := strings.Cut(string(plain), " ")
		h.ID, h.Who = hex.EncodeToString(mac)[:idDigits], Who{By: By(by), Name: name}
		return h, err
	}, "SELECT process, limit_name, who, name_box, refused FROM rate_worst WHERE at > ? AND at <= ? ORDER BY refused DESC LIMIT ?",
		now.Add(-shownFor).Unix(), core.Horizon(now, 0).Unix(), n)
	if err != nil {
		return nil, fmt.Errorf("list who is refused most: %w", err)
	}
	return list, nil
}

// Clear asks every process to give back everything to somebody: an account by name, an
// address, a network, or what Worst shows under an ID. It reports whether that can be.
func (s *Store) Clear(ctx context.Context, tx *db.Tx, what string) (known bool, err error) {
	macs, err := s.named(ctx, tx, what)
	if err != nil {
		return false, err
	}
	body := eventlog.LimitsCleared{}
	for _, mac := range macs {
		if _, err := tx.Exec(ctx, "DELETE FROM rate_worst WHERE who = ?", mac); err != nil {
			return false, fmt.Errorf("clear a rate: %w", err)
		}
		body.Who = append(body.Who, hex.EncodeToString(mac))
	}
	if len(macs) == 0 {
		return false, nil
	}
	_, err = s.log.Append(ctx, tx, body)
	return true, err
}

// named returns the keyed hashes that a name may stand for.
func (s *Store) named(ctx context.Context, tx *db.Tx, what string) ([][]byte, error) {
	what = strings.ToLower(what)
	if id := strings.TrimPrefix(what, "#"); len(id) == idDigits {
		list, err := db.All(ctx, tx, db.Value[[]byte], "SELECT DISTINCT who FROM rate_worst LIMIT ?", 10_000)
		if err != nil {
			return nil, fmt.Errorf("look up a rate: %w", err)
		}
		list = slices.DeleteFunc(list, func(mac []byte) bool { return hex.EncodeToString(mac)[:idDigits] != id })
		if len(list) > 0 {
			return list, nil
		}
	}
	if a, err := netip.ParseAddr(what); err == nil {
		return [][]byte{s.mac(Who{By: Network, Name: guess.Place(a)})}, nil
	}
	if _, err := netip.ParsePrefix(what); err == nil {
		return [][]byte{s.mac(Who{By: Network, Name: what})}, nil
	}
	return [][]byte{s.mac(Who{By: Account, Name: what}), s.mac(Who{By: Network, Name: what})}, nil
}

// Report writes down each minute whom b refused most, until ctx ends. process names this
// process among those that run.
func (s *Store) Report(ctx context.Context, b *Book, process string, log *slog.Logger) {
	process = process[:min(len(process), 50)] + " " + secret.RandomHex(3)
	for wrote := false; core.Sleep(ctx, every); {
		list := b.Worst(written)
		if len(list) == 0 && !wrote {
			continue
		}
		query, cancel := context.WithTimeout(ctx, storeTime)
		err := s.Write(query, process, list)
		cancel()
		wrote = err != nil || len(list) > 0
		if err != nil && ctx.Err() == nil {
			log.Warn("who is refused most is not written down", "err", err)
		}
	}
}

// Obey gives back everything to those whom staff clear, until ctx ends.
func (s *Store) Obey(ctx context.Context, b *Book, log *slog.Logger) {
	s.log.Watch(ctx, log, func(e eventlog.Event) {
		if e.Kind != (eventlog.LimitsCleared{}).EventKind() {
			return
		}
		body, err := eventlog.Decode[eventlog.LimitsCleared](e)
		if err != nil {
			log.Error("an event can't be read", "err", err)
			return
		}
		b.Clear(func(w Who) bool { return slices.Contains(body.Who, hex.EncodeToString(s.mac(w))) })
	})
}
