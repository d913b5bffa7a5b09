package ocelot

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// actions are what Gazelle may ask for. Each returns the event that the tracker
// has to follow until it is in force, 0 for none, and what is told of it.
var actions = map[string]func(s *Server, ctx context.Context, p params) (event int64, told string, err error){
	"change_passkey":           quiet((*Server).changePasskey),
	"add_torrent":              quiet((*Server).addTorrent),
	"update_torrent":           quiet((*Server).updateTorrent),
	"update_torrents":          quiet((*Server).updateTorrents),
	"add_token":                quiet((*Server).addToken),
	"remove_token":             quiet((*Server).removeToken),
	"delete_torrent":           quiet((*Server).deleteTorrent),
	"add_user":                 quiet((*Server).addUser),
	"remove_user":              quiet((*Server).removeUser),
	"remove_users":             quiet((*Server).removeUsers),
	"update_user":              quiet((*Server).updateUser),
	"add_whitelist":            quiet((*Server).addWhitelist),
	"remove_whitelist":         quiet((*Server).removeWhitelist),
	"edit_whitelist":           quiet((*Server).editWhitelist),
	"update_announce_interval": quiet((*Server).updateInterval),
	"update_announce_jitter":   quiet((*Server).updateJitter),
	"info_torrent":             (*Server).infoTorrent,
}

func quiet(f func(s *Server, ctx context.Context, p params) (int64, error)) func(*Server, context.Context, params) (int64, string, error) {
	return func(s *Server, ctx context.Context, p params) (int64, string, error) {
		event, err := f(s, ctx, p)
		return event, "", err
	}
}

// followFor is how long an answer waits for what was changed to be in force.
const followFor = 3 * time.Second

// update does what is asked, one after the other, and returns what is told of it.
func (s *Server) update(ctx context.Context, p params) (string, error) {
	do, ok := actions[p["action"]]
	if !ok {
		return "", core.Errorf(core.Invalid, "there is no action of that name")
	}
	s.updating.Lock()
	event, told, err := do(s, ctx, p)
	s.updating.Unlock()
	if event > 0 {
		// It is written, and will be in force; only the wait for it may fail.
		wait, cancel := context.WithTimeout(ctx, followFor)
		defer cancel()
		if err := s.o.Followed(wait, event); err != nil && ctx.Err() == nil {
			s.o.Log.Warn("what Gazelle has changed is not in force yet", "err", err)
		}
	}
	return told, err
}

func (s *Server) changePasskey(ctx context.Context, p params) (int64, error) {
	from, err := p.passkey("oldpasskey")
	if err != nil {
		return 0, err
	}
	to, err := p.passkey("newpasskey")
	if err != nil {
		return 0, err
	}
	return s.o.Store.changePasskey(ctx, from, to)
}

func (s *Server) addTorrent(ctx context.Context, p params) (int64, error) {
	id, err := p.id("id")
	if err != nil {
		return 0, err
	}
	h, err := p.hash()
	if err != nil {
		return 0, err
	}
	leech, err := p.leech()
	if err != nil {
		return 0, err
	}
	return s.o.Store.addTorrent(ctx, core.TorrentID(id), h, leech)
}

func (s *Server) updateTorrent(ctx context.Context, p params) (int64, error) {
	h, err := p.hash()
	if err != nil {
		return 0, err
	}
	leech, err := p.leech()
	if err != nil {
		return 0, err
	}
	return s.o.Store.setLeech(ctx, []core.InfoHash{h}, leech)
}

func (s *Server) updateTorrents(ctx context.Context, p params) (int64, error) {
	hashes, err := p.hashes("info_hashes")
	if err != nil {
		return 0, err
	}
	leech, err := p.leech()
	if err != nil {
		return 0, err
	}
	return s.o.Store.setLeech(ctx, hashes, leech)
}

func (s *Server) addToken(ctx context.Context, p params) (int64, error) {
	h, err := p.hash()
	if err != nil {
		return 0, err
	}
	id, err := p.member("userid")
	if err != nil {
		return 0, err
	}
	return s.o.Store.addToken(ctx, h, id)
}

func (s *Server) removeToken(ctx context.Context, p params) (int64, error) {
	h, err := p.hash()
	if err != nil {
		return 0, err
	}
	id, err := p.member("userid")
	if err != nil {
		return 0, err
	}
	return s.o.Store.removeToken(ctx, h, id)
}

func (s *Server) deleteTorrent(ctx context.Context, p params) (int64, error) {
	h, err := p.hash()
	if err != nil {
		return 0, err
	}
	reason, err := p.reason()
	if err != nil {
		return 0, err
	}
	return s.o.Store.deleteTorrent(ctx, h, reason)
}

func (s *Server) addUser(ctx context.Context, p params) (int64, error) {
	id, err := p.member("id")
	if err != nil {
		return 0, err
	}
	passkey, err := p.passkey("passkey")
	if err != nil {
		return 0, err
	}
	r, err := p.rights()
	if err != nil {
		return 0, err
	}
	return s.o.Store.addMember(ctx, id, passkey, r)
}

func (s *Server) removeUser(ctx context.Context, p params) (int64, error) {
	passkey, err := p.passkey("passkey")
	if err != nil {
		return 0, err
	}
	return s.o.Store.removeMembers(ctx, []string{passkey})
}

func (s *Server) removeUsers(ctx context.Context, p params) (int64, error) {
	passkeys, err := p.passkeys("passkeys")
	if err != nil {
		return 0, err
	}
	return s.o.Store.removeMembers(ctx, passkeys)
}

func (s *Server) updateUser(ctx context.Context, p params) (int64, error) {
	passkey, err := p.passkey("passkey")
	if err != nil {
		return 0, err
	}
	r, err := p.rights()
	if err != nil {
		return 0, err
	}
	return s.o.Store.updateMember(ctx, passkey, r)
}

func (s *Server) addWhitelist(ctx context.Context, p params) (int64, error) {
	prefix, err := p.prefix("peer_id")
	if err != nil {
		return 0, err
	}
	return s.o.Store.setClients(ctx, "", prefix)
}

func (s *Server) removeWhitelist(ctx context.Context, p params) (int64, error) {
	prefix, err := p.prefix("peer_id")
	if err != nil {
		return 0, err
	}
	return s.o.Store.setClients(ctx, prefix, "")
}

func (s *Server) editWhitelist(ctx context.Context, p params) (int64, error) {
	from, err := p.prefix("old_peer_id")
	if err != nil {
		return 0, err
	}
	to, err := p.prefix("new_peer_id")
	if err != nil {
		return 0, err
	}
	return s.o.Store.setClients(ctx, from, to)
}

func (s *Server) updateInterval(ctx context.Context, p params) (int64, error) {
	d, err := p.seconds("new_announce_interval", time.Minute, s.o.LongestInterval)
	if err != nil {
		return 0, err
	}
	event, err := s.o.Store.set(ctx, announceInterval, int64(d/time.Second))
	if err == nil {
		s.interval.Store(int64(d))
	}
	return event, err
}

func (s *Server) updateJitter(ctx context.Context, p params) (int64, error) {
	d, err := p.seconds("new_announce_jitter", 0, time.Hour)
	if err != nil {
		return 0, err
	}
	event, err := s.o.Store.set(ctx, announceJitter, int64(d/time.Second))
	if err == nil {
		s.jitter.Store(int64(d))
	}
	return event, err
}

// infoTorrent tells what is known of a torrent. Ocelot wrote it to its own output.
func (s *Server) infoTorrent(ctx context.Context, p params) (int64, string, error) {
	h, err := p.hash()
	if err != nil {
		return 0, "", err
	}
	t, ok, err := torrentBy(ctx, s.o.Store.db, h)
	if err != nil {
		return 0, "", err
	}
	if !ok {
		return 0, "", errNoTorrent(h)
	}
	deleted := 0
	if t.Deleted {
		deleted = 1
	}
	return 0, fmt.Sprintf("%d id\n%s leech\n%d deleted\n", t.ID, t.Leech, deleted), nil
}
