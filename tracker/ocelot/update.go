package ocelot

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// action does what Gazelle asks for. It returns the event that the roster must have
// followed before the change is in force, 0 for none, and the text of the answer.
type action func(ctx context.Context) (event int64, text string, err error)

// change is an action whose answer has no text.
func change(f func(ctx context.Context) (event int64, err error)) action {
	return func(ctx context.Context) (int64, string, error) {
		event, err := f(ctx)
		return event, "", err
	}
}

// actions are what Gazelle can ask for. Each parses its parameters and returns what is
// to be done, unless params.err says that a parameter is invalid.
var actions = map[string]func(s *Server, p *params) action{
	"change_passkey": func(s *Server, p *params) action {
		from, to := p.passkey("oldpasskey"), p.passkey("newpasskey")
		return change(func(ctx context.Context) (int64, error) { return s.o.Store.changePasskey(ctx, from, to) })
	},
	"add_torrent": func(s *Server, p *params) action {
		id, h, leech := core.TorrentID(p.id("id")), p.hash(), p.leech()
		return change(func(ctx context.Context) (int64, error) { return s.o.Store.addTorrent(ctx, id, h, leech) })
	},
	"update_torrent": func(s *Server, p *params) action {
		h, leech := p.hash(), p.leech()
		return change(func(ctx context.Context) (int64, error) { return s.o.Store.setLeech(ctx, []core.InfoHash{h}, leech) })
	},
	"update_torrents": func(s *Server, p *params) action {
		hashes, leech := p.hashes("info_hashes"), p.leech()
		return change(func(ctx context.Context) (int64, error) { return s.o.Store.setLeech(ctx, hashes, leech) })
	},
	"add_token": func(s *Server, p *params) action {
		h, id := p.hash(), core.MemberID(p.id("userid"))
		return change(func(ctx context.Context) (int64, error) { return s.o.Store.addToken(ctx, h, id) })
	},
	"remove_token": func(s *Server, p *params) action {
		h, id := p.hash(), core.MemberID(p.id("userid"))
		return change(func(ctx context.Context) (int64, error) { return s.o.Store.removeToken(ctx, h, id) })
	},
	"delete_torrent": func(s *Server, p *params) action {
		h, reason := p.hash(), p.reason()
		return change(func(ctx context.Context) (int64, error) { return s.o.Store.deleteTorrent(ctx, h, reason) })
	},
	"add_user": func(s *Server, p *params) action {
		id, passkey, r := core.MemberID(p.id("id")), p.passkey("passkey"), p.rights()
		return change(func(ctx context.Context) (int64, error) { return s.o.Store.addMember(ctx, id, passkey, r) })
	},
	"remove_user": func(s *Server, p *params) action {
		passkey := p.passkey("passkey")
		return change(func(ctx context.Context) (int64, error) { return s.o.Store.removeMembers(ctx, []string{passkey}) })
	},
	"remove_users": func(s *Server, p *params) action {
		passkeys := p.passkeys("passkeys")
		return change(func(ctx context.Context) (int64, error) { return s.o.Store.removeMembers(ctx, passkeys) })
	},
	"update_user": func(s *Server, p *params) action {
		passkey, r := p.passkey("passkey"), p.rights()
		return change(func(ctx context.Context) (int64, error) { return s.o.Store.updateMember(ctx, passkey, r) })
	},
	"add_whitelist": func(s *Server, p *params) action {
		prefix := p.prefix("peer_id")
		return change(func(ctx context.Context) (int64, error) { return s.o.Store.setClients(ctx, "", prefix) })
	},
	"remove_whitelist": func(s *Server, p *params) action {
		prefix := p.prefix("peer_id")
		return change(func(ctx context.Context) (int64, error) { return s.o.Store.setClients(ctx, prefix, "") })
	},
	"edit_whitelist": func(s *Server, p *params) action {
		from, to := p.prefix("old_peer_id"), p.prefix("new_peer_id")
		return change(func(ctx context.Context) (int64, error) { return s.o.Store.setClients(ctx, from, to) })
	},
	"update_announce_interval": func(s *Server, p *params) action {
		d := p.seconds("new_announce_interval", max(time.Minute, s.o.ShortestInterval), s.o.LongestInterval)
		return change(func(ctx context.Context) (int64, error) {
			event, err := s.o.Store.set(ctx, announceInterval, int64(d/time.Second))
			if err == nil {
				s.interval.Store(int64(d))
			}
			return event, err
		})
	},
	"update_announce_jitter": func(s *Server, p *params) action {
		d := p.seconds("new_announce_jitter", 0, time.Hour)
		return change(func(ctx context.Context) (int64, error) {
			event, err := s.o.Store.set(ctx, announceJitter, int64(d/time.Second))
			if err == nil {
				s.jitter.Store(int64(d))
			}
			return event, err
		})
	},
	"info_torrent": func(s *Server, p *params) action {
		h := p.hash()
		return func(ctx context.Context) (int64, string, error) {
			text, err := s.torrentInfo(ctx, h)
			return 0, text, err
		}
	},
}

// followFor is how long an answer waits until the change is in force.
const followFor = 3 * time.Second

// update performs an action, one at a time, and returns the text of the answer.
func (s *Server) update(ctx context.Context, p *params) (string, error) {
	parse, ok := actions[p.text("action")]
	if !ok {
		return "", core.Errorf(core.Invalid, "there is no action of that name")
	}
	do := parse(s, p)
	if p.err != nil {
		return "", p.err
	}
	s.updating.Lock()
	event, text, err := do(ctx)
	s.updating.Unlock()
	if event > 0 {
		// The change is written and will come into force. Only the wait may fail.
		wait, cancel := context.WithTimeout(ctx, followFor)
		defer cancel()
		if err := s.o.Followed(wait, event); err != nil && ctx.Err() == nil {
			s.o.Log.Warn("what Gazelle has changed is not in force yet", "err", err)
		}
	}
	return text, err
}

// torrentInfo returns what is known about a torrent. Ocelot prints it to its own output.
func (s *Server) torrentInfo(ctx context.Context, h core.InfoHash) (string, error) {
	t, ok, err := torrentBy(ctx, s.o.Store.db, h)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", errNoTorrent(h)
	}
	deleted := 0
	if t.Deleted {
		deleted = 1
	}
	return fmt.Sprintf("%d id\n%s leech\n%d deleted\n", t.ID, t.Leech, deleted), nil
}
