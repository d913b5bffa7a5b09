package roster

import "github.com/caduceus-bio/caduceus/internal/core"

// Serves reports whether a torrent is registered and not deleted.
func (r *Roster) Serves(id core.TorrentID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.served(id)
}

// Admits reports whether a member is there and enabled.
func (r *Roster) Admits(id core.MemberID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.members.get(r.passkeys[id])
	return ok && m.ID == id && m.Enabled
}
