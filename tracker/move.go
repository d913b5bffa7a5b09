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

// Part is one of the trackers that share the torrents: its name, its slots and the folder
// of its journal. A part without slots is retired.
type Part struct{ Name, Slots, Dir string }

// ParsePart parses NAME:SLOTS:FOLDER, such as "a:01234567:/var/lib/caduceus-tracker@a/tracker".
// Name and slots may be empty. An error has code Invalid.
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

// served returns the part's slots. Unlike in settings, "" is none.
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
	Clients int // that came from other parts
	Stays   int // clients it has now, including those that are only remembered
}

// Move divides the torrents among trackers in another way. None of them may be running.
// Each client moves, with its counters, to the tracker that serves its torrent from now
// on, so that no credit is lost, and all sums are written to the database. Parts without
// slots give everything away and are retired. Every existing part must be named. If Move
// is interrupted, it can be run again: a client is removed only after it has arrived.
//
// Each slot must be in exactly one part. A folder that a running tracker uses is refused.
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

// String returns the slots as they are written in settings.
func (s slots) String() string {
	var b strings.Builder
	for i := range slotCount {
		if s.has(uint8(i)) {
			b.WriteByte(slotDigits[i])
		}
	}
	return b.String()
}

// slotsOf returns the slot of every torrent that the trackers know.
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

// movingPart is a part with open books.
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

// give hands over the clients of torrents that other parts serve.
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

// gives selects the torrents that other parts serve. Torrents that are no longer
// registered stay where they are until they are forgotten.
func (m *movingPart) gives(slotOf map[core.TorrentID]uint8) func(core.TorrentID) bool {
	mine := m.served()
	return func(id core.TorrentID) bool {
		slot, known := slotOf[id]
		return known && !mine.has(slot)
	}
}

// save writes the sums to the database, and a checkpoint of the clients.
func (m *movingPart) save(ctx context.Context) error {
	if err := m.book.Flush(ctx); err != nil {
		return err
	}
	return m.book.Checkpoint(ctx)
}

// leave removes the clients that other parts have now.
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
		// Its marks stay. If its journal is opened again, they say that everything
		// in it is credited.
		return d.Events.Forget(ctx, consumer)
	}
	// From now on an upload counts as served only when this tracker follows it too.
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
