package tracker

import (
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// slotCount is how many slots the torrents are divided into. A torrent's slot is the
// first four bits of its first info-hash, which are practically random. A reverse proxy
// can read them from a query, however the client has encoded it.
const slotCount = 16

// slots are the slots that a tracker process serves, one bit each.
type slots uint16

const allSlots slots = 1<<slotCount - 1

const slotDigits = "0123456789abcdef"

// parseSlots parses slots as they are written in settings: hexadecimal digits, such as
// "01234". "" is all slots.
func parseSlots(text string) (slots, error) {
	if text == "" {
		return allSlots, nil
	}
	var s slots
	for _, c := range strings.ToLower(text) {
		n := strings.IndexRune(slotDigits, c)
		if n < 0 {
			return 0, core.FieldErrorf("slots", `%q is no list of slots; write hexadecimal digits such as "01234", or nothing for all`, text)
		}
		if s.has(uint8(n)) {
			return 0, core.FieldErrorf("slots", "slot %c is named twice", c)
		}
		s |= 1 << n
	}
	return s, nil
}

func (s slots) has(slot uint8) bool { return s>>slot&1 != 0 }

// owns reports whether this tracker serves a torrent. A torrent that is no longer
// registered belongs to every tracker.
func (s *service) owns(id core.TorrentID) bool {
	t, known := s.roster.TorrentByID(id)
	return !known || s.slots.has(t.Slot)
}

// slotParam is the query parameter of a redirected request: the slot.
const slotParam = "slot"

// redirect redirects an announce or scrape to the tracker that serves the slot. The
// location is the same address with the slot as a parameter, from which the reverse proxy
// chooses the tracker. Only the second hash of a hybrid torrent should need this. If a
// request comes to the wrong tracker although it was redirected, the proxy's table
// differs from the trackers' settings.
func (s *service) redirect(slot uint8, announceKey, action, query string) *refusal {
	if hasParam(query, slotParam) {
		s.logLimit.Do(func() {
			s.log.Error("the reverse proxy sends us torrents of another tracker; compare its table of slots with [tracker] slots",
				"slot", string(slotDigits[slot]), "name", s.c.Name)
		})
		return &refusal{outcome: foreignTorrent, reason: "this torrent is served by another part of the tracker, and the way there is closed at the moment; your client will ask again",
			retry: s.retry(foreignRetry)}
	}
	return &refusal{outcome: redirected, location: strings.TrimSuffix(s.c.AnnounceURL, "/") + "/" + announceKey + "/" + action + "?" + query + "&" + slotParam + "=" + slotDigits[slot:slot+1]}
}

// hasParam reports whether a raw query has a parameter of this name.
func hasParam(query, name string) bool {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if key, _, _ := strings.Cut(pair, "="); key == name {
			return true
		}
	}
	return false
}
