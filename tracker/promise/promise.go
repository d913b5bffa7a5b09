// Package promise ties an answer to the journal record that must last before the
// answer may be sent. The ledger makes promises, the service returns each one
// together with its answer, and a front keeps them before it sends.
//
// Concurrency: a Promise is a plain value.
package promise

// Promise says how far the ledger's journal must be written before an answer may
// be sent. The zero value promises nothing.
type Promise uint64

// With is the promise that keeps both p and q: whoever keeps the later of two
// promises has kept the earlier one too.
func (p Promise) With(q Promise) Promise { return max(p, q) }
