package jobs

import "github.com/caduceus-bio/caduceus/internal/economy"

// freeleechEdges appends the events that tell members that freeleech is near, begins
// or ends. It also runs when a window was opened or ended.
func freeleechEdges(store *economy.Store) task { return store.TellEdges }
