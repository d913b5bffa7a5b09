package house

import (
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// health is the answer of /healthz. It is for whoever keeps the machine.
type health struct {
	OK       bool                  `json:"ok"`
	Database bool                  `json:"database"`          // it takes changes
	Problem  string                `json:"problem,omitempty"` // of the database, and what to do
	Rooms    map[string]roomHealth `json:"rooms"`
}

type roomHealth struct {
	Ready    bool   `json:"ready"`
	Restarts int    `json:"restarts"`
	Problem  string `json:"problem,omitempty"`
}

// problemLine is the longest that is said of one problem, in bytes.
const problemLine = 400

// withoutChanges is what a room can't do while the database takes no changes.
var withoutChanges = map[string]string{
	"tracker": "announces are answered, and what they transfer waits in the journal until the database takes changes",
	"site":    "nothing can be saved, and nobody can log in, until the database takes changes",
	"ircd":    "who is connected can talk, but nobody can log in, and what is said is not in the history until the database takes changes",
	"hermes":  "announces and commands that change something wait until the database takes changes",
	"jobs":    "no job can run until the database takes changes",
}

// withoutAnswers is the same while it does not answer at all.
var withoutAnswers = map[string]string{
	"tracker": "announces are answered, and what they transfer waits in the journal until the database answers",
	"site":    "pages can't be shown until the database answers",
	"ircd":    "who is connected can talk, but nobody can log in, and history can't be read, until the database answers",
	"hermes":  "announces and commands wait until the database answers",
	"jobs":    "no job can run until the database answers",
}

// examine tells how the database and the rooms are. writes is why the database took no
// change, nil if it did.
func examine(writes error, rooms map[string]supervise.State) health {
	h := health{OK: writes == nil, Database: writes == nil, Problem: clip(db.Diagnose(writes)), Rooms: map[string]roomHealth{}}
	for name, st := range rooms {
		r := roomHealth{Ready: st.Ready, Restarts: st.Restarts}
		var problems []string
		switch {
		case !st.Ready && st.LastErr != "":
			problems = append(problems, "it failed and is being started again: "+clip(st.LastErr))
		case !st.Ready:
			problems = append(problems, "it is being started, or stopped")
		case st.Complaint != "":
			problems = append(problems, clip(st.Complaint))
		}
		if writes != nil {
			lacks := withoutChanges
			switch db.TroubleOf(writes) {
			case db.Away, db.Broken, db.Crowded:
				lacks = withoutAnswers
			}
			if lack := lacks[name]; lack != "" {
				problems = append(problems, lack)
			}
		}
		r.Problem = strings.Join(problems, "; ")
		h.Rooms[name] = r
		h.OK = h.OK && r.Problem == ""
	}
	return h
}

// clip keeps the first line of a text, which may be an error with a stack behind it.
func clip(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return text.Cut(text.Clean(line), problemLine)
}
