package member

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Hides is what a member keeps from other members: a set of switches. It is stored as it is,
// so a bit never gets another meaning.
type Hides int64

// The switches. See says what each keeps from whom.
const (
	HideRatio Hides = 1 << iota
	HideUploads
	HideDownloads
	HideSeeding
	HideSeen
	HideInvites
	HideIRC
)

// hideAll are all of them.
const hideAll = HideRatio | HideUploads | HideDownloads | HideSeeding | HideSeen | HideInvites | HideIRC

// firstHides is what somebody hides who has never chosen. It is the default of the column.
const firstHides = HideSeen | HideInvites | HideIRC

// Has reports whether everything of s is hidden.
func (h Hides) Has(s Hides) bool { return h&s == s }

// String lists what is hidden, in words; "nothing" where nothing is.
func (h Hides) String() string {
	var parts []string
	for _, s := range switches {
		if h.Has(s.Bit) {
			parts = append(parts, strings.ToLower(s.Title[:1])+s.Title[1:])
		}
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// Switch is one thing that a member may hide or show.
type Switch struct {
	Bit   Hides
	Name  string // as commands and forms give it
	Title string
	Means string // what others can't see if it is hidden
}

var switches = []Switch{
	{HideRatio, "ratio", "Ratio", "Your ratio, and how much you uploaded and downloaded, as the ratio follows from that."},
	{HideUploads, "uploads", "Uploads", "How much you uploaded, and the list of what you brought here. Your name stays at each upload that is not anonymous."},
	{HideDownloads, "downloads", "Downloads", "How much you downloaded, and how many downloads you completed."},
	{HideSeeding, "seeding", "Seeding", "How many torrents you seed and download at this moment, and for how long you have seeded."},
	{HideSeen, "seen", "Last seen", "When you last used the site."},
	{HideInvites, "invites", "Invites", "Who invited you, and whom you invited."},
	{HideIRC, "irc", "Presence on IRC", "When you last logged in to IRC. Whoever shares a channel with you sees you there."},
}

// Switches are all switches, in the order in which they are shown.
func Switches() []Switch { return append([]Switch(nil), switches...) }

// Preset is a choice of all switches at once.
type Preset struct {
	Name  string // as commands and forms give it
	Title string
	Means string
	Hides Hides
}

var presets = []Preset{
	{"everything", "Everything", "Others see all figures, when you were here, and your invites.", 0},
	{"figures", "Figures only", "Others see what you uploaded, downloaded and seed. When you were here, your invites and IRC are your own affair. This is the choice of who makes none.", firstHides},
	{"little", "Little", "Others see the list of your uploads and how many torrents you seed, but no amounts.", firstHides | HideRatio | HideDownloads},
	{"nothing", "Nothing", "Others see your name, your class and since when you are a member.", hideAll},
}

// Presets are the choices for all switches at once, from open to closed.
func Presets() []Preset { return append([]Preset(nil), presets...) }

// PresetOf returns the preset that hides just this; ok is false for a choice of one's own.
func PresetOf(h Hides) (p Preset, ok bool) {
	for _, p := range presets {
		if p.Hides == h&hideAll {
			return p, true
		}
	}
	return Preset{}, false
}

// ReadHides reads what Words writes: a preset, or switches with commas between them, in any
// case. It fails with Invalid and the field "preset".
func ReadHides(words string) (Hides, error) {
	names := make([]string, len(presets))
	for i, p := range presets {
		if strings.EqualFold(p.Name, words) {
			return p.Hides, nil
		}
		names[i] = p.Name
	}
	var h Hides
	for word := range strings.SplitSeq(words, ",") {
		s, err := SwitchNamed(strings.TrimSpace(word))
		if err != nil {
			return 0, core.FieldErrorf("preset", "choose one of %s; or say what you hide, such as ratio,seen", strings.Join(names, ", "))
		}
		h |= s.Bit
	}
	return h, nil
}

// Words is the set as commands give it: the preset, or its switches with commas between them.
func (h Hides) Words() string {
	if p, ok := PresetOf(h); ok {
		return p.Name
	}
	var names []string
	for _, s := range switches {
		if h.Has(s.Bit) {
			names = append(names, s.Name)
		}
	}
	return strings.Join(names, ",")
}

// SwitchNamed returns a switch by its name, in any case. It fails with Invalid and the field
// "switch" where there is none.
func SwitchNamed(name string) (Switch, error) {
	names := make([]string, len(switches))
	for i, s := range switches {
		if strings.EqualFold(s.Name, name) {
			return s, nil
		}
		names[i] = s.Name
	}
	return Switch{}, core.FieldErrorf("switch", "choose one of %s", strings.Join(names, ", "))
}

// Hides is what the member keeps from other members.
func (m Member) Hides() Hides { return m.hides }

// SetHides changes what a member keeps from other members. It fails with Invalid for what
// is no set of switches. Each face calls it for members themselves; it needs no event, since
// whoever shows a member reads the switches with the account.
func (s *Store) SetHides(ctx context.Context, id core.MemberID, h Hides) error {
	if h&^hideAll != 0 {
		return core.FieldErrorf("hides", "there is no such switch")
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE member SET hides = ? WHERE id = ?", int64(h), id)
		if err == nil && n == 0 {
			err = noMember()
		}
		if err != nil {
			return fmt.Errorf("change what member %d hides: %w", id, err)
		}
		return nil
	})
}
