package hermes

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/economy"
)

// Our part of a topic is what stands between these brackets, with the bar that
// separates it from the rest. All else belongs to staff.
var ownSegment = regexp.MustCompile(`(?:\s*\|\s*)?\[(?:Freeleech|Neutral leech) until [^\[\]]*\]`)

const maxTopic = 380 // bytes; what every network takes

// topicSegment is our part for what holds for every torrent, "" for nothing.
func topicSegment(e economy.Effective) string {
	if e.State == core.LeechNormal || e.Until.IsZero() {
		return ""
	}
	reason := text.Cut(strings.NewReplacer("[", "(", "]", ")").Replace(text.Clean(e.Reason)), 100)
	return fmt.Sprintf("[%s until %s: %s]", leechName(e.State), stamp(e.Until), reason)
}

// withSegment returns topic with segment as our only part, at its end, and everything else
// as it is. If that would be longer than limit bytes, the topic keeps the words of staff
// and does without ours.
func withSegment(topic, segment string, limit int) string {
	rest := ownSegment.ReplaceAllString(topic, "")
	if rest != topic { // what was cut out may have stood first
		rest = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(rest), "|"))
	}
	if segment == "" {
		return rest
	}
	whole := segment
	if rest != "" {
		whole = rest + " | " + segment
	}
	if len(whole) > limit {
		return rest
	}
	return whole
}

// topics keeps our part of the topics true. It compares the topics as they are with what
// they should be, whatever happened in between: after connecting, at each change of a topic
// or of the windows, and each minute, since windows end by themselves.
type topics struct {
	cfg  Config
	deps Deps
	link *link
	wake chan struct{}
}

func newTopics(c Config, d Deps, l *link) *topics {
	return &topics{cfg: c, deps: d, link: l, wake: make(chan struct{}, 1)}
}

// look lets the topics be checked soon.
func (t *topics) look() {
	select {
	case t.wake <- struct{}{}:
	default: // it is coming anyway
	}
}

const (
	topicEvery   = time.Minute
	topicBackoff = time.Minute // after a topic that we could not set
)

func (t *topics) run(ctx context.Context) error {
	for ctx.Err() == nil {
		_, changed := t.link.now()
		next, err := t.reconcile(ctx)
		if err != nil && ctx.Err() == nil {
			t.deps.Log.Warn("a topic is not as it should be", "err", err)
			if !core.Sleep(ctx, topicBackoff) {
				return nil
			}
			continue
		}
		timer := time.NewTimer(min(next, topicEvery))
		select {
		case <-ctx.Done():
		case <-changed:
		case <-t.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// reconcile sets the topics that differ, and returns how long what holds will stay as it is.
func (t *topics) reconcile(ctx context.Context) (time.Duration, error) {
	s, _ := t.link.now()
	if s == nil {
		return topicEvery, nil
	}
	have, limit := s.knownTopics(t.cfg.TopicChannels)
	if len(have) == 0 {
		return topicEvery, nil
	}
	schedule, err := t.deps.Economy.Schedule(ctx)
	if err != nil {
		return 0, err
	}
	now := t.deps.Clock()
	segment := topicSegment(schedule.Effective(core.LeechNormal, 0, 0, now))
	for channel, topic := range have {
		want := withSegment(topic, segment, limit)
		if want == topic {
			continue
		}
		if err := s.say(ctx, replies, girc.TOPIC, channel, want); err != nil {
			return 0, fmt.Errorf("topic of %s: %w", channel, err)
		}
	}
	return nextChange(schedule, now), nil
}

// nextChange is how long what holds for every torrent stays as it is, at least
// a second.
func nextChange(s economy.Schedule, now time.Time) time.Duration {
	next := topicEvery
	if e := s.Effective(core.LeechNormal, 0, 0, now); !e.Until.IsZero() {
		next = min(next, e.Until.Sub(now))
	}
	for _, w := range s.Upcoming(now, 1) {
		next = min(next, w.Starts.Sub(now))
	}
	return max(next, time.Second)
}

// knownTopics returns the topics of those channels that the session is in, and how
// long one may be.
func (s *session) knownTopics(channels []string) (topics map[string]string, limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	topics = map[string]string{}
	for _, c := range channels {
		topic, known := s.topics[s.fold(c)]
		if known && s.registered && s.joined[s.fold(c)] {
			topics[c] = topic
		}
	}
	return topics, s.facts.topicLimit()
}
