package ircd

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// bucket is an allowance that is used up and fills again with time. The zero bucket is
// full.
type bucket struct {
	left float64
	at   time.Time
}

// take takes one out of a bucket that holds size and gets perMinute, or returns how long
// it takes until there is one again.
func (b *bucket) take(now time.Time, perMinute, size int) time.Duration {
	if b.at.IsZero() {
		b.left = float64(size)
	}
	rate := float64(perMinute) / float64(time.Minute)
	b.left = min(float64(size), b.left+max(0, float64(now.Sub(b.at)))*rate)
	b.at = now
	if b.left < 1 {
		wait := time.Duration((1 - b.left) / rate)
		return (wait + time.Second).Truncate(time.Second)
	}
	b.left--
	return 0
}

// unlimited reports whether a connection may send what it likes: that of the site's bot.
func (s *session) unlimited() bool { return s.account != nil && s.account.member.Can(core.IRCAnnounce) }

// joinsTooFast reports whether the asker must wait before entering channel, and says so.
func (r *request) joinsTooFast(channel string) bool {
	n, s := r.n, r.s
	if s.unlimited() {
		return false
	}
	wait := s.joins.take(n.clock(), n.cfg.JoinsPerMinute, n.cfg.JoinsBurst)
	if wait > 0 {
		r.reply(errTargetTooFast, clip(channel, maxChannel), "You join channels too fast, wait "+wait.String())
	}
	return wait > 0
}

// nicksTooFast is joinsTooFast for changes of nick.
func (r *request) nicksTooFast(nick string) bool {
	n, s := r.n, r.s
	if s.unlimited() {
		return false
	}
	wait := s.nicks.take(n.clock(), n.cfg.NicksPerMinute, n.cfg.NicksBurst)
	if wait > 0 {
		r.reply(errNickTooFast, nick, "You change your nick too fast, wait "+wait.String())
	}
	return wait > 0
}

// paceOf is how many lines a client may send: guests few, members as many as people type
// and their programs need, declared bots more. limited is false for the site's bot.
func (n *network) paceOf(s *session) (perMinute, burst int, limited bool) {
	switch {
	case s.account == nil:
		return n.cfg.GuestLinesPerMinute, n.cfg.GuestLinesBurst, true
	case s.unlimited():
		return 0, 0, false
	case s.user.botMode:
		return n.cfg.BotLinesPerMinute, n.cfg.BotLinesBurst, true
	}
	return n.cfg.LinesPerMinute, n.cfg.LinesBurst, true
}

// setPace gives a client a fresh allowance.
func (n *network) setPace(s *session) {
	if perMinute, burst, limited := n.paceOf(s); limited {
		s.pace.Store(newPace(perMinute, burst))
	} else {
		s.pace.Store(nil)
	}
}

// adjustPace gives a client another pace. What it has used up stays used up.
func (n *network) adjustPace(s *session) {
	perMinute, burst, limited := n.paceOf(s)
	pace := s.pace.Load()
	if pace == nil || !limited {
		n.setPace(s)
		return
	}
	now := n.clock()
	pace.SetLimitAt(now, rate.Limit(float64(perMinute)/60))
	pace.SetBurstAt(now, burst)
}

func newPace(perMinute, burst int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(float64(perMinute)/60), burst)
}
