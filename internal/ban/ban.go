// Package ban keeps who is banned: addresses, networks, patterns of mail addresses and
// masks of the IRC network, with what each ban reaches, why, and until when. It owns the
// table ban, in which values are sealed.
//
// What a ban means is a pure rule: a Set is made of all bans that are in force, and says
// of an address or a mail address whether it is banned. A Book keeps the Set of a process
// in memory, so that the site and the tracker ask nobody. Nothing happens when a ban ends:
// each question compares its end with the time.
//
// Concurrency: functions are pure, and a Set never changes. A Store and a Book are safe
// for concurrent use.
package ban

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// Kind says what the value of a ban is.
type Kind string

// The kinds.
const (
	Address Kind = "address" // one address
	Network Kind = "network" // a network of addresses (CIDR)
	Mail    Kind = "mail"    // a mail address or a pattern of them, such as *@example.org
	Mask    Kind = "mask"    // user@host on IRC, as a K-line has it
)

// Kinds lists all kinds.
func Kinds() []Kind { return []Kind{Address, Network, Mail, Mask} }

// IsAddress reports whether the value is an address or a network: who may not see
// addresses may not see it.
func (k Kind) IsAddress() bool { return k == Address || k == Network }

// Reach says where a ban holds: the sum of some of the bits below.
type Reach uint8

// Where a ban may hold.
const (
	Site    Reach = 1 << iota // pages, API and downloads
	IRC                       // the IRC network
	Tracker                   // announce and scrape
	Joining                   // joining with a mail address, and changing to it
)

// reachNames are the bits in the order in which they are written.
var reachNames = []struct {
	bit  Reach
	name string
}{{Site, "site"}, {IRC, "irc"}, {Tracker, "tracker"}, {Joining, "mail"}}

// String writes a reach as ParseReach reads it: "site,irc,tracker".
func (r Reach) String() string {
	var out []string
	for _, n := range reachNames {
		if r&n.bit != 0 {
			out = append(out, n.name)
		}
	}
	return strings.Join(out, ",")
}

// ParseReach reads names of places with commas between them: site, irc, tracker or mail.
func ParseReach(s string) (Reach, error) {
	var r Reach
	for word := range strings.SplitSeq(s, ",") {
		var bit Reach
		for _, n := range reachNames {
			if n.name == strings.ToLower(strings.TrimSpace(word)) {
				bit = n.bit
			}
		}
		if bit == 0 {
			return 0, core.FieldErrorf("reach", "a ban reaches site, irc, tracker or mail; write several with commas between them")
		}
		r |= bit
	}
	return r, nil
}

// Limits of bans.
const (
	MaxActive = 10_000 // bans in force at once
	MaxReason = 255    // bytes of a reason, and of a note
	MaxFor    = 10 * 366 * 24 * time.Hour
	maxValue  = 254
	// Networks may not be larger: a slip must not ban the whole internet.
	least4, least6 = 8, 19
)

// Ban is one ban.
type Ban struct {
	ID     int64
	Kind   Kind
	Value  string // in one form: see Value
	Reach  Reach
	Reason string // is shown to whom it bans
	Note   string // for staff; may be ""
	ByID   core.MemberID
	By     string    // who set it
	Starts time.Time // when it was set
	Ends   time.Time // the zero time where it holds until it is lifted

	LiftedAt   time.Time // the zero time where it was not lifted
	LiftedBy   string
	LiftReason string
}

// Holds reports whether the ban is in force. One with an end that was set by a clock far
// ahead is over: when it should end can't be known.
func (b Ban) Holds(now time.Time) bool {
	return b.LiftedAt.IsZero() && (b.Ends.IsZero() || core.Lasts(now, b.Ends, b.Ends.Sub(b.Starts)))
}

// Until says in words how long the ban holds.
func (b Ban) Until() string {
	if b.Ends.IsZero() {
		return "for good"
	}
	return "until " + text.Instant(b.Ends)
}

// Prefix is the network of an Address or a Network; the zero Prefix for other kinds.
func (b Ban) Prefix() netip.Prefix {
	if !b.Kind.IsAddress() {
		return netip.Prefix{}
	}
	p, _ := prefixOf(b.Value)
	return p
}

// Draft is a ban that somebody asks for.
type Draft struct {
	Value  string
	Reach  Reach // 0: what fits the kind
	Reason string
	Note   string
	For    time.Duration // 0: for good
	ByID   core.MemberID
	By     string
}

// New checks a draft and makes a ban of it, which is not stored yet.
func New(d Draft, now time.Time) (Ban, error) {
	b := Ban{Reach: d.Reach, ByID: d.ByID, By: d.By, Starts: now.Truncate(time.Second).UTC()}
	var err error
	if b.Kind, b.Value, err = Value(d.Value, d.Reach); err != nil {
		return b, err
	}
	if b.Reach == 0 {
		b.Reach = usual(b.Kind)
	}
	if err := b.reaches(); err != nil {
		return b, err
	}
	if p := b.Prefix(); p.IsValid() && (p.Addr().Is4() && p.Bits() < least4 || p.Addr().Is6() && p.Bits() < least6) {
		return b, core.FieldErrorf("value", "this network is too large: ban at most a /%d of IPv4 or a /%d of IPv6 at once", least4, least6)
	}
	if b.Reason, err = line("reason", d.Reason); err != nil {
		return b, err
	}
	if b.Reason == "" {
		return b, core.FieldErrorf("reason", "say why: whom it bans is shown the reason")
	}
	if b.Note, err = line("note", d.Note); err != nil {
		return b, err
	}
	switch {
	case d.For < 0 || d.For > MaxFor:
		return b, core.FieldErrorf("for", "a ban lasts ten years at most; leave the time out for one that holds until it is lifted")
	case d.For > 0:
		b.Ends = b.Starts.Add(max(time.Second, d.For.Truncate(time.Second)))
	}
	return b, nil
}

// usual is the reach of a kind for which none is asked.
func usual(k Kind) Reach {
	switch k {
	case Mail:
		return Joining
	case Mask:
		return IRC
	default:
		return Site | IRC | Tracker
	}
}

// reaches refuses what the kind of the ban can't reach.
func (b Ban) reaches() error {
	switch {
	case b.Kind == Mail && b.Reach != Joining:
		return core.FieldErrorf("reach", "a mail pattern reaches mail alone: joining, and changing the address. To keep user@host from IRC, reach irc alone")
	case b.Kind == Mask && b.Reach != IRC:
		return core.FieldErrorf("reach", "user@host is known on IRC alone, so such a ban reaches irc")
	case b.Kind.IsAddress() && b.Reach&Joining != 0:
		return core.FieldErrorf("reach", "an address or a network reaches site, irc or tracker; whoever can't reach the site can't join")
	}
	return nil
}

// line checks a text of one line.
func line(field, s string) (string, error) {
	s, ok := text.OneLine(s)
	switch {
	case !ok:
		return "", core.FieldErrorf(field, "the %s must be one line of plain text", field)
	case len(s) > MaxReason:
		return "", core.FieldErrorf(field, "keep the %s within %d bytes", field, MaxReason)
	}
	return s, nil
}

// LiftReason checks why a ban is lifted.
func LiftReason(s string) (string, error) {
	s, err := line("reason", s)
	if err == nil && s == "" {
		err = core.FieldErrorf("reason", "say why the ban is lifted")
	}
	return s, err
}

// Guarded is what no ban may hit: who asks for it, and what stands before the program.
type Guarded struct {
	Own     []netip.Addr   // where the one who asks comes from
	Proxies []netip.Prefix // reverse proxies of the site and the tracker
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// Check refuses a ban that would hit what is guarded. Only bans of addresses can.
func (g Guarded) Check(b Ban) error {
	p := b.Prefix()
	if !p.IsValid() {
		return nil
	}
	for _, l := range loopback {
		if p.Overlaps(l) {
			return core.FieldErrorf("value", "this is the machine itself: everything that comes through a proxy on it would be banned")
		}
	}
	for _, proxy := range g.Proxies {
		if p.Overlaps(Plain(proxy)) {
			return core.FieldErrorf("value", "this is the reverse proxy in front of the site or the tracker: everybody would be banned")
		}
	}
	for _, a := range g.Own {
		if p.Contains(plainAddr(a)) {
			return core.FieldErrorf("value", "you come from there yourself: you would ban yourself")
		}
	}
	return nil
}

// Describe names a ban without its value: "ban 12 (a network; site,irc)".
func (b Ban) Describe() string {
	return fmt.Sprintf("ban %d (%s; %s)", b.ID, b.Kind.Words(), b.Reach)
}

// Words are the kind with its article.
func (k Kind) Words() string {
	switch k {
	case Address:
		return "an address"
	case Network:
		return "a network"
	case Mail:
		return "a mail pattern"
	default:
		return "a mask on IRC"
	}
}
