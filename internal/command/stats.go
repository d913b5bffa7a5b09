package command

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

func (r *Registry) statsCommands() []Spec {
	return []Spec{{
		Name: "stats", Aliases: []string{"user", "u"}, Summary: "upload, download and ratio, yours or another member's",
		Args:   []Arg{{Name: "member", Kind: MemberName, Optional: true, Other: core.StatsRead}},
		Public: true, Run: r.stats,
	}}
}

func (r *Registry) stats(ctx context.Context, c Call) (Reply, error) {
	m := c.Actor.Member
	if c.Has("member") {
		m = c.Member("member")
	}
	if m.ID == 0 {
		return Reply{}, core.Errorf(core.Invalid, "the shell has no figures of its own; name a member")
	}
	line, err := r.statsLine(ctx, c.Actor, m)
	return Reply{Lines: []string{line}}, err
}

// statsLine is one member's figures as the actor may see them.
func (r *Registry) statsLine(ctx context.Context, actor Actor, m member.Member) (string, error) {
	own := actor.Member.ID == m.ID || actor.can(core.TorrentSeeHidden)
	p, err := r.deps.Members.Profile(ctx, m.ID, own)
	if err != nil {
		return "", err
	}
	ratio := "none yet"
	if v, ok := p.Ratio(); ok {
		ratio = fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%s (%s): uploaded %s, downloaded %s, ratio %s; seeding %d, leeching %d, snatched %d, uploads %d",
		m.Name, m.Class.Name, p.Uploaded, p.Downloaded, ratio, p.Seeding, p.Leeching, p.Snatched, p.Uploads), nil
}
