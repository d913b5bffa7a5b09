package irc

import (
	"context"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// channelTurn is the turn of those who add channels.
const channelTurn = "irc channels"

// Seed writes the first channels where there are none. It is safe to call at every
// start.
func (s *Store) Seed(ctx context.Context) error {
	return wrap("write the first channels", s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, channelTurn); err != nil {
			return err
		}
		n, err := count(ctx, tx, "irc_channel")
		if err != nil || n > 0 {
			return err
		}
		for _, c := range FirstChannels() {
			if _, err := tx.InsertIgnore(ctx, "irc_channel", c.row()); err != nil {
				return err
			}
		}
		return nil
	}))
}

func count(ctx context.Context, q db.Queryer, table string) (int, error) {
	var n int
	err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n)
	return n, err
}

func (c Channel) row() db.Row {
	return db.Row{"name", c.Name, "position", c.Position, "purpose", c.Purpose, "modes", c.Modes, "join_permission", c.Join,
		"speak_permission", c.Speak, "join_class", c.JoinClass.ID, "speak_class", c.SpeakClass.ID, "guests", c.Guests,
		"disabled", c.Disabled, "autojoin", c.AutoJoin, "topic", "", "topic_by", "", "topic_at", 0,
		"history_days", c.History.Days, "history_lines", c.History.Lines}
}

const channelQuery = `SELECT c.name, c.position, c.purpose, c.modes, c.join_permission, c.speak_permission, c.guests, c.disabled, c.autojoin,
	c.topic, c.topic_by, c.topic_at, c.join_class, COALESCE(j.name, ''), COALESCE(j.level, 0), COALESCE(j.secondary, 0),
	c.speak_class, COALESCE(s.name, ''), COALESCE(s.level, 0), COALESCE(s.secondary, 0), c.history_days, c.history_lines
	FROM irc_channel c LEFT JOIN class j ON j.id = c.join_class LEFT JOIN class s ON s.id = c.speak_class `

func scanChannel(sc db.Scanner) (c Channel, err error) {
	var at int64
	j, s := &c.JoinClass, &c.SpeakClass
	err = sc.Scan(&c.Name, &c.Position, &c.Purpose, &c.Modes, &c.Join, &c.Speak, &c.Guests, &c.Disabled, &c.AutoJoin, &c.Topic, &c.TopicBy, &at,
		&j.ID, &j.Name, &j.Level, &j.Secondary, &s.ID, &s.Name, &s.Level, &s.Secondary, &c.History.Days, &c.History.Lines)
	if at != 0 {
		c.TopicAt = time.Unix(at, 0).UTC()
	}
	for _, class := range []*Class{j, s} {
		if class.ID != 0 && class.Name == "" { // the class is gone: nobody has it
			class.Secondary = true
		}
	}
	return c, err
}

// Channels returns all channels in their order.
func (s *Store) Channels(ctx context.Context) ([]Channel, error) {
	rows, err := db.All(ctx, s.db, scanChannel, channelQuery+"ORDER BY c.position, c.name LIMIT ?", MaxChannels)
	return rows, wrap("read the channels", err)
}

// Channel returns a channel by name in any case, or NotFound.
func (s *Store) Channel(ctx context.Context, name string) (Channel, error) {
	return readChannel(ctx, s.db, name)
}

func readChannel(ctx context.Context, q db.Queryer, name string) (Channel, error) {
	if ValidChannel(name) != nil { // names are ASCII: no database may find another one
		return Channel{}, noChannel(name)
	}
	c, found, err := db.One(ctx, q, scanChannel, channelQuery+"WHERE c.name = ?", name)
	if err == nil && !found {
		return c, noChannel(name)
	}
	return c, wrap("read a channel", err)
}

func noChannel(name string) error {
	return core.Errorf(core.NotFound, "there is no channel %s", name)
}

// Create makes a channel. Its position is the last, and DefaultKept applies to it. A
// name that is taken is a Conflict.
func (s *Store) Create(ctx context.Context, c Channel) (Channel, error) {
	if err := c.validate(); err != nil {
		return c, err
	}
	c.History = DefaultKept
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, channelTurn); err != nil {
			return err
		}
		n, err := count(ctx, tx, "irc_channel")
		if err != nil {
			return err
		}
		if n >= MaxChannels {
			return core.Errorf(core.Conflict, "there are %d channels already, which is the most; delete one first", n)
		}
		if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(position), 0) + 1 FROM irc_channel").Scan(&c.Position); err != nil {
			return err
		}
		fresh, err := tx.InsertIgnore(ctx, "irc_channel", c.row())
		if err != nil {
			return err
		}
		if !fresh {
			return core.Errorf(core.Conflict, "the channel %s is there already", c.Name)
		}
		_, err = s.log.Append(ctx, tx, eventlog.IRCChannelChanged{Channel: c.Name})
		return err
	})
	return c, wrap("make a channel", err)
}

// Change lets f change what staff may set of a channel: everything except its name
// and topic. It returns the channel before and after.
func (s *Store) Change(ctx context.Context, name string, f func(*Channel) error) (was, is Channel, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if ValidChannel(name) != nil {
			return noChannel(name)
		}
		if err := tx.Lock(ctx, "irc_channel", "name = ?", name); err != nil {
			return err
		}
		if was, err = readChannel(ctx, tx, name); err != nil {
			return err
		}
		is = was
		if err := f(&is); err != nil {
			return err
		}
		is.Name = was.Name
		if err := is.validate(); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE irc_channel SET position = ?, purpose = ?, modes = ?, join_permission = ?, speak_permission = ?,
			join_class = ?, speak_class = ?, guests = ?, disabled = ?, autojoin = ?, history_days = ?, history_lines = ? WHERE name = ?`, is.Position, is.Purpose, is.Modes, is.Join, is.Speak,
			is.JoinClass.ID, is.SpeakClass.ID, is.Guests, is.Disabled, is.AutoJoin,
			is.History.Days, is.History.Lines, is.Name)
		if err != nil {
			return err
		}
		_, err = s.log.Append(ctx, tx, eventlog.IRCChannelChanged{Channel: is.Name})
		return err
	})
	return was, is, wrap("change a channel", err)
}

// Delete removes a channel with its lists; everybody in it leaves.
func (s *Store) Delete(ctx context.Context, name string) error {
	if ValidChannel(name) != nil {
		return noChannel(name)
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM irc_channel WHERE name = ?", name)
		if err != nil {
			return err
		}
		if n == 0 {
			return noChannel(name)
		}
		if _, err := tx.Exec(ctx, "DELETE FROM irc_mask WHERE channel = ?", name); err != nil {
			return err
		}
		_, err = s.log.Append(ctx, tx, eventlog.IRCChannelChanged{Channel: name})
		return err
	})
	return wrap("delete a channel", err)
}

// SaveTopic stores a topic with the nick that set it.
func (s *Store) SaveTopic(ctx context.Context, channel, topic, by string, at time.Time) error {
	return wrap("save a topic", s.exec(ctx, "the channel is not kept", nil,
		"UPDATE irc_channel SET topic = ?, topic_by = ?, topic_at = ? WHERE name = ?", topic, by, at.Unix(), channel))
}

// Mask is an entry of one of a channel's lists.
type Mask struct {
	Channel string
	Kind    byte // the letter of the list: b for bans, e for exceptions from bans, I for invitations
	Mask    string
	By      string
	At      time.Time
}

// MaxMasks bounds all lists of all channels together.
const MaxMasks = 20_000

// Masks returns the lists of all channels, or of one by name, each in the order in
// which its entries were added.
func (s *Store) Masks(ctx context.Context, channel string) ([]Mask, error) {
	where, args := "", []any{}
	if channel != "" {
		where, args = "WHERE channel = ? ", append(args, channel)
	}
	rows, err := db.All(ctx, s.db, func(sc db.Scanner) (m Mask, err error) {
		var kind string
		var at int64
		if err := sc.Scan(&m.Channel, &kind, &m.Mask, &m.By, &at); err != nil {
			return m, err
		}
		m.Kind, m.At = kind[0], time.Unix(at, 0).UTC()
		return m, nil
	}, "SELECT channel, kind, mask, set_by, set_at FROM irc_mask "+where+"ORDER BY set_at, channel, kind, mask LIMIT ?", append(args, MaxMasks)...)
	return rows, wrap("read the lists of channels", err)
}

// MaskChange adds an entry to a list, with Add, or removes it.
type MaskChange struct {
	Mask
	Add bool
}

// SaveModes stores a channel's modes, in the form of MODE's parameters, and the
// changes of its lists, together. With modes "" only the lists change.
func (s *Store) SaveModes(ctx context.Context, channel, modes string, masks ...MaskChange) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		// The row is written in any case, so that nobody deletes the channel meanwhile.
		n, err := tx.Exec(ctx, "UPDATE irc_channel SET modes = COALESCE(NULLIF(?, ''), modes) WHERE name = ?", modes, channel)
		if err != nil {
			return err
		}
		if n == 0 {
			return core.Errorf(core.NotFound, "the channel is not kept")
		}
		for _, m := range masks {
			if err := saveMask(ctx, tx, channel, m); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("save the modes of a channel", err)
}

func saveMask(ctx context.Context, tx *db.Tx, channel string, m MaskChange) error {
	if !m.Add {
		_, err := tx.Exec(ctx, "DELETE FROM irc_mask WHERE channel = ? AND kind = ? AND mask = ?", channel, string(m.Kind), m.Mask.Mask)
		return err
	}
	_, err := tx.InsertIgnore(ctx, "irc_mask", db.Row{"channel", channel, "kind", string(m.Kind), "mask", m.Mask.Mask, "set_by", m.By, "set_at", m.At.Unix()})
	return err
}
