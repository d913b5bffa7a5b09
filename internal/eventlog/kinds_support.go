package eventlog

// TicketOpened says that somebody wrote to staff: see support.Store.Detail.
type TicketOpened struct {
	Ticket int64 `json:"ticket"`
}

// EventKind implements Body.
func (TicketOpened) EventKind() string { return "TicketOpened" }

// TicketAnswered says that staff answered: see support.Store.Letter.
type TicketAnswered struct {
	Ticket  int64 `json:"ticket"`
	Message int64 `json:"message"`
}

// EventKind implements Body.
func (TicketAnswered) EventKind() string { return "TicketAnswered" }
