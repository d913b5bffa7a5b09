package web

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

const (
	flashAge = 5 * time.Minute
	maxFlash = 3000 // bytes; a cookie holds 4096
)

// Flash is what one page tells the next after a redirect. It travels sealed in a
// cookie, so it may hold a secret that is shown once.
type Flash struct {
	Good    string        `json:"good,omitempty"` // a sentence of success
	Secrets []FlashSecret `json:"secrets,omitempty"`
	Changes []string      `json:"changes,omitempty"` // what was changed in a torrent
	Undo    int64         `json:"undo,omitempty"`    // the entry of the audit log that can be taken back; 0 for none
	Back    string        `json:"back,omitempty"`    // the page to show after that
}

// FlashSecret is shown once, with what it is.
type FlashSecret struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// Tell seals f for the next page that this session asks for.
func (v *Visit) Tell(f Flash) error {
	raw, err := json.Marshal(f)
	for err == nil && len(raw) > maxFlash*2/3 && len(f.Changes) > 0 {
		f.Changes = f.Changes[:len(f.Changes)-1]
		raw, err = json.Marshal(f)
	}
	if err != nil {
		return fmt.Errorf("flash: %w", err)
	}
	v.site.setCookie(v, flashCookie, base64.RawURLEncoding.EncodeToString(v.site.Keys.Seal(raw, flashUse(v))), flashAge)
	return nil
}

// readFlash opens what the page before had to tell. The page that shows it
// drops it (see render).
func (s *Site) readFlash(v *Visit) {
	value := s.cookie(v, flashCookie)
	if value == "" {
		return
	}
	box, err := base64.RawURLEncoding.DecodeString(value)
	if err == nil {
		if raw, oerr := s.Keys.Open(box, flashUse(v)); oerr == nil {
			err = json.Unmarshal(raw, &v.flash)
		}
	}
	if err != nil {
		s.Log.Debug("a flash cookie is unreadable", "err", err)
	}
}

// flashUse binds a flash to the session it was made for.
func flashUse(v *Visit) string { return fmt.Sprintf("flash/%d", v.Session.ID) }

// Empty reports whether there is nothing to show.
func (f Flash) Empty() bool { return f.Good == "" && len(f.Secrets) == 0 && len(f.Changes) == 0 }
