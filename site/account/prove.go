package account

import (
	"errors"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// prove checks name and passphrase within the limits on guessing. The answers are
// those of Login, and one for who must wait (web.MustWait).
func (h handlers) prove(v *web.Visit, name, password string) (member.Member, error) {
	try := guess.Try{Place: v.Address(), Account: name[:min(len(name), 64)]}
	wait, err := h.Guard.Wait(v.Context(), &try)
	switch {
	case err != nil:
		return member.Member{}, err
	case wait > 0:
		return member.Member{}, v.TooMany("login", wait, "too many wrong passphrases")
	}
	m, err := h.Members.Login(v.Context(), name, password)
	switch {
	case err == nil:
		err = h.Guard.Succeeded(v.Context(), try)
	case core.CodeOf(err) == core.Forbidden && m.ID == 0: // else it is right and the account disabled
		err = errors.Join(err, h.Guard.Failed(v.Context(), try))
	}
	return m, err
}
