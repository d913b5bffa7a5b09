package members

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// hidden stands for a figure that the member keeps to themselves.
const hidden = "hidden"

// figures are a member's, as the actor may see them. Where others read along, they are told
// what any member may see, and the actor the rest in private.
func (d Deps) figures(ctx context.Context, c command.Call, m member.Member) ([]command.Block, error) {
	if c.Place == command.Private {
		view, err := d.Members.See(ctx, c.Actor.Sees(), m)
		return []command.Block{figureFields(view)}, err
	}
	open, err := d.Members.See(ctx, member.Others(), m)
	if err != nil {
		return nil, err
	}
	blocks := []command.Block{figureFields(open)}
	if c.Actor.Member.ID != m.ID && !c.Actor.Sees().Private {
		return blocks, nil
	}
	view, err := d.Members.See(ctx, c.Actor.Sees(), m)
	if err != nil {
		return nil, err
	}
	if line := figureFields(view).Text; line != figureFields(open).Text {
		blocks = append(blocks, command.Line{Text: line, Private: true})
	}
	return blocks, nil
}

// worded is a figure in words.
func worded[T any](f member.Figure[T], words func(T) string) string {
	if !f.Shown {
		return hidden
	}
	return words(f.Value)
}

func figureFields(v member.View) command.Fields {
	m := v.Member()
	size := func(f member.Figure[core.Bytes]) string { return worded(f, core.Bytes.String) }
	count := func(f member.Figure[int]) string { return worded(f, func(n int) string { return fmt.Sprint(n) }) }
	ratio := worded(v.Ratio(), func(r member.Ratio) string {
		if !r.Any {
			return "none yet"
		}
		return fmt.Sprintf("%.2f", r.Value)
	})
	list := []command.Field{{Label: "Uploaded", Value: size(v.Uploaded())}, {Label: "Downloaded", Value: size(v.Downloaded())}, {Label: "Ratio", Value: ratio},
		{Label: "Seeding", Value: count(v.Seeding())}, {Label: "Leeching", Value: count(v.Leeching())},
		{Label: "Snatched", Value: count(v.Snatched())}, {Label: "Uploads", Value: count(v.Uploads())}}
	line := fmt.Sprintf("%s (%s): uploaded %s, downloaded %s, ratio %s; seeding %s, leeching %s, snatched %s, uploads %s",
		m.Name, m.Class.Name, list[0].Value, list[1].Value, ratio, list[3].Value, list[4].Value, list[5].Value, list[6].Value)
	for _, visit := range []struct {
		label, words string
		at           member.Figure[time.Time]
	}{{"Last seen", "last seen", v.LastSeen()}, {"On IRC", "on IRC", v.LastIRC()}} {
		if visit.at.Shown && !visit.at.Value.IsZero() {
			list = append(list, command.Field{Label: visit.label, Value: text.Instant(visit.at.Value)})
			line += "; " + visit.words + " " + text.Instant(visit.at.Value)
		}
	}
	return command.Fields{Text: line, List: list}
}

// account is what staff see of an account.
func account(v member.View) command.Fields {
	m := v.Member()
	classes := m.Class.Name
	for _, s := range m.Secondary {
		classes += ", " + s.Name
	}
	seen := worded(v.LastSeen(), func(at time.Time) string {
		if at.IsZero() {
			return "never seen on the site"
		}
		return "last seen " + text.Instant(at)
	})
	since := m.CreatedAt.Format("2006-01-02")
	f := command.Fields{
		Text: fmt.Sprintf("%s, id %d, %s; %s; since %s, %s", m.Name, m.ID, classes, stateOf(m), since, seen),
		List: []command.Field{{Label: "Name", Value: m.Name}, {Label: "Id", Value: fmt.Sprint(m.ID)}, {Label: "Classes", Value: classes},
			{Label: "State", Value: stateOf(m)}, {Label: "Since", Value: since}, {Label: "Seen", Value: seen}},
	}
	if v.Looks() {
		f.Text += "; hides from others: " + v.Kept()
		f.List = append(f.List, command.Field{Label: "Hides", Value: v.Kept() + ". Their security log says that you looked."})
	}
	return f
}
