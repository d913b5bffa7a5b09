package member

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// This file holds the rule of who may see what of a member: a pure function of who looks, of
// the account, and of what is known of it. Figures can be read in no other way: their fields
// are this package's own, and the import law forbids others to read the tables.

// Viewer is who looks at a member.
type Viewer struct {
	ID      core.MemberID // 0: nobody's account
	Name    string
	Figures bool // may see the figures that others show
	Private bool // of staff: may see what others hide, which is noted
	Unnamed bool // may know of anonymous uploads
}

// ViewerBy is who looks, by what they may do.
func ViewerBy(id core.MemberID, name string, can func(core.Permission) bool) Viewer {
	return Viewer{ID: id, Name: name, Figures: can(core.StatsRead), Private: can(core.MemberSeePrivate), Unnamed: can(core.TorrentSeeHidden)}
}

// Viewer is the member as somebody who looks at others, or at themselves.
func (m Member) Viewer() Viewer { return ViewerBy(m.ID, m.Name, m.Can) }

// Others is any member of the lowest class: for what is said where others read along, and
// for what others see of somebody.
func Others() Viewer { return Viewer{Figures: true} }

// Figures are what is known of a member's transfer, uploads and visits. Nobody reads them but
// by See.
type Figures struct {
	up, down                    core.Bytes
	snatched, seeding, leeching int
	uploads, named              int   // live torrents on the site, and those with their name
	seedtime                    int64 // in seconds
	ircAt                       time.Time
}

// Figure is one figure of a member as somebody sees it. Value is zero where it is not shown.
type Figure[T any] struct {
	Value T
	Shown bool
	Kept  bool // other members can't see it
}

// Ratio is uploaded divided by downloaded.
type Ratio struct {
	Value float64
	Any   bool // something was downloaded; else there is no ratio
}

// View is a member as one viewer sees them. The zero View shows nothing of nobody.
type View struct {
	member    Member
	own       bool
	private   bool // the viewer sees what is hidden, by permission
	mayFigure bool
	unnamed   bool
	figures   Figures
}

// See returns the subject as the viewer may see them: oneself everything; staff who may see
// what is private everything, too; others what the subject doesn't hide, and figures only if
// they may see figures at all.
func See(viewer Viewer, subject Member, f Figures) View {
	own := viewer.ID != 0 && viewer.ID == subject.ID
	return View{member: subject, own: own, private: !own && viewer.Private, mayFigure: own || viewer.Private || viewer.Figures, unnamed: own || viewer.Unnamed, figures: f}
}

// Member is the account, of which name, class and age are nobody's secret.
func (v View) Member() Member { return v.member }

// Own reports whether the viewer looks at themselves.
func (v View) Own() bool { return v.own }

// Private reports whether the viewer is of the staff and may see what is hidden.
func (v View) Private() bool { return v.private }

// Figures reports whether the viewer may see figures of members at all.
func (v View) Figures() bool { return v.mayFigure }

// Kept lists in words what other members can't see.
func (v View) Kept() string { return v.member.hides.String() }

// Looks reports whether the viewer sees of somebody else what that one hides.
func (v View) Looks() bool { return v.private && v.member.hides&hideAll != 0 }

// Shows reports whether the viewer sees everything that the switches concern: use it for
// lists, such as of uploads or invites, which are no figures.
func (v View) Shows(s Hides) bool {
	return v.member.ID != 0 && (v.own || v.private || v.member.hides&s == 0)
}

// figure is a value as the viewer sees it, which the switches concern.
func figure[T any](v View, s Hides, value T) Figure[T] {
	f := Figure[T]{Kept: v.member.hides&s != 0}
	if v.mayFigure && v.Shows(s) {
		f.Value, f.Shown = value, true
	}
	return f
}

// Uploaded is what the tracker has credited. It is hidden with the ratio, which could be
// worked out from it.
func (v View) Uploaded() Figure[core.Bytes] { return figure(v, HideUploads|HideRatio, v.figures.up) }

// Downloaded is what the tracker has credited. It is hidden with the ratio, too.
func (v View) Downloaded() Figure[core.Bytes] {
	return figure(v, HideDownloads|HideRatio, v.figures.down)
}

// Ratio is hidden with each of the amounts: with the other one it would tell of it.
func (v View) Ratio() Figure[Ratio] {
	r := Ratio{Any: v.figures.down > 0}
	if r.Any {
		r.Value = float64(v.figures.up) / float64(v.figures.down)
	}
	return figure(v, HideRatio|HideUploads|HideDownloads, r)
}

// Snatched is how many torrents were downloaded to the end.
func (v View) Snatched() Figure[int] { return figure(v, HideDownloads, v.figures.snatched) }

// Seeding is how many torrents are seeded at this moment.
func (v View) Seeding() Figure[int] { return figure(v, HideSeeding, v.figures.seeding) }

// Leeching is how many torrents are downloaded at this moment.
func (v View) Leeching() Figure[int] { return figure(v, HideSeeding, v.figures.leeching) }

// Seedtime is for how long all torrents together were seeded.
func (v View) Seedtime() Figure[time.Duration] {
	return figure(v, HideSeeding, time.Duration(v.figures.seedtime)*time.Second)
}

// Uploads is how many live torrents on the site are theirs. Anonymous ones are counted for
// the member, and for who may know of them.
func (v View) Uploads() Figure[int] {
	n := v.figures.named
	if v.unnamed {
		n = v.figures.uploads
	}
	f := Figure[int]{Kept: v.member.hides&HideUploads != 0}
	if v.Shows(HideUploads) { // as is the list, which is no figure
		f.Value, f.Shown = n, true
	}
	return f
}

// LastSeen is the last use of the site; the zero time for never.
func (v View) LastSeen() Figure[time.Time] { return figure(v, HideSeen, v.member.seenAt) }

// LastIRC is the last login to the IRC network, as far as the security log reaches; the zero
// time for none.
func (v View) LastIRC() Figure[time.Time] { return figure(v, HideIRC, v.figures.ircAt) }
