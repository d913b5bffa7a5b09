package joining

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/invite"
)

func (d Deps) questions() command.Command {
	return command.Question[command.None]{
		Spec: command.Spec{Name: "question list", Aliases: []string{"questions"}, Summary: "what applicants are asked", Permission: core.ApplicantReview},
		Run: func(ctx context.Context, _ command.Call, _ command.None) (command.Reply, error) {
			list, err := d.Invites.Questions(ctx)
			t := command.Table{Columns: []string{"Place", "Number", "Question", "Answer"}, Empty: "Applicants are asked nothing: question add adds a question."}
			for i, q := range list {
				must := "must be answered"
				if q.Optional {
					must = "may be left out"
				}
				t.Rows = append(t.Rows, command.Row{Cells: []string{fmt.Sprint(i + 1), fmt.Sprintf("#%d", q.ID), q.Text, must}, Text: fmt.Sprintf("%d: #%d %s (%s)", i+1, q.ID, q.Text, must)})
			}
			return command.Reply{Blocks: []command.Block{t}}, err
		},
	}
}

// order is what a decision about the questions rests on.
func (d Deps) order(ctx context.Context, tx *db.Tx) (string, error) {
	list, err := d.Invites.In(tx).Questions(ctx)
	return fmt.Sprint(list), err
}

// need is whether a question must be answered.
type need string

// Choices are the words for it.
func (need) Choices() []string { return []string{"needed", "optional"} }

type addQuestionArgs struct {
	Answer *need        `arg:"answer,flag"`
	Place  *command.ID  `arg:"place,flag" hint:"from 1 on; empty is the last"`
	Text   command.Text `arg:"text"`
}

func (d Deps) addQuestion() command.Command {
	return command.Action[addQuestionArgs]{
		Spec: command.Spec{Name: "question add", Button: "Add a question", Summary: "ask applicants one thing more", Permission: core.ApplicantReview},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, _ addQuestionArgs) (string, error) {
			return d.order(ctx, tx)
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a addQuestionArgs) (command.Reply, error) {
			place := 0
			if a.Place != nil {
				place = int(min(*a.Place, invite.MaxQuestions+1))
			}
			q, err := d.Invites.In(tx).AddQuestion(ctx, invite.Question{Text: string(a.Text), Optional: a.Answer != nil && *a.Answer == "optional"}, place)
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Applicants are asked, as #%d: %s", q.ID, q.Text).With("question remove", idArgs{ID: command.ID(q.ID)}), nil
		},
	}
}

func (d Deps) removeQuestion() command.Command {
	return command.Action[idArgs]{
		Spec: command.Spec{Name: "question remove", Button: "Remove it", Summary: "ask applicants something no more; answers that were given stay", Permission: core.ApplicantReview},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, _ idArgs) (string, error) {
			return d.order(ctx, tx)
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a idArgs) (command.Reply, error) {
			q, place, err := d.Invites.In(tx).RemoveQuestion(ctx, int64(a.ID))
			if err != nil {
				return command.Reply{}, err
			}
			answer, at := need("needed"), command.ID(place)
			if q.Optional {
				answer = "optional"
			}
			return command.Say("Applicants are no longer asked: %s", q.Text).With("question add", addQuestionArgs{Answer: &answer, Place: &at, Text: command.Text(q.Text)}), nil
		},
	}
}

type moveQuestionArgs struct {
	ID    command.ID `arg:"id"`
	Place command.ID `arg:"place" hint:"from 1 on"`
}

func (d Deps) moveQuestion() command.Command {
	return command.Action[moveQuestionArgs]{
		Spec: command.Spec{Name: "question move", Button: "Move it", Summary: "ask something earlier or later", Permission: core.ApplicantReview},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, _ moveQuestionArgs) (string, error) {
			return d.order(ctx, tx)
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a moveQuestionArgs) (command.Reply, error) {
			was, err := d.Invites.In(tx).MoveQuestion(ctx, int64(a.ID), int(min(a.Place, 1000)))
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Question #%d is number %d now; it was number %d.", a.ID, a.Place, was).With("question move", moveQuestionArgs{ID: a.ID, Place: command.ID(was)}), nil
		},
	}
}
