package web

import (
	"bytes"
	"net/http"
	"runtime"

	"github.com/gin-gonic/gin"

	"github.com/caduceus-bio/caduceus/internal/fair"
)

// inTurn runs a handler. One that works on large files waits for its turn, since each takes
// several times their size of memory; its answer is sent after that, so that nobody's slow
// line holds up the others. The wait is none of the time that the route may take.
func (s *Site) inTurn(v *Visit, run func() error) error {
	if !v.body.large() {
		return run()
	}
	held := &heldAnswer{ResponseWriter: v.gin.Writer}
	v.gin.Writer = held
	defer func() { v.gin.Writer = held.ResponseWriter }()
	who := v.sender()
	var err error
	busy := s.intake.turn.Do(fair.With(v.Context(), fair.Source{Network: who, Address: who}), func() {
		defer runtime.GC() // what one leaves behind must not add to what the next takes
		err = run()
	})
	if busy != nil {
		return busy
	}
	if err == nil {
		held.send()
	}
	return err
}

// heldAnswer keeps an answer in memory until it is sent.
type heldAnswer struct {
	gin.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (h *heldAnswer) WriteHeader(status int) { h.status = status }

// WriteHeaderNow implements gin.ResponseWriter.
func (h *heldAnswer) WriteHeaderNow() {}

// Write implements io.Writer.
func (h *heldAnswer) Write(p []byte) (int, error) { return h.body.Write(p) }

// WriteString implements io.StringWriter.
func (h *heldAnswer) WriteString(text string) (int, error) { return h.body.WriteString(text) }

// Status implements gin.ResponseWriter.
func (h *heldAnswer) Status() int {
	if h.status == 0 {
		return http.StatusOK
	}
	return h.status
}

// Size implements gin.ResponseWriter.
func (h *heldAnswer) Size() int { return h.body.Len() }

// Written implements gin.ResponseWriter.
func (h *heldAnswer) Written() bool { return h.body.Len() > 0 }

// send sends it. Nothing can be done about a visitor who has gone.
func (h *heldAnswer) send() {
	h.ResponseWriter.WriteHeader(h.Status())
	if h.body.Len() > 0 {
		_, _ = h.ResponseWriter.Write(h.body.Bytes())
	}
}
