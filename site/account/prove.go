package account

import (
	"context"
	"errors"

	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// prove checks name and passphrase within the limits on guessing. The answers are
// those of Login, and one for who must wait, whose code is Unavailable.
func (h handlers) prove(v *web.Visit, name, password string) (member.Member, error) {
	var m member.Member
	err := h.Guard.Prove(v.Context(), guess.Try{Place: v.Address(), Account: name[:min(len(name), 64)]},
		func(ctx context.Context) (right bool, err error) {
			m, err = h.Members.Login(ctx, name, password)
			return m.ID != 0, err
		})
	var limited *guess.Limited
	if errors.As(err, &limited) {
		return m, v.TooMany("login", limited.Wait, "too many wrong passphrases")
	}
	return m, err
}
