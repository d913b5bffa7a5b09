package tracker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/ledger"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
)

// Part is one of the trackers that share the torrents: its name, its slots and the
// folder of its journal. Without slots it is to be retired.
type Part struct{ Name, Slots, Dir string }

// ParsePart reads NAME:SLOTS:FOLDER, such as "a:01234567:/var/lib/caduceus-tracker@a/tracker".
// Name and slots may be empty.
func ParsePart(text string) (Part, error) {
	words := strings.SplitN(text, ":", 3)
	if len(words) != 3 || words[2] == "" {
		return Part{}, core.Errorf(core.Invalid, "%q is not NAME:SLOTS:FOLDER; write for example a:01234567:/var/lib/caduceus-tracker@a/tracker", text)
	}
	p := Part{Name: words[0], Slots: words[1], Dir: filepath.Clean(words[2])}
	if !trackerName.MatchString(p.Name) {
		return p, core.Errorf(core.Invalid, "%q can't be the name of a tracker; take up to 20 small letters, digits and hyphens", p.Name)
	}
	_, err := parseSlots(p.Slots)
	return p, err
}

// served are the part's slots; unlike in settings none means none.
func (p Part) served() slots {
	if p.Slots == "" {
		return 0
	}
	s, err := parseSlots(p.Slots)
	if err != nil {
		return 0 // ParsePart has refused it
	}
	return s
}

// Moved is what Move has done with one part.
type Moved struct {
	Part
	Clients int // that were brought in from others
	Stays   int // clients it has now, those that are only remembered included
}

// Move shares the torrents out anew among trackers that do not run: clients go with
// their counters to whoever serves their torrent from now on, so that none loses
// credit, and all sums reach the database. Parts without slots give all away and
// are retired. Every part that there was must be named. It can be run again when
// it was interrupted: a client is removed only after it has arrived.
//
// Each slot must be in exactly one part. A folder that a tracker uses is refused.
func Move(ctx context.Context, c Config, d Deps, parts []Part) (_ []Moved, err error) {
	if err := checkParts(parts); err != nil {
		return nil, err
	}
	slotOf, err := slotsOf(ctx, d)
	if err != nil {
		return nil, err
	}
	var all []*movingPart
	defer func() {
		for _, p := range all {
			err = errors.Join(err, p.book.Close())
		}
	}()
	for _, p := range parts {
		m, err := openPart(ctx, c, d, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Dir, err)
		}
		all = append(all, m)
	}
	for _, from := range all {
		if err := from.give(all, slotOf); err != nil {
			return nil, err
		}
	}
	for _, p := range all { // first all arrive …
		if err := p.save(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Dir, err)
		}
	}
	for _, p := range all { // … then they leave
		if err := p.leave(ctx, d, slotOf); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Dir, err)
		}
	}
	return report(all), nil
}

func checkParts(parts []Part) error {
	var taken slots
	names, dirs := map[string]bool{}, map[string]bool{}
	for _, p := range parts {
		if names[p.Name] || dirs[p.Dir] {
			return core.Errorf(core.Invalid, "tracker %q in %s: a name and a folder may be there once", p.Name, p.Dir)
		}
		names[p.Name], dirs[p.Dir] = true, true
		if s := p.served(); taken&s != 0 {
			return core.Errorf(core.Invalid, "tracker %q: a slot of %s is another tracker's too", p.Name, p.Slots)
		}
		taken |= p.served()
	}
	if taken != allSlots {
		return core.Errorf(core.Invalid, "slots %s belong to no tracker", (allSlots &^ taken).String())
	}
	return nil
}

// String lists the slots as settings do.
func (s slots) String() string {
	var b strings.Builder
	for i := range slotCount {
		if s.has(uint8(i)) {
			b.WriteByte(slotDigits[i])
		}
	}
	return b.String()
}

// slotsOf reads the slot of every torrent that the trackers know.
func slotsOf(ctx context.Context, d Deps) (map[core.TorrentID]uint8, error) {
	const page = 1000
	found := map[core.TorrentID]uint8{}
	for after := core.TorrentID(0); ; {
		list, err := d.Torrents.TrackerPage(ctx, after, page)
		if err != nil {
			return nil, err
		}
		for _, t := range list {
			after = t.ID
			if len(t.Hashes) > 0 {
				found[t.ID] = t.Hashes[0][0] >> 4
			}
		}
		if len(list) < page {
			return found, nil
		}
	}
}

// movingPart is a part whose books are open.
type movingPart struct {
	Part
	swarms  *swarm.Swarms
	book    *ledger.Book
	arrived int
}

func openPart(ctx context.Context, c Config, d Deps, p Part) (*movingPart, error) {
	c.Name, c.JournalDir = p.Name, p.Dir
	r := &Room{c: c, d: d}
	m := &movingPart{Part: p, swarms: r.newSwarms()}
	var err error
	m.book, err = r.openBook(ctx, m.swarms, func() []ledger.Count { return counts(m.swarms.TakeChanged(nil)) })
	return m, err
}

// give hands the clients of others' torrents over to them.
func (m *movingPart) give(all []*movingPart, slotOf map[core.TorrentID]uint8) error {
	return m.swarms.Export(m.gives(slotOf), func(id core.TorrentID, rec []byte) error {
		to := all[slices.IndexFunc(all, func(p *movingPart) bool { return p.served().has(slotOf[id]) })]
		to.arrived++
		if err := to.book.Move(id, rec); err != nil {
			return fmt.Errorf("%s: %w", to.Dir, err)
		}
		return nil
	})
}

// gives tells which torrents are another part's. Those that are registered no more
// stay where they are, until they are forgotten.
func (m *movingPart) gives(slotOf map[core.TorrentID]uint8) func(core.TorrentID) bool {
	mine := m.served()
	return func(id core.TorrentID) bool {
		slot, known := slotOf[id]
		return known && !mine.has(slot)
	}
}

// save makes what has arrived lasting, and the sums.
func (m *movingPart) save(ctx context.Context) error {
	if err := m.book.Flush(ctx); err != nil {
		return err
	}
	return m.book.Checkpoint(ctx)
}

// leave removes what others have now.
func (m *movingPart) leave(ctx context.Context, d Deps, slotOf map[core.TorrentID]uint8) error {
	for _, id := range m.swarms.Torrents(m.gives(slotOf)) {
		if err := m.book.Move(id, swarm.RemovalRecord(id)); err != nil {
			return err
		}
	}
	if err := m.save(ctx); err != nil {
		return err
	}
	consumer := Config{Name: m.Name}.consumer()
	if m.served() == 0 {
		// Its marks stay: should anybody open its journal again, they say that
		// all of it is credited.
		return d.Events.Forget(ctx, consumer)
	}
	// From now on uploads wait for it.
	last, err := d.Events.Last(ctx)
	if err != nil {
		return err
	}
	return d.Events.Advance(ctx, consumer, last)
}

func report(all []*movingPart) []Moved {
	out := make([]Moved, len(all))
	for i, m := range all {
		n := m.swarms.Totals()
		out[i] = Moved{Part: m.Part, Clients: m.arrived, Stays: n.Seeders + n.Leechers + n.Unlisted}
	}
	return out
}
