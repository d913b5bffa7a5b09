// Package conn handles the IRC network's connections as bytes and sockets, without knowing
// who is at the other end. It opens ports, takes connections by plain TCP, TLS and
// WebSocket, reads the header of the PROXY protocol, follows the certificate's files, cuts
// what comes in into lines, and writes what is queued. A Host, which is the network,
// decides who may come in and what a line means.
//
// Concurrency: a connection has one goroutine, which reads. Any goroutine may queue lines,
// and then writes them itself; only where it would have to wait, the connection gets a
// goroutine for that time. Each queue has its own lock, under which nothing waits. Drain
// waits for all goroutines of a Server's connections.
package conn
