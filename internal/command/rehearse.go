package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// errRehearsed ends a transaction whose changes were only to be tried.
var errRehearsed = errors.New("this was a rehearsal")

// rehearse carries out an action, takes everything back, and says what would have been:
// the preview of a command that has one, and else its answer, without secrets. So it fails
// where the act would.
func (r *Registry) rehearse(ctx context.Context, o *order) (Answer, error) {
	var reply Reply
	err := r.deps.DB.Tx(ctx, func(tx *db.Tx) error {
		ctx := tx.Guard(ctx)
		if err := r.understand(ctx, tx, o); err != nil {
			return err
		}
		if err := r.stillHolds(ctx, tx, o); err != nil {
			return err
		}
		preview, err := r.preview(ctx, tx, o)
		if err != nil {
			return err
		}
		did, err := o.c.act(ctx, tx, r.call(o), o.args)
		if err != nil {
			return err
		}
		if reply.Blocks = Lines(preview...); len(preview) == 0 {
			reply.Blocks = append(Lines("This would be the answer:"), did.withoutSecrets()...)
		}
		return errRehearsed
	})
	if !errors.Is(err, errRehearsed) {
		return Answer{}, err
	}
	lines := append([]string{"Nothing was done, because of --" + dryRun + "."}, o.understood()...)
	reply.Blocks = append(Lines(lines...), reply.Blocks...)
	return answer(o.c.Spec, o.Place, reply), nil
}

// withoutSecrets are the blocks of a reply that anybody who may run the command may see
// before it was run.
func (r Reply) withoutSecrets() []Block {
	var out []Block
	for _, b := range r.Blocks {
		switch b := b.(type) {
		case Secret:
			continue
		case Line:
			if b.Private {
				continue
			}
		}
		out = append(out, b)
	}
	return out
}

// understood says how a line was understood, where that is in doubt or is all that was
// asked for.
func (o *order) understood() []string {
	if o.doubt == "" && !o.dry {
		return nil
	}
	var parts []string
	for _, a := range o.c.Args {
		switch v, ok := o.given[a.Name]; {
		case a.Redact:
		case ok && a.Type == TypeText:
			parts = append(parts, fmt.Sprintf("%s “%s”", a.Name, v))
		case ok:
			parts = append(parts, a.Name+" "+v)
		case a.Flag:
			parts = append(parts, "no --"+a.Name)
		}
	}
	line := "I understand: " + o.c.Name
	if len(parts) > 0 {
		line += " with " + strings.Join(parts, ", ")
	}
	if o.doubt == "" {
		return []string{line + "."}
	}
	text := "the text"
	for _, a := range o.c.Args {
		if a.Type == TypeText {
			text = "the " + a.Name
		}
	}
	return []string{fmt.Sprintf("“%s” would be a part of %s: options stand before it.", o.doubt, text), line + "."}
}

// keepable refuses to keep an order in the database, until it is confirmed, that holds a
// secret, unless the command always asks: then secrets are sealed.
func (o *order) keepable() error {
	if o.c.Confirms {
		return nil
	}
	for _, a := range o.c.Args {
		if _, ok := o.given[a.Name]; ok && a.Redact {
			return core.Errorf(core.Invalid, "“%s” may be meant as an option: write options before the text, or the text in quotation marks", o.doubt)
		}
	}
	return nil
}
