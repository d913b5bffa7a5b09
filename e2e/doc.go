// Package e2e tests the whole program from outside: it builds the binary, serves
// it in each of the shapes that it is made for, and lets real BitTorrent and IRC
// clients use it on a network of their own.
//
// Concurrency: tests run in parallel; each has its own instance of the program.
package e2e
