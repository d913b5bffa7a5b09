package hermes

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/rates"
)

const (
	commandEvery = 2 * time.Second // in the long run
	commandBurst = 6               // at once
	deafFor      = 30 * time.Second
)

// commandRate bounds what one account, or one host without one, may ask for. Somebody who
// goes beyond is told once and then ignored for a while.
var commandRate = rates.Rate{N: commandBurst, Per: commandBurst * commandEvery, Deaf: deafFor}

// tooFast is what they are told.
const tooFast = "That is too fast for me. I am deaf to you for half a minute."

// asker is how the rate of commands knows an account. Guests have one together: they can
// change names.
func asker(account string) rates.Who {
	if account == "" {
		account = "(guests)"
	}
	return rates.Who{By: rates.Account, Name: text.FoldASCII(account)}
}
