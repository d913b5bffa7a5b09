// Package mail keeps the letters that the site sends, and sends them.
//
// Whoever has something to say puts a Letter into the Queue, in the transaction that gives
// rise to it (Queue.In). The letter is worded at once, sealed with the site key, and waits in
// the table mail until the job send-mail of the room jobs hands it to a mail server (Sender). Once that has it,
// address and text are wiped; the row stays for a month, to tell what became of it.
//
// A letter is handed over at least once. Before that its row is marked as being sent, and
// right after the server's answer as sent: only where the program dies, or loses the database,
// between these two, the letter goes a second time. It then has the same Message-ID, by
// which receivers can tell.
//
// Nothing here writes an address into a log, an event or a column that isn't sealed.
//
// Concurrency: a Queue is safe for concurrent use, and so is a Sender; of several that send
// at once, in one process or in many, each takes other letters.
package mail
