package tracker

import "github.com/caduceus-bio/caduceus/tracker/journal"

type (
	// HeldJournal is what a copy of a tracker's journal needs to know of it.
	HeldJournal = journal.Held
	// JournalFile is one of its files.
	JournalFile = journal.Copy
)

// HoldJournal holds the files of the journal in dir for a copy, while a tracker may be
// writing it; see journal.Hold. It returns nil if there is no journal in dir.
func HoldJournal(dir string) (*HeldJournal, error) {
	is, err := journal.IsJournal(dir)
	if err != nil || !is {
		return nil, err
	}
	return journal.Hold(dir)
}
