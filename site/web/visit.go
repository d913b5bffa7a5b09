package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/fair"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// Visit is one request: who makes it, what they ask, and the ways to answer. An
// answer is given once.
type Visit struct {
	Request *http.Request
	Me      member.Member  // the zero Member when nobody is logged in
	Session member.Session // of a browser
	Token   member.Token   // of a program
	Found   Found          // what the route's guard read

	site   *Site
	gin    *gin.Context
	kind   Kind
	route  string // its pattern, for logs and figures
	flash  Flash
	ctx    context.Context // the present stage's, with its end
	late   bool            // the route's time is over
	body   *body           // what came with the request; nil for nothing
	origin security.Origin // for the security log
}

// Found is what a guard read of the thing that the address names.
type Found struct {
	Torrent catalog.Torrent
	Group   catalog.Group
	Member  member.Member
}

func (s *Site) visit(c *gin.Context, r Route) *Visit {
	v := &Visit{Request: c.Request, site: s, gin: c, kind: r.Kind, route: r.Path}
	face := security.Site
	if r.Kind == API {
		face = security.API
	}
	address, _ := netip.ParseAddr(c.ClientIP()) // of a socket without one it is the zero Addr
	v.origin = security.Origin{Face: face, Address: address}
	// What is slow for this visitor waits in turn with what others want.
	v.ctx = fair.With(c.Request.Context(), guess.Source(v.Address()))
	if m := c.Request.Method; m == http.MethodGet || m == http.MethodHead {
		v.ctx = eventlog.Pinned(v.ctx) // nothing is written that this answer shows
	}
	return v
}

// knownAs notes for the security log who the visitor is and how they came.
func (v *Visit) knownAs(face security.Face) {
	v.origin.Face, v.origin.ByID, v.origin.ByName = face, v.Me.ID, v.Me.Name
}

// Context ends when the visitor goes, when the answer is given, or when the route's
// time is over. It descends from the request's own: gin uses its Context again for the
// next request, while a database driver may still look at the old one.
func (v *Visit) Context() context.Context { return security.With(v.ctx, v.origin) }

// In reports whether somebody is logged in.
func (v *Visit) In() bool { return v.Me.ID != 0 }

// Viewer is how the catalogue knows the visitor.
func (v *Visit) Viewer() catalog.Viewer {
	return catalog.Viewer{ID: v.Me.ID, SeeHidden: v.Me.Can(core.TorrentSeeHidden)}
}

// Param is a part of the address that the route's path names.
func (v *Visit) Param(name string) string { return v.gin.Param(name) }

// Query is a value of the address's query, "" when there is none.
func (v *Visit) Query(name string) string { return v.gin.Query(name) }

// QueryAll is every value of one name in the query.
func (v *Visit) QueryAll(name string) []string { return v.gin.QueryArray(name) }

// Form is a field of the form that was sent, "" when there is none.
func (v *Visit) Form(name string) string { return v.Request.PostForm.Get(name) }

// FormLines joins what was given under one name, as lines: a form sends one text
// area, a program may repeat the field.
func (v *Visit) FormLines(name string) string {
	return strings.Join(v.Request.PostForm[name], "\n")
}

// Ticked reports whether a box of the form is ticked.
func (v *Visit) Ticked(name string) bool {
	switch strings.ToLower(v.Form(name)) {
	case "1", "true", "on", "yes":
		return true
	}
	return false
}

// File is a file of the form, nil when there is none. The route says which fields are
// files.
func (v *Visit) File(name string) *Sent {
	if v.body == nil {
		return nil
	}
	return v.body.files[name]
}

// sender is who sends what lies in memory or on the disk: the member, or the address of
// somebody who is not logged in.
func (v *Visit) sender() string {
	if v.In() {
		return fmt.Sprintf("member %d", v.Me.ID)
	}
	return v.Address()
}

// Header is a header of the request.
func (v *Visit) Header(name string) string { return v.Request.Header.Get(name) }

// SetHeader sets a header of the answer.
func (v *Visit) SetHeader(name, value string) { v.gin.Writer.Header().Set(name, value) }

// Address is the bucket of whoever is on the other side: their address, or their
// network where one person has many.
func (v *Visit) Address() string {
	if a, err := netip.ParseAddr(v.gin.ClientIP()); err == nil {
		return guess.Place(a)
	}
	if a, err := netip.ParseAddrPort(v.Request.RemoteAddr); err == nil {
		return guess.Place(a.Addr())
	}
	return "unknown"
}

// Data answers with bytes of a media type.
func (v *Visit) Data(status int, mediaType string, data []byte) error {
	v.gin.Data(status, mediaType, data)
	return nil
}

// HTML answers with a page or a piece of one.
func (v *Visit) HTML(status int, page []byte) error {
	return v.Data(status, "text/html; charset=utf-8", page)
}

// Text answers with plain text.
func (v *Visit) Text(status int, text string) error {
	return v.Data(status, "text/plain; charset=utf-8", []byte(text))
}

// JSON answers with data as JSON.
func (v *Visit) JSON(status int, data any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // nobody takes it for HTML, and signs would take six times as much
	if err := enc.Encode(data); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return v.Data(status, "application/json; charset=utf-8", b.Bytes())
}

// NoContent answers that there is nothing to say.
func (v *Visit) NoContent() error {
	v.gin.Status(http.StatusNoContent)
	return nil
}

// Redirect sends the visitor to another address with a status of the kind 3xx.
func (v *Visit) Redirect(status int, to string) error {
	v.gin.Redirect(status, to)
	return nil
}

// SeeOther ends a form that was acted on, with a sentence for the next page.
func (v *Visit) SeeOther(to, good string) error {
	if good != "" {
		if err := v.Tell(Flash{Good: good}); err != nil {
			return err
		}
	}
	return RedirectTo(to)
}

// TooMany is the answer to a visitor who must wait. limit names the limit in the
// figures; text is the beginning of a sentence.
func (v *Visit) TooMany(limit string, wait time.Duration, text string) error {
	return v.site.tooMany(limit, wait, text)
}

// Number reads an id from the address, the query or a form; what is no id is 0,
// which nothing has.
func Number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
