package roster

import "github.com/caduceus-bio/caduceus/internal/core"

// TorrentByID returns a torrent that is registered and not deleted.
func (r *Roster) TorrentByID(id core.TorrentID) (Torrent, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.hashes[id] {
		if t, ok := r.torrents.get(h); ok && t.ID == id && !t.Deleted {
			return t, true
		}
	}
	return Torrent{}, false
}

// Admits reports whether a member is there and enabled.
func (r *Roster) Admits(id core.MemberID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.members.get(r.passkeys[id])
	return ok && m.ID == id && m.Enabled
}

// Slot returns the slot of a torrent that has a hash, deleted or not.
func (r *Roster) Slot(id core.TorrentID) (slot uint8, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.hashes[id] {
		if t, ok := r.torrents.get(h); ok && t.ID == id {
			return t.Slot, true
		}
	}
	return 0, false
}
