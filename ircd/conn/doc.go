// Package conn is the IRC network's side of its connections: bytes and sockets, and
// nothing of who is at the other end. It opens ports, takes connections by plain TCP,
// TLS and WebSocket, reads the header of the PROXY protocol, follows the certificate's
// files, cuts what comes in into lines, and writes what is queued. A Host, which is the
// network, decides who may come in and what a line means.
//
// Concurrency: a connection has one goroutine, which reads. Lines are queued by
// anybody, and written by whoever queued them; only what would have to wait gets a
// goroutine for as long as it takes. Each queue has its own lock, under which nothing
// waits. A Server waits for all goroutines of its connections in Drain.
package conn
