// Package text holds the rules for short texts that several rooms share: how
// names are compared without regard to case, which names look alike, and how a
// text is made to fit one line. It is storey 0 of the house, like core. Besides
// the standard library it imports golang.org/x/text/unicode/norm.
//
// Concurrency: everything is a pure function and safe for concurrent use.
package text
