package command

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

const undoWord = "undo"

type undoArgs struct {
	ID ID `arg:"id"`
}

// undoCommand takes back what an entry of the audit log did, by running the
// command that the entry names as its inverse. That is an act with an entry of its
// own, so it can be undone in turn. Who asks needs what the inverse needs.
func (r *Registry) undoCommand() Command {
	return Action[undoArgs]{
		Spec: Spec{Name: undoWord, Summary: "take back what an entry of the audit log did, unless things have changed since"},
		// The engine runs the inverse instead: see Registry.inverse.
		Run: func(context.Context, *db.Tx, Call, undoArgs) (Reply, error) {
			return Reply{}, core.Errorf(core.Internal, "undo runs the command that takes an act back")
		},
	}
}

// inverse is the order that takes back an entry of the audit log. Entries that the
// asker may not read are not told apart from missing ones.
func (r *Registry) inverse(ctx context.Context, o *order) (*order, error) {
	id, err := parseID(o.given["id"])
	if err != nil {
		return nil, err
	}
	e, err := r.deps.Audit.ByID(ctx, id)
	hidden := !o.Actor.Can(core.AuditRead) && (o.Actor.Member.ID == 0 || e.ActorID != o.Actor.Member.ID)
	switch {
	case core.CodeOf(err) == core.NotFound, err == nil && hidden:
		return nil, core.Errorf(core.NotFound, "there is no entry %d that you could undo", id)
	case err != nil:
		return nil, err
	case e.Outcome != audit.Done && e.Outcome != audit.Asked || e.UndoWith == "":
		return nil, core.Errorf(core.Conflict, "entry %d (%s) can't be undone", id, e.Command)
	}
	inverse, err := r.reorder(ctx, o.Request, e.UndoWith)
	if err != nil {
		return nil, err
	}
	inverse.undoes = &e
	return inverse, nil
}

func (r *Registry) notYetUndone(ctx context.Context, tx *db.Tx, id int64) error {
	by, err := r.deps.Audit.In(tx).UndoneBy(ctx, id)
	if err == nil && by != 0 {
		err = core.Errorf(core.Conflict, "entry %d was undone already, by entry %d", id, by)
	}
	return err
}

func errUndoStale() error {
	return core.Errorf(core.Conflict, "this has changed since, so it can't be undone; look at it as it is now")
}

// undoState is the digest of what a command that takes something back rests on, as
// tx leaves it. It is "" for a command that names nothing.
func (r *Registry) undoState(ctx context.Context, tx *db.Tx, req Request, line string) (string, error) {
	o, err := r.reorder(ctx, req, line)
	if err != nil || o.c.state == nil {
		return "", err
	}
	if o.malformed != nil {
		return "", o.malformed
	}
	o.Actor = Shell() // the one who acts may not be allowed to take it back
	if err := r.fill(ctx, tx, o); err != nil {
		return "", err
	}
	o.Actor = req.Actor // whose it is, where the command names nobody
	return r.state(ctx, tx, o)
}
