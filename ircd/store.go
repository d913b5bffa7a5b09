package ircd

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// ChannelRow is a channel as it is kept.
type ChannelRow struct {
	Name    string
	Purpose string // its topic as long as nobody sets another
	Modes   string // such as "+nt" or "+klnt secret 50"
	// Join and Speak are what a member must be allowed to enter and to speak;
	// empty means every member may.
	Join, Speak core.Permission
	Guests      bool // may be entered without an account
	AutoJoin    bool // members who may enter it find themselves in it
	Topic       string
	TopicBy     string
	TopicAt     time.Time // the zero time when no topic was set
}

// Channels keeps channels in the table irc_channel. It is safe for concurrent
// use.
type Channels struct{ db *db.DB }

// NewChannels returns the store on d.
func NewChannels(d *db.DB) *Channels { return &Channels{db: d} }

// maxChannels bounds how many channels are kept.
const maxChannels = 500

func firstChannels() []ChannelRow {
	return []ChannelRow{
		{Name: "#announce", Purpose: "New upload announces", Modes: "+mntu", Speak: core.IRCAnnounce, AutoJoin: true},
		{Name: "#requests", Purpose: "What members are looking for", Modes: "+mntu", Speak: core.IRCAnnounce},
		{Name: "#general", Purpose: "The usual chit-chat", Modes: "+nt", AutoJoin: true},
		{Name: "#userbots", Purpose: "Member IRC bots live here", Modes: "+nt"},
		{Name: "#support", Purpose: "Ask here when something doesn't work", Modes: "+nt", Guests: true},
		{Name: "#staff", Purpose: "Secret clubhouse", Modes: "+nst", Join: core.IRCStaff, AutoJoin: true},
		{Name: "#debug", Purpose: "Error logging", Modes: "+nst", Join: core.IRCDebug, AutoJoin: true},
	}
}

// Seed implements ChannelStore.
func (s *Channels) Seed(ctx context.Context) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM irc_channel").Scan(&n); err != nil || n > 0 {
			return err
		}
		for i, c := range firstChannels() {
			row := db.Row{"name", c.Name, "position", i + 1, "purpose", c.Purpose, "modes", c.Modes, "join_permission", c.Join,
				"speak_permission", c.Speak, "guests", c.Guests, "autojoin", c.AutoJoin, "topic", "", "topic_by", "", "topic_at", 0}
			if _, err := tx.InsertIgnore(ctx, "irc_channel", row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write the first channels: %w", err)
	}
	return nil
}

// Load implements ChannelStore.
func (s *Channels) Load(ctx context.Context) ([]ChannelRow, error) {
	rows, err := db.All(ctx, s.db, func(sc db.Scanner) (c ChannelRow, err error) {
		var at int64
		err = sc.Scan(&c.Name, &c.Purpose, &c.Modes, &c.Join, &c.Speak, &c.Guests, &c.AutoJoin, &c.Topic, &c.TopicBy, &at)
		if at != 0 {
			c.TopicAt = time.Unix(at, 0).UTC()
		}
		return c, err
	}, `SELECT name, purpose, modes, join_permission, speak_permission, guests, autojoin, topic, topic_by, topic_at
		FROM irc_channel ORDER BY position, name LIMIT ?`, maxChannels)
	if err != nil {
		return nil, fmt.Errorf("read the channels: %w", err)
	}
	return rows, nil
}

// SaveTopic implements ChannelStore.
func (s *Channels) SaveTopic(ctx context.Context, channel, topic, by string, at time.Time) error {
	return s.update(ctx, channel, "UPDATE irc_channel SET topic = ?, topic_by = ?, topic_at = ? WHERE name = ?", topic, by, at.Unix(), channel)
}

// SaveModes implements ChannelStore.
func (s *Channels) SaveModes(ctx context.Context, channel, modes string) error {
	return s.update(ctx, channel, "UPDATE irc_channel SET modes = ? WHERE name = ?", modes, channel)
}

func (s *Channels) update(ctx context.Context, channel, query string, args ...any) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, query, args...)
		if err == nil && n == 0 {
			err = core.Errorf(core.NotFound, "channel %s is not kept", channel)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("save channel %s: %w", channel, err)
	}
	return nil
}
