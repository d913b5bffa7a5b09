package tracker

import (
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// slotCount is how many parts the torrents fall into. A torrent's slot is the
// first four bits of its first info-hash, which are as good as random: a reverse
// proxy can read them off a query, however a client has encoded it.
const slotCount = 16

// slots says which slots a tracker process serves, one bit each.
type slots uint16

const allSlots slots = 1<<slotCount - 1

const slotDigits = "0123456789abcdef"

// parseSlots reads slots as they are written in settings: hexadecimal digits,
// such as "01234". Empty text is all of them.
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

// owns reports whether a torrent is this tracker's to serve. One that is
// registered no more is anybody's.
func (s *service) owns(id core.TorrentID) bool {
	t, known := s.roster.TorrentByID(id)
	return !known || s.slots.has(t.Slot)
}

// slotParam is what a query says that was sent on to its slot.
const slotParam = "slot"

// elsewhere sends an announce or scrape on to the tracker that serves the slot:
// the same address with the slot said aloud, by which the reverse proxy goes.
// Only the second hash of a hybrid torrent should need it. One that was sent on
// already and still came to the wrong process shows that the proxy's table and
// ours differ.
func (s *service) elsewhere(slot uint8, passkey, action, query string) *refusal {
	if hasParam(query, slotParam) {
		s.sometimes.Do(func() {
			s.log.Error("the reverse proxy sends us torrents of another tracker; compare its table of slots with [tracker] slots",
				"slot", string(slotDigits[slot]), "name", s.c.Name)
		})
		return &refusal{outcome: foreignTorrent, reason: "this torrent is served by another part of the tracker, and the way there is closed at the moment; your client will ask again",
			retry: s.retry(foreignRetry)}
	}
	return &refusal{outcome: sentOn, location: strings.TrimSuffix(s.c.AnnounceURL, "/") + "/" + passkey + "/" + action + "?" + query + "&" + slotParam + "=" + slotDigits[slot:slot+1]}
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
