package tracker

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/tracker/roster"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// outcome is how a request ended. Metrics count outcomes.
type outcome int

const (
	answered outcome = iota
	badRequest
	unknownAnnounceKey
	disabled
	clientRefused
	unknownTorrent
	deletedTorrent
	leechForbidden
	tooManyClients
	tooManyAddresses
	noSlot
	noCredit
	badProxy
	bannedAddress
	redirected     // to the tracker that serves the torrent
	foreignTorrent // it was redirected already, but came to the wrong tracker
	faulty
	outcomes // how many there are
)

var outcomeNames = [outcomes]string{"ok", "bad_request", "unknown_key", "disabled", "client_refused", "unknown_torrent",
	"deleted_torrent", "leech_forbidden", "too_many_clients", "too_many_addresses", "no_slot", "no_credit", "bad_proxy", "banned",
	"sent_on", "foreign_torrent", "internal"}

// refusal says why a request is not answered: the text for the user, and when the client
// should ask again.
type refusal struct {
	outcome outcome
	reason  string
	retry   time.Duration
	// location is where to ask instead; a refusal with a location has no reason.
	location string
}

// foreignRetry is how soon a client should ask again if the request did not reach the
// right tracker.
const foreignRetry = time.Minute

// status returns the HTTP status of the refusal. Clients expect 200 with a failure
// reason.
func (r *refusal) status() int {
	if r.location != "" {
		return http.StatusFound
	}
	return http.StatusOK
}

func (r *refusal) append(dst []byte) []byte {
	if r.location != "" {
		return append(dst, r.location...)
	}
	return wire.Failure{Reason: oneLine(r.reason), Retry: r.retry}.Append(dst)
}

// appendText appends the reason alone, as answers over UDP have it.
func (r *refusal) appendText(dst []byte) []byte { return append(dst, oneLine(r.reason)...) }

// refuse turns an error into a refusal. This is the one place in this room where an error
// code becomes a failure reason.
func (s *service) refuse(err error) *refusal {
	text := core.SafeText(err)
	switch core.CodeOf(err) {
	case core.Invalid:
		return &refusal{outcome: badRequest, reason: "your client's request can't be read: " + text, retry: s.retry(30 * time.Minute)}
	case core.Conflict:
		return &refusal{outcome: tooManyClients, reason: text, retry: s.retry(10 * time.Minute)}
	case core.Unavailable:
		return &refusal{outcome: noCredit, reason: text, retry: s.retry(time.Minute)}
	default:
		s.log.Error("an announce failed", "err", err)
		return &refusal{outcome: faulty, reason: text, retry: s.retry(5 * time.Minute)}
	}
}

// retry returns the wait after a refusal. It is never longer than the usual interval, so
// that clients of a tracker with a short interval notice changes soon.
func (s *service) retry(d time.Duration) time.Duration { return min(d, s.c.Interval.Duration) }

// refuseProxy refuses a request if our own proxy's headers are invalid. A guess could give
// a wrong address to others.
func (s *service) refuseProxy(err error) *refusal {
	s.logLimit.Do(func() { s.log.Error("announces through a proxy are refused", "err", err) })
	return &refusal{outcome: badProxy, reason: "the proxy in front of this tracker does not say where you come from; please tell staff", retry: s.retry(5 * time.Minute)}
}

func (s *service) refuseAnnounceKey() *refusal {
	return &refusal{outcome: unknownAnnounceKey, reason: "the announce key in this announce address is not known; download the .torrent file again from the site", retry: s.retry(10 * time.Minute)}
}

// refuseTorrentKey refuses a key that is not right for the torrent. The torrent may also be
// an upload that is a moment old: the answer must not tell, so the wait is short.
func (s *service) refuseTorrentKey() *refusal {
	r := s.refuseAnnounceKey()
	r.retry = s.retry(2 * time.Minute)
	return r
}

// refuseNoAnnounceKey refuses a packet without an announce key.
func (s *service) refuseNoAnnounceKey() *refusal {
	return &refusal{outcome: unknownAnnounceKey, reason: "your client does not send the announce key over UDP (it does not know BEP 41); announce over HTTP instead", retry: s.retry(30 * time.Minute)}
}

// refuseForeign refuses a packet about another tracker's torrent: there is no proxy that
// could redirect it.
func (s *service) refuseForeign() *refusal {
	return &refusal{outcome: foreignTorrent, reason: "this torrent is served by another part of the tracker; announce over HTTP instead", retry: s.retry(foreignRetry)}
}

func (s *service) refuseDisabled(p member.Phase) *refusal {
	text := "your account is disabled"
	if p.Why != "" {
		text += ": " + p.Why
	}
	return &refusal{outcome: disabled, reason: text, retry: s.retry(30 * time.Minute)}
}

// refuseBanned refuses whoever comes from a banned address.
func (s *service) refuseBanned(b ban.Ban) *refusal {
	return &refusal{outcome: bannedAddress, reason: "your address is banned, " + b.Until() + ": " + b.Reason, retry: s.retry(30 * time.Minute)}
}

// refuseTorrent refuses an unknown info-hash with a short wait: it may belong to an
// upload that is a moment old.
func (s *service) refuseTorrent() *refusal {
	return &refusal{outcome: unknownTorrent, reason: "this torrent is not registered here; if it is your own upload, download its .torrent file from the site and seed that one", retry: s.retry(30 * time.Second)}
}

func (s *service) refuseDeleted(t roster.Torrent) *refusal {
	text := "this torrent was deleted"
	if t.Reason != "" {
		text += ": " + t.Reason
	}
	return &refusal{outcome: deletedTorrent, reason: text, retry: wire.Never}
}

func (s *service) refuseClient(id wire.PeerID, tooOld *client.Rule) *refusal {
	where := "the rules page of the site"
	if s.c.ClientsURL != "" {
		where = s.c.ClientsURL
	}
	text := fmt.Sprintf("your client (%s) is not on the list of allowed clients; see %s", clientName(id), where)
	if tooOld != nil {
		text = fmt.Sprintf("your client (%s) is too old: %s needs at least version %s; see %s", clientName(id), tooOld.Name, tooOld.Lowest, where)
	}
	return &refusal{outcome: clientRefused, reason: text, retry: s.retry(30 * time.Minute)}
}

func (s *service) refuseSource() *refusal {
	return &refusal{outcome: tooManyAddresses, reason: fmt.Sprintf("you announce from %d addresses already, which is the most; stop your clients elsewhere, or wait until they have timed out",
		s.c.MaxAddresses), retry: s.retry(10 * time.Minute)}
}

func (s *service) refuseSlot(slots int) *refusal {
	return &refusal{outcome: noSlot, reason: fmt.Sprintf("you download %d torrents already, the most for your class; this one can begin when another is done or stopped. Seeding has no limit",
		slots), retry: s.retry(10 * time.Minute)}
}

func (s *service) refuseLeech() *refusal {
	return &refusal{outcome: leechForbidden, reason: "you may not download at the moment; what you already have you may seed. The top of each page of the site tells you why", retry: s.retry(30 * time.Minute)}
}

// clientName returns the part of a peer-id that names the program, up to its first
// unprintable byte.
func clientName(id wire.PeerID) string {
	head := id[:8]
	for i, c := range head {
		if c <= ' ' || c > '~' {
			head = head[:i]
			break
		}
	}
	if len(head) == 0 {
		return "without a name"
	}
	return string(head)
}

// oneLine makes a text fit into a client's status line.
func oneLine(text string) string {
	const longest = 400
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}
