package invite

import (
	"context"
	"errors"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// The bounds of what applicants are asked.
const (
	MaxQuestions = 20
	maxQuestion  = 300  // characters
	MaxAnswer    = 2000 // characters
)

// Question is one that applicants are asked.
type Question struct {
	ID       int64
	Text     string
	Optional bool
}

// Field is the name of the answer in a form.
func (q Question) Field() string { return fmt.Sprintf("answer-%d", q.ID) }

const questionTurn = "application questions"

// Questions returns what applicants are asked, in order.
func (s *Store) Questions(ctx context.Context) ([]Question, error) {
	list, err := db.All(ctx, s.db, func(sc db.Scanner) (q Question, err error) { return q, sc.Scan(&q.ID, &q.Text, &q.Optional) },
		"SELECT id, question, optional FROM application_question WHERE removed_at = 0 ORDER BY position, id LIMIT ?", MaxQuestions)
	if err != nil {
		return nil, fmt.Errorf("read the questions: %w", err)
	}
	return list, nil
}

// question finds one that is asked, and its place from 0 on.
func question(list []Question, id int64) (Question, int, error) {
	for i, q := range list {
		if q.ID == id {
			return q, i, nil
		}
	}
	return Question{}, 0, core.Errorf(core.NotFound, "there is no question %d; question list shows them", id)
}

// AddQuestion adds one as the one with the given place, from 1 on; 0 is the last. It fails
// with Invalid for a text that is out of bounds, and with Conflict where there are enough.
func (s *Store) AddQuestion(ctx context.Context, q Question, place int) (Question, error) {
	q.Text = text.Line(q.Text)
	if !text.HasLetters(q.Text) || text.Chars(q.Text) > maxQuestion {
		return q, core.FieldErrorf("text", "a question has 1 to %d characters", maxQuestion)
	}
	err := s.reorder(ctx, func(tx *db.Tx, list []Question) ([]Question, error) {
		if len(list) >= MaxQuestions {
			return nil, core.Errorf(core.Conflict, "there are %d questions; remove one first", len(list))
		}
		id, err := tx.Insert(ctx, "application_question", db.Row{"position", 0, "question", q.Text, "optional", q.Optional, "removed_at", 0})
		if q.ID = id; err != nil {
			return nil, err
		}
		return insert(list, q, place), nil
	})
	return q, err
}

// RemoveQuestion asks one no more, and returns it with its place from 1 on. Answers that
// were given to it stay.
func (s *Store) RemoveQuestion(ctx context.Context, id int64) (q Question, place int, err error) {
	err = s.reorder(ctx, func(tx *db.Tx, list []Question) ([]Question, error) {
		if q, place, err = question(list, id); err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, "UPDATE application_question SET removed_at = ? WHERE id = ?", s.Clock().Unix(), id); err != nil {
			return nil, err
		}
		list = append(list[:place:place], list[place+1:]...)
		place++
		return list, nil
	})
	return q, place, err
}

// MoveQuestion gives one another place, from 1 on, and returns which it had.
func (s *Store) MoveQuestion(ctx context.Context, id int64, place int) (was int, err error) {
	err = s.reorder(ctx, func(_ *db.Tx, list []Question) ([]Question, error) {
		q, at, err := question(list, id)
		if err != nil {
			return nil, err
		}
		if place < 1 || place > len(list) {
			return nil, core.FieldErrorf("place", "write a place from 1 to %d", len(list))
		}
		was = at + 1
		return insert(append(list[:at:at], list[at+1:]...), q, place), nil
	})
	return was, err
}

// insert puts a question at a place from 1 on; 0 is the end.
func insert(list []Question, q Question, place int) []Question {
	if place < 1 || place > len(list) {
		return append(list, q)
	}
	return append(list[:place-1:place-1], append([]Question{q}, list[place-1:]...)...)
}

// reorder changes the list of questions, and writes the places of all.
func (s *Store) reorder(ctx context.Context, change func(tx *db.Tx, list []Question) ([]Question, error)) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, questionTurn); err != nil {
			return err
		}
		list, err := s.In(tx).Questions(ctx)
		if err == nil {
			list, err = change(tx, list)
		}
		if err != nil {
			return err
		}
		for i, q := range list {
			if _, err := tx.Exec(ctx, "UPDATE application_question SET position = ? WHERE id = ?", i+1, q.ID); err != nil {
				return fmt.Errorf("order the questions: %w", err)
			}
		}
		return nil
	})
}

// Answer is one of an application, with the question as it was.
type Answer struct{ Question, Text string }

// checkAnswers puts answers, by the ids of questions, in order and checks them all. Answers
// to what is not asked are dropped. The field of an error is that of the question.
func checkAnswers(list []Question, given map[int64]string) (out []Answer, err error) {
	for i, q := range list {
		a := text.Body(given[q.ID])
		switch {
		case text.Chars(a) > MaxAnswer:
			err = errors.Join(err, core.FieldErrorf(q.Field(), "keep the answer to question %d within %d characters", i+1, MaxAnswer))
		case !text.HasLetters(a) && !q.Optional:
			err = errors.Join(err, core.FieldErrorf(q.Field(), "answer question %d: staff decide by what you write", i+1))
		case a != "":
			out = append(out, Answer{q.Text, a})
		}
	}
	return out, err
}
