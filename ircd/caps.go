package ircd

import (
	"fmt"
	"strconv"
	"strings"
)

// capSet is a set of IRCv3 capabilities.
type capSet uint32

// The capabilities that the network has.
const (
	capAccountNotify capSet = 1 << iota
	capAccountTag
	capAwayNotify
	capBatch
	capCapNotify
	capChgHost
	capEchoMessage
	capExtendedJoin
	capExtendedMonitor
	capInviteNotify
	capLabeledResponse
	capMessageTags
	capMultiPrefix
	capNoImplicitNames
	capPreAway
	capSASL
	capServerTime
	capSetname
	capStandardReplies
	capUserhostInNames
	capChathistory
	capEventPlayback
	capMultiline
	capReadMarker
	capRedact
)

// capability is one line of the list that CAP LS shows.
type capability struct {
	name  string
	value string // shown to clients that speak CAP 302
	bit   capSet
}

func capabilities() []capability {
	return []capability{
		{"account-notify", "", capAccountNotify},
		{"account-tag", "", capAccountTag},
		{"away-notify", "", capAwayNotify},
		{"batch", "", capBatch},
		{"cap-notify", "", capCapNotify},
		{"chghost", "", capChgHost},
		{"draft/chathistory", "", capChathistory},
		{"draft/event-playback", "", capEventPlayback},
		{"draft/message-redaction", "", capRedact},
		{"draft/multiline", fmt.Sprintf("max-bytes=%d,max-lines=%d", maxBytes, maxLines), capMultiline},
		{"draft/no-implicit-names", "", capNoImplicitNames},
		{"draft/pre-away", "", capPreAway},
		{"draft/read-marker", "", capReadMarker},
		{"echo-message", "", capEchoMessage},
		{"extended-join", "", capExtendedJoin},
		{"extended-monitor", "", capExtendedMonitor},
		{"invite-notify", "", capInviteNotify},
		{"labeled-response", "", capLabeledResponse},
		{"message-tags", "", capMessageTags},
		{"multi-prefix", "", capMultiPrefix},
		{"no-implicit-names", "", capNoImplicitNames},
		{"sasl", "", capSASL},
		{"server-time", "", capServerTime},
		{"setname", "", capSetname},
		{"standard-replies", "", capStandardReplies},
		{"sts", "", 0}, // it only informs: CAP REQ is refused
		{"userhost-in-names", "", capUserhostInNames},
	}
}

func capByName(name string) capSet {
	for _, c := range capabilities() {
		if c.name == name {
			return c.bit
		}
	}
	return 0
}

// cmdCap is CAP. Asking for the list or for a capability holds registration
// back until CAP END.
func cmdCap(r *request) {
	end := false
	r.locked(func() {
		switch sub := strings.ToUpper(r.param(0)); sub {
		case "LS":
			r.capLS()
		case "LIST":
			r.capLines("LIST", func(c capability) string {
				if r.s.caps&c.bit != 0 {
					return c.name
				}
				return ""
			})
		case "REQ":
			r.capReq()
		case "END":
			end = true
			r.s.negotiating = false
			if r.s.sasl.exchange != nil && !r.s.registered() {
				r.s.sasl = saslState{tries: r.s.sasl.tries}
				r.reply(errSASLAborted, "SASL authentication aborted")
			}
		default:
			r.reply(errInvalidCapCmd, r.param(0), "Invalid CAP command")
		}
	})
	if end {
		r.register()
	}
}

func (r *request) capLS() {
	if !r.s.registered() {
		r.s.negotiating = true
	}
	version, err := strconv.Atoi(r.param(1))
	if err == nil && version >= 302 {
		r.s.cap302 = true
		r.s.caps |= capCapNotify
	}
	r.capLines("LS", func(c capability) string {
		switch {
		case c.name == "sts":
			return r.n.sts(r.s)
		case c.bit == capSASL && r.s.cap302:
			return c.name + "=" + mechanismsFor(r.s)
		case r.s.cap302 && c.value != "":
			return c.name + "=" + c.value
		case !r.s.cap302 && strings.Contains(c.name, "/"):
			return "" // all must fit one line for such a client, and it is too old for drafts
		}
		return c.name
	})
}

// capLines sends the chosen part of the list: in one line, or for clients that
// know CAP 302 in several, of which all but the last have a star.
func (r *request) capLines(sub string, show func(capability) string) {
	const room = 400
	rest := ""
	for _, c := range capabilities() {
		w := show(c)
		if r.n.rec == nil && c.bit&needHistory != 0 {
			w = ""
		}
		if r.s.cap302 && len(rest)+1+len(w) > room {
			r.n.sendLine(r.s, "CAP", r.s.target(), sub, "*", rest)
			rest = ""
		}
		if w != "" && rest != "" {
			rest += " "
		}
		rest += w
	}
	r.n.sendLine(r.s, "CAP", r.s.target(), sub, rest)
}

// needHistory are the capabilities that make no sense without a history.
const needHistory = capChathistory | capEventPlayback | capRedact

// capReq changes the client's capabilities: all that were asked for, or none. A client
// that speaks CAP 302 always has cap-notify.
func (r *request) capReq() {
	if !r.s.registered() {
		r.s.negotiating = true
	}
	set := r.s.caps
	for _, word := range strings.Fields(r.param(1)) {
		name, remove := strings.CutPrefix(word, "-")
		bit := capByName(name)
		if bit == 0 || r.n.rec == nil && bit&needHistory != 0 || remove && bit == capCapNotify && r.s.cap302 {
			r.n.sendLine(r.s, "CAP", r.s.target(), "NAK", r.param(1))
			return
		}
		if remove {
			set &^= bit
		} else {
			set |= bit
		}
	}
	r.n.sendLine(r.s, "CAP", r.s.target(), "ACK", r.param(1))
	r.s.caps = set
}
