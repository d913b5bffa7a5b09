package jobs

import "github.com/caduceus-bio/caduceus/internal/economy"

// freeleechEdges appends the events by which members are told that freeleech is
// near, begins and ends. It also runs when a window was opened or ended.
func freeleechEdges(store *economy.Store) task { return store.TellEdges }
