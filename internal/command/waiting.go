package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// dropName is the command that takes an act off the list of those that wait.
const dropName = "pending drop"

// Waiting is an act that waits until somebody else approves it.
type Waiting struct {
	ID      int64
	Code    string
	Line    string // the command, as it will run
	Command string // its name
	Asker   string
	Via     audit.Via // the face on which it was asked for
	Preview []string  // what it would do, as the asker confirmed it
	Asked   time.Time
	Expires time.Time
	Mine    bool // the one who looks asked for it
}

// Waiting returns the acts that wait for approval and that the actor may know of: those
// of commands that they may run themselves, and their own. The oldest comes first.
func (r *Registry) Waiting(ctx context.Context, a Actor) ([]Waiting, error) {
	all, err := r.allWaiting(ctx, r.deps.DB)
	if err != nil {
		return nil, err
	}
	var out []Waiting
	for _, p := range all {
		w, c := r.told(p)
		w.Mine = !a.IsShell() && a.Member.ID != 0 && a.Member.ID == p.askerID
		if w.Mine || c != nil && may(a, c) == nil {
			out = append(out, w)
		}
	}
	return out, nil
}

// WaitingByID returns an act that waits for approval, for those who tell staff of it. It
// reports false for one that is done, dropped or over.
func (r *Registry) WaitingByID(ctx context.Context, id int64) (Waiting, bool, error) {
	all, err := r.allWaiting(ctx, r.deps.DB)
	if err != nil {
		return Waiting{}, false, err
	}
	for _, p := range all {
		if p.id == id {
			w, _ := r.told(p)
			return w, true, nil
		}
	}
	return Waiting{}, false, nil
}

// told is an act that waits as others are told of it, with its command; nil for one that
// there is no more.
func (r *Registry) told(p approval) (Waiting, *command) {
	w := Waiting{ID: p.id, Code: p.code, Line: text.Clean(p.line), Asker: p.asker, Via: p.via, Preview: strings.Split(p.shown, "\n"), Asked: p.asked, Expires: p.expires}
	line, err := read(p.line)
	if err != nil || len(line.words) == 0 {
		return w, nil
	}
	c, _ := r.find(line.words)
	if c != nil {
		w.Command = c.Name
	}
	return w, c
}

const approvalColumns = "id, code, line, state, undoes, expires_at, created_at, asker_id, asker_name, asker_via, shown"

func scanApproval(s db.Scanner) (approval, error) {
	var p approval
	var expires, asked int64
	err := s.Scan(&p.id, &p.code, &p.line, &p.state, &p.undoes, &expires, &asked, &p.askerID, &p.asker, &p.via, &p.shown)
	p.expires, p.asked = time.Unix(expires, 0).UTC(), time.Unix(asked, 0).UTC()
	return p, err
}

// allWaiting are the acts that wait for approval, the oldest first.
func (r *Registry) allWaiting(ctx context.Context, q db.Queryer) ([]approval, error) {
	now := r.deps.Clock()
	out, err := db.All(ctx, q, scanApproval, "SELECT "+approvalColumns+" FROM pending_act WHERE actor = ? AND kind = ? AND expires_at > ? AND expires_at <= ? ORDER BY id LIMIT ?",
		approveKind, approveKind, now.Unix(), core.Horizon(now, approveFor).Unix(), maxWaiting)
	if err != nil {
		return nil, fmt.Errorf("read what waits for approval: %w", err)
	}
	return out, nil
}

// awaiting returns the act that waits for approval under a code.
func (r *Registry) awaiting(ctx context.Context, q db.Queryer, code string) (approval, error) {
	p, ok, err := db.One(ctx, q, scanApproval, "SELECT "+approvalColumns+" FROM pending_act WHERE actor = ? AND code = ? AND kind = ?",
		approveKind, strings.ToUpper(strings.TrimSpace(code)), approveKind)
	if err != nil {
		return p, fmt.Errorf("look up what waits for approval: %w", err)
	}
	if !ok || !core.Lasts(r.deps.Clock(), p.expires, approveFor) {
		return p, core.Errorf(core.NotFound, "nothing waits for approval under this code: it was done, taken off the list, or %d hours have passed", int(approveFor.Hours()))
	}
	return p, nil
}

// waitingCommands list what waits for approval, and take one off.
func (r *Registry) waitingCommands() []Command {
	return []Command{
		Question[None]{
			Spec: Spec{Name: "pending list", Aliases: []string{"pending"}, Summary: "acts that wait until another member of staff approves them", Any: r.Approving()},
			Run: func(ctx context.Context, c Call, _ None) (Reply, error) {
				list, err := r.Waiting(ctx, c.Actor)
				return Reply{Blocks: []Block{waitingTable(list, c.prefix)}}, err
			},
		},
		Action[dropArgs]{
			Spec: Spec{Name: dropName, Summary: "take an act that waits for approval off the list; nothing is done", Button: "Take off the list", Any: r.Approving()},
			Run:  r.drop,
		},
	}
}

func waitingTable(list []Waiting, prefix string) Table {
	t := Table{Columns: []string{"Code", "Asked by", "Act", "Until"}, Empty: "Nothing waits for approval."}
	for _, w := range list {
		until := w.Expires.Format("2006-01-02 15:04 UTC")
		t.Rows = append(t.Rows, Row{Cells: []string{w.Code, w.Asker, w.Line, until},
			Text: fmt.Sprintf("%s: %s asks for: %s. %s (%s%s %s, until %s)", w.Code, w.Asker, w.Line, strings.Join(w.Preview, " "), prefix, approveWord, w.Code, until)})
	}
	return t
}

type dropArgs struct {
	Code string `arg:"code" hint:"Of an act that waits: pending list shows them."`
}

// drop takes an act off the list: who asked for it may, and whoever could approve it.
func (r *Registry) drop(ctx context.Context, tx *db.Tx, c Call, a dropArgs) (Reply, error) {
	p, err := r.awaiting(ctx, tx, a.Code)
	if err != nil {
		return Reply{}, err
	}
	if c.Actor.IsShell() || c.Actor.Member.ID != p.askerID {
		o, err := r.reorder(ctx, Request{Actor: c.Actor}, p.line)
		if err != nil {
			return Reply{}, err
		}
		err = may(c.Actor, o.c)
		if err == nil {
			err = r.fill(ctx, tx, o)
		}
		// What it is about may be gone, and then anybody may clear it away who could ask for it.
		if err != nil && !slices.Contains([]core.Code{core.NotFound, core.Invalid}, core.CodeOf(err)) {
			return Reply{}, err
		}
	}
	if err := consume(ctx, tx, p.id); err != nil {
		return Reply{}, err
	}
	return Say("Taken off the list, and not done: %s (%s asked for it).", text.Clean(p.line), p.asker), nil
}

// Entry returns a row of the audit log, for those who tell staff of it, or NotFound.
func (r *Registry) Entry(ctx context.Context, id int64) (audit.Entry, error) {
	return r.deps.Audit.ByID(ctx, id)
}
