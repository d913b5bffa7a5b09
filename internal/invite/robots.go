package invite

import (
	"crypto/hmac"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// Robots are slowed without a puzzle: a form carries a signed time stamp, which says that it
// was drawn here and neither just now nor long ago, and a field that people don't see.

// The ages that a form may have when it comes back.
const (
	MinFormAge = 3 * time.Second // nobody fills it in faster
	MaxFormAge = 24 * time.Hour
	// TrapField is the name of the field that people don't see and robots fill in.
	TrapField = "website"
)

// Stamps make and check the time stamps of forms. It is a value: keys alone.
type Stamps struct{ keys *secret.Keyring }

// NewStamps returns stamps signed with the keys.
func NewStamps(keys *secret.Keyring) Stamps { return Stamps{keys} }

// Stamps are those that Join and Apply check.
func (s *Store) Stamps() Stamps { return NewStamps(s.Keys) }

// Stamp returns a stamp for a form that is drawn at now.
func (s Stamps) Stamp(now time.Time) string {
	at := strconv.FormatInt(now.Unix(), 36)
	return at + "." + s.sign(at)
}

// sign is 96 bits of the keyed hash, in hexadecimal.
func (s Stamps) sign(at string) string {
	const digits = "0123456789abcdef"
	var out strings.Builder
	for _, b := range s.keys.MAC(stampUse, at)[:12] {
		out.WriteByte(digits[b>>4])
		out.WriteByte(digits[b&15])
	}
	return out.String()
}

// Check refuses a form whose stamp is not ours, or younger than MinFormAge or older than
// MaxFormAge at now, with code Invalid. A new form with what was filled in mends it.
func (s Stamps) Check(stamp string, now time.Time) error {
	at, signed, ok := strings.Cut(stamp, ".")
	if len(stamp) > 64 || !ok || !hmac.Equal([]byte(signed), []byte(s.sign(at))) {
		return core.Errorf(core.Invalid, "this form was not drawn here; send it once more")
	}
	unix, err := strconv.ParseInt(at, 36, 64)
	if err != nil {
		return core.Errorf(core.Invalid, "this form was not drawn here; send it once more")
	}
	switch drawn := time.Unix(unix, 0); {
	case now.Sub(drawn) > MaxFormAge || drawn.After(core.Horizon(now, 0)):
		return core.Errorf(core.Invalid, "this form is more than a day old; look through it and send it once more")
	case now.Sub(drawn) < MinFormAge:
		return core.Errorf(core.Invalid, "this came faster than anybody can write; wait some seconds and send it once more")
	}
	return nil
}

// Human is what a form carries against robots.
type Human struct {
	Trap  string // of TrapField: people leave it empty
	Stamp string
}

// CheckHuman refuses a form that a robot has sent, with code Invalid.
func (s Stamps) CheckHuman(h Human, now time.Time) error {
	if h.Trap != "" {
		return core.FieldErrorf(TrapField, "leave this field empty: it is there for robots")
	}
	return s.Check(h.Stamp, now)
}

// human refuses a form that a robot has sent.
func (s *Store) human(h Human) error { return s.Stamps().CheckHuman(h, s.Clock()) }
