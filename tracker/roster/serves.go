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

// Admits reports whether a member exists and is enabled.
func (r *Roster) Admits(id core.MemberID) bool {
	m, _, ok := r.Account(id)
	return ok && !m.At(r.o.Clock()).Shut
}
