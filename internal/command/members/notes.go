package members

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Notes are for those who stand above the member: nobody reads what is noted about
// themselves, or about their equals. The audit log says that one was written, and not what.

type noteAddArgs struct {
	Member member.Member `arg:"name,below"`
	Text   command.Text  `arg:"text,secret,max=1000" hint:"For staff alone. Write what another will need to know, and from where you know it."`
}

func (d Deps) noteAdd() command.Command {
	return command.Action[noteAddArgs]{
		Spec: command.Spec{Name: "note add", Summary: "write a note about a member for other staff", Permission: core.MemberNote, Secret: true},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a noteAddArgs) (command.Reply, error) {
			n, err := d.Members.In(tx).AddNote(ctx, a.Member.ID, string(a.Text), by(c))
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Noted about %s (note %d).", a.Member.Name, n.ID).With("note remove", noteArgs{a.Member, command.ID(n.ID)}), nil
		},
	}
}

const noteLines = 10

type noteListArgs struct {
	Member member.Member `arg:"name,below"`
	Before *command.ID   `arg:"before,flag"`
}

func (d Deps) noteList() command.Command {
	return command.Question[noteListArgs]{
		Spec: command.Spec{Name: "note list", Summary: "what staff have noted about a member, newest first", Permission: core.MemberNote, Secret: true},
		Run: func(ctx context.Context, _ command.Call, a noteListArgs) (command.Reply, error) {
			list, err := d.Members.Notes(ctx, a.Member.ID, before(a.Before), noteLines+1)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Note", "When", "By", "Text"}, Empty: "Nothing is noted about " + a.Member.Name + "."}
			if len(list) > noteLines {
				list = list[:noteLines]
				t.More = fmt.Sprintf("Older ones: note list %s --before %d", a.Member.Name, list[noteLines-1].ID)
			}
			for _, n := range list {
				t.Rows = append(t.Rows, command.Row{Cells: []string{fmt.Sprint(n.ID), text.Instant(n.At), n.By.Name, n.Text},
					Text: fmt.Sprintf("%d, %s, %s: %s", n.ID, text.Instant(n.At), n.By.Name, n.Text)})
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

// before is the id from which on a list goes, 0 for its beginning.
func before(id *command.ID) int64 {
	if id == nil {
		return 0
	}
	return int64(*id)
}

type noteArgs struct {
	Member member.Member `arg:"name,below"`
	ID     command.ID    `arg:"id"`
}

// noteState is whether a note is there or removed.
func (d Deps) noteState(ctx context.Context, tx *db.Tx, _ command.Call, a noteArgs) (string, error) {
	n, err := d.Members.In(tx).NoteByID(ctx, a.Member.ID, int64(a.ID))
	return fmt.Sprintf("%d %t", n.ID, n.RemovedAt.IsZero()), err
}

func (d Deps) noteRemove() command.Command {
	return command.Action[noteArgs]{
		Spec:  command.Spec{Name: "note remove", Summary: "take a note about a member away; for 30 days it can be put back", Permission: core.MemberNote, Secret: true, Offer: never},
		State: d.noteState,
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a noteArgs) (command.Reply, error) {
			n, err := d.Members.In(tx).RemoveNote(ctx, a.Member.ID, int64(a.ID), by(c))
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Note %d about %s is removed. It was by %s.", n.ID, a.Member.Name, n.By.Name).With("note unremove", a), nil
		},
	}
}

func (d Deps) noteRestore() command.Command {
	return command.Action[noteArgs]{
		Spec:  command.Spec{Name: "note unremove", Summary: "put a note back that was removed in the last 30 days", Permission: core.MemberNote, Secret: true, Offer: never},
		State: d.noteState,
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a noteArgs) (command.Reply, error) {
			n, err := d.Members.In(tx).RestoreNote(ctx, a.Member.ID, int64(a.ID))
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Note %d about %s is there again.", n.ID, a.Member.Name).With("note remove", a), nil
		},
	}
}
