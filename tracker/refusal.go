package tracker

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/roster"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// outcome is how a request ended, as metrics count it.
type outcome int

const (
	answered outcome = iota
	badRequest
	unknownPasskey
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
	sentOn         // to the process that serves the torrent
	foreignTorrent // and still came to another one
	faulty
	outcomes // how many there are
)

var outcomeNames = [outcomes]string{"ok", "bad_request", "unknown_passkey", "disabled", "client_refused", "unknown_torrent",
	"deleted_torrent", "leech_forbidden", "too_many_clients", "too_many_addresses", "no_slot", "no_credit", "bad_proxy",
	"sent_on", "foreign_torrent", "internal"}

// refusal is why a request is not answered: what its user reads, and when the
// client should ask again.
type refusal struct {
	outcome outcome
	reason  string
	retry   time.Duration
	// location is where to ask instead; then there is no reason.
	location string
}

// foreignRetry is how soon to ask again where the way to the right process was
// closed.
const foreignRetry = time.Minute

// status is the HTTP status that the refusal goes with: clients expect 200 with
// a failure reason.
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

// appendText is append where an answer is bare text.
func (r *refusal) appendText(dst []byte) []byte { return append(dst, oneLine(r.reason)...) }

// refuse turns an error into a refusal: the one place of this room where a code
// becomes a failure reason.
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

// retry is the wait after a refusal: never longer than the usual interval, so
// that instances with a short one follow changes as quickly.
func (s *service) retry(d time.Duration) time.Duration { return min(d, s.c.Interval.Duration) }

// refuseProxy answers when our own proxy's headers make no sense: a guess would
// hand out a wrong address.
func (s *service) refuseProxy(err error) *refusal {
	s.sometimes.Do(func() { s.log.Error("announces through a proxy are refused", "err", err) })
	return &refusal{outcome: badProxy, reason: "the proxy before this tracker does not say where you come from; please tell staff", retry: s.retry(5 * time.Minute)}
}

func (s *service) refusePasskey() *refusal {
	return &refusal{outcome: unknownPasskey, reason: "the passkey in this announce address is not known; download the .torrent file again from the site", retry: s.retry(10 * time.Minute)}
}

// refuseNoPasskey answers a packet that does not say whose it is.
func (s *service) refuseNoPasskey() *refusal {
	return &refusal{outcome: unknownPasskey, reason: "your client does not send the passkey over UDP (it does not know BEP 41); announce over HTTP instead", retry: s.retry(30 * time.Minute)}
}

// refuseForeign answers a packet about another tracker's torrent, as there is no
// proxy that could send it on.
func (s *service) refuseForeign() *refusal {
	return &refusal{outcome: foreignTorrent, reason: "this torrent is served by another part of the tracker; announce over HTTP instead", retry: s.retry(foreignRetry)}
}

func (s *service) refuseDisabled(m roster.Member) *refusal {
	text := "your account is disabled"
	if m.Reason != "" {
		text += ": " + m.Reason
	}
	return &refusal{outcome: disabled, reason: text, retry: s.retry(30 * time.Minute)}
}

// refuseTorrent answers for a hash that was never here soon: it may be that of
// an upload that is a moment old.
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
	return &refusal{outcome: leechForbidden, reason: "you may not download at the moment; what you already have you may seed. See your profile for the reason", retry: s.retry(30 * time.Minute)}
}

// clientName shows the part of a peer-id that tells the client, up to its first
// random or unprintable byte.
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

// oneLine makes text fit for a client's status line.
func oneLine(text string) string {
	const longest = 400
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}
