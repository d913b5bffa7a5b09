package hermes

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/core"
)

const (
	recallLines = 50
	recallLimit = 5 * time.Second
)

// recall is what we announced according to the channel's history. When a connection ends
// between a line and its acknowledgement, nobody knows whether the line was delivered. A
// server that keeps a history (draft/chathistory) tells us, and the line is not said twice.
// Elsewhere it is said again: better twice than never.
type recall struct {
	batch string // reference of the answer
	done  bool
	found map[core.TorrentID]bool
	timer *time.Timer
}

var announcedID = regexp.MustCompile(`action=download&id=(\d+) - \S+$`)

// newRecall begins to recall, or returns nil where the server keeps no history.
// Hold mu.
func (s *session) newRecall() *recall {
	if !s.caps["draft/chathistory"] || !s.caps["batch"] {
		return nil
	}
	r := &recall{found: map[core.TorrentID]bool{}}
	r.timer = time.AfterFunc(recallLimit, func() {
		s.log.Warn("the server did not send the history; going on without it", "channel", s.cfg.AnnounceChannel)
		s.locked(func() { r.done = true })
	})
	s.recall = r
	return r
}

// onBatch notices where the answer begins and ends.
func (s *session) onBatch(e girc.Event) {
	if len(e.Params) == 0 {
		return
	}
	ref := e.Params[0]
	s.locked(func() {
		r := s.recall
		switch {
		case r == nil || r.done:
		case strings.HasPrefix(ref, "+") && len(e.Params) >= 3 && e.Params[1] == "chathistory" && s.fold(e.Params[2]) == s.fold(s.cfg.AnnounceChannel):
			r.batch = ref[1:]
		case r.batch != "" && ref == "-"+r.batch:
			r.done = true
			r.timer.Stop()
		}
	})
}

// onHistory takes a line of a batch, and reports whether it was one of the past.
func (s *session) onHistory(batch string, e girc.Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.recall
	if r == nil || batch != r.batch {
		return true // some other history, such as a bouncer's
	}
	if s.fold(e.Source.Name) != s.fold(s.cfg.Nick) {
		return true
	}
	if m := announcedID.FindStringSubmatch(e.Params[1]); m != nil {
		if id, err := strconv.ParseInt(m[1], 10, 64); err == nil {
			r.found[core.TorrentID(id)] = true
		}
	}
	return true
}

// announcedBefore reports whether the history holds the announce of a torrent.
func (s *session) announcedBefore(id core.TorrentID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recall != nil && s.recall.found[id]
}
