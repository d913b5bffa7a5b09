package freeleech

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/member"
)

type onArgs struct {
	Duration time.Duration `arg:"duration"`
	Reason   command.Text  `arg:"reason"`
}

func (d Deps) on() command.Command {
	return command.Action[onArgs]{
		Spec: command.Spec{Name: "freeleech on", Aliases: []string{"freeleech"}, Summary: "freeleech for every torrent from now on", Permission: core.FreeleechManage},
		Preview: func(_ context.Context, _ *db.Tx, c command.Call, a onArgs) ([]string, error) {
			return []string{fmt.Sprintf("This would make every torrent freeleech for %s, until %s. Reason: %s",
				text.Span(a.Duration), text.Instant(c.Now.Add(a.Duration)), a.Reason)}, nil
		},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a onArgs) (string, error) {
			return a.Duration.String(), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a onArgs) (command.Reply, error) {
			w, err := d.Economy.In(tx).Open(ctx, economy.Window{
				Source: economy.SourceStaff, State: core.LeechFree, Ends: c.Now.Add(a.Duration), Reason: string(a.Reason),
			}, c.Actor.Member.ID)
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Freeleech for every torrent until %s, window #%d: %s", text.Instant(w.Ends), w.ID, w.Reason).
				With("freeleech off", offArgs{ID: command.ID(w.ID)}), nil
		},
	}
}

type offArgs struct {
	ID command.ID `arg:"id,optional"`
}

func (d Deps) off() command.Command {
	return command.Action[offArgs]{
		Spec: command.Spec{Name: "freeleech off", Summary: "end a window that staff opened", Permission: core.FreeleechManage},
		Preview: func(ctx context.Context, tx *db.Tx, c command.Call, a offArgs) ([]string, error) {
			w, err := d.staffWindow(ctx, tx, c, a)
			if err != nil {
				return nil, err
			}
			if !c.Now.Before(w.Ends) {
				return nil, core.Errorf(core.Conflict, "window #%d is over since %s", w.ID, text.Instant(w.Ends))
			}
			return []string{fmt.Sprintf("This would end window #%d (%s) now instead of at %s.", w.ID, w.Reason, text.Instant(w.Ends))}, nil
		},
		State: func(ctx context.Context, tx *db.Tx, c command.Call, a offArgs) (string, error) {
			w, err := d.staffWindow(ctx, tx, c, a)
			return fmt.Sprintf("%d %d", w.ID, w.Ends.Unix()), err
		},
		Run: d.end,
	}
}

func (d Deps) end(ctx context.Context, tx *db.Tx, c command.Call, a offArgs) (command.Reply, error) {
	w, err := d.staffWindow(ctx, tx, c, a)
	if err != nil {
		return command.Reply{}, err
	}
	ended, err := d.Economy.In(tx).End(ctx, w.ID, c.Actor.Member.ID)
	if err != nil {
		return command.Reply{}, err
	}
	line := fmt.Sprintf("Window #%d (%s) has ended.", w.ID, w.Reason)
	if still := ended.Still.Words(); still != "" {
		line += " Still holding: " + still + "."
	} else if w.SiteWide() {
		line += " Nothing else holds for every torrent."
	} else {
		line += " Nothing else holds for what it concerned."
	}
	reply := command.Say("%s", line)
	if left := w.Ends.Sub(c.Now); left >= time.Minute && w.SiteWide() && w.State == core.LeechFree {
		reply = reply.With("freeleech on", onArgs{Duration: left.Truncate(time.Minute), Reason: command.Text(w.Reason)})
	}
	return reply, nil
}

// staffWindow finds the window to end: the given one, or the only one that staff
// opened for every torrent and that is not over.
func (d Deps) staffWindow(ctx context.Context, tx *db.Tx, c command.Call, a offArgs) (economy.Window, error) {
	if a.ID != 0 {
		return d.Economy.In(tx).ByID(ctx, int64(a.ID))
	}
	schedule, err := d.Economy.In(tx).Schedule(ctx)
	if err != nil {
		return economy.Window{}, err
	}
	var mine []economy.Window
	for _, w := range append(schedule.Active(c.Now), schedule.Upcoming(c.Now, 100)...) {
		if w.Source == economy.SourceStaff {
			mine = append(mine, w)
		}
	}
	switch len(mine) {
	case 0:
		return economy.Window{}, core.Errorf(core.NotFound, "staff opened no window that is not over; those of the calendar can't be ended")
	case 1:
		return mine[0], nil
	}
	ids := make([]string, len(mine))
	for i, w := range mine {
		ids[i] = fmt.Sprintf("%d (until %s: %s)", w.ID, text.Instant(w.Ends), w.Reason)
	}
	return economy.Window{}, core.Errorf(core.Invalid, "there are several; add the id of one: %s", strings.Join(ids, ", "))
}

// state is the argument that says how a torrent counts.
type state core.Leech

// Choices are the words for it.
func (state) Choices() []string {
	return []string{string(core.LeechFree), string(core.LeechNeutral), string(core.LeechNormal)}
}

type torrentArgs struct {
	Torrent catalog.Torrent `arg:"id"`
	State   state           `arg:"state"`
	Reason  command.Text    `arg:"reason"`
}

func (d Deps) torrent() command.Command {
	return command.Action[torrentArgs]{
		Spec: command.Spec{Name: "freeleech torrent", Summary: "set a torrent's own state", Button: "make this torrent free or neutral", Permission: core.FreeleechManage},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a torrentArgs) (string, error) {
			return string(a.Torrent.Leech) + " " + a.Torrent.LeechReason, nil
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a torrentArgs) (command.Reply, error) {
			t, leech := a.Torrent, core.Leech(a.State)
			if t.Leech == leech {
				return command.Reply{}, core.Errorf(core.Conflict, "torrent %d is %s already", t.ID, leech.Words())
			}
			if err := d.Catalog.In(tx).SetLeech(ctx, t.ID, leech, string(a.Reason)); err != nil {
				return command.Reply{}, err
			}
			schedule, err := d.Economy.In(tx).Schedule(ctx)
			if err != nil {
				return command.Reply{}, err
			}
			line := fmt.Sprintf("Torrent %d (%s) is %s from now on.", t.ID, text.Cut(t.Title, 160), leech.Words())
			if e := schedule.Effective(leech, t.ID, 0, c.Now); e.State != leech {
				line += " What counts now is " + e.Words() + "."
			}
			was := torrentArgs{Torrent: t, State: state(t.Leech), Reason: command.Text(t.LeechReason)}
			if was.Reason == "" {
				was.Reason = "as it was before"
			}
			return command.Say("%s", line).With("freeleech torrent", was), nil
		},
	}
}

type memberArgs struct {
	Member   member.Member    `arg:"name"`
	Duration time.Duration    `arg:"duration"`
	Torrent  *catalog.Torrent `arg:"torrent,flag"`
	Reason   command.Text     `arg:"reason"`
}

func (d Deps) member() command.Command {
	return command.Action[memberArgs]{
		Spec: command.Spec{Name: "freeleech member", Summary: "freeleech for one member, on all torrents or on one", Button: "give this member freeleech", Permission: core.FreeleechManage},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a memberArgs) (command.Reply, error) {
			w := economy.Window{Source: economy.SourceStaff, State: core.LeechFree, Member: a.Member.ID,
				Ends: c.Now.Add(a.Duration), Reason: string(a.Reason)}
			if a.Torrent != nil {
				w.Torrent = a.Torrent.ID
			}
			w, err := d.Economy.In(tx).Open(ctx, w, c.Actor.Member.ID)
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("For %s: %s", a.Member.Name, ownWindow(w)).With("freeleech off", offArgs{ID: command.ID(w.ID)}), nil
		},
	}
}
