package notify

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// LinkLife is how long a link in a letter switches off what the letter told of.
const LinkLife = 180 * 24 * time.Hour

const (
	linkUse    = "unsubscribe"
	linkMAC    = 20 // bytes
	linkHead   = 16 // the member and the end
	maxLinkLen = 200
)

// Unsubscription is what a link in a letter switches off.
type Unsubscription struct {
	Member core.MemberID
	Info   Info
	Way    Way
}

// Token makes the token of a link that switches off a kind by a way for a member, without
// a login (RFC 8058). It holds all that it says, so no table knows of it; it is worth
// nothing else than that one switch.
func (s *Store) Token(m core.MemberID, k Kind, w Way) string {
	body := binary.BigEndian.AppendUint64(nil, uint64(m))
	body = binary.BigEndian.AppendUint64(body, uint64(s.clock().Add(LinkLife).Unix()))
	body = append(body, string(w)+" "+string(k)...)
	return base64.RawURLEncoding.EncodeToString(append(body, s.linkMAC(body)...))
}

func (s *Store) linkMAC(body []byte) []byte { return s.keys.MAC(linkUse, string(body))[:linkMAC] }

// ReadToken reads a token. One that was never given out is NotFound, and one that has run
// out is a Conflict; the errors say what to do.
func (s *Store) ReadToken(token string) (Unsubscription, error) {
	unknown := core.Errorf(core.NotFound, "this link is damaged or not from us; choose what you are told in your settings, under notifications")
	if len(token) > maxLinkLen {
		return Unsubscription{}, unknown
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) <= linkHead+linkMAC {
		return Unsubscription{}, unknown
	}
	body, mac := raw[:len(raw)-linkMAC], raw[len(raw)-linkMAC:]
	if !secret.Equal(mac, s.linkMAC(body)) {
		return Unsubscription{}, unknown
	}
	u := Unsubscription{Member: core.MemberID(binary.BigEndian.Uint64(body))}
	end := time.Unix(int64(binary.BigEndian.Uint64(body[8:])), 0)
	way, kind, _ := strings.Cut(string(body[linkHead:]), " ")
	var known bool
	u.Way = Way(way)
	if u.Info, known = KindNamed(Kind(kind)); !known {
		return u, core.Errorf(core.Conflict, "what this link switches off is not sent any more; there is nothing to do")
	}
	if !core.Lasts(s.clock(), end, LinkLife) {
		return u, core.Errorf(core.Conflict, "this link has run out after %d days; take the one in a newer letter, or choose in your settings, under notifications", int(LinkLife.Hours()/24))
	}
	return u, nil
}

// SwitchOff switches off what a link says. Doing it twice does no harm.
func (s *Store) SwitchOff(ctx context.Context, u Unsubscription) error {
	if err := s.Choose(ctx, u.Member, Choices{{u.Info.Kind, u.Way}: false}); err != nil {
		return fmt.Errorf("switch off by a link: %w", err)
	}
	return nil
}
