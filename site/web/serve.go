package web

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"mime/multipart"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// AnswerTime is how long a request and its answer may take together.
const AnswerTime = time.Minute

// Handler is the whole site as one handler.
func (s *Site) Handler() (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false // it trusts headers that anyone can send
	if err := e.SetTrustedProxies(s.config.TrustedProxies); err != nil {
		return nil, fmt.Errorf("trusted_proxies: %w", err)
	}
	var order []place
	byPlace := map[place][]Route{}
	for _, r := range s.routes {
		p := place{r.Method, r.Path}
		if byPlace[p] == nil {
			order = append(order, p)
		}
		byPlace[p] = append(byPlace[p], r)
	}
	for _, p := range order {
		h := func(c *gin.Context) { s.dispatch(c, byPlace[p]) }
		e.Handle(p.method, p.path, h)
		if p.method == http.MethodGet {
			e.HEAD(p.path, h)
		}
	}
	e.NoRoute(func(c *gin.Context) {
		s.refuse(c, "(none)", kindOf(c), NotFound("there is no such page; it may have been moved or deleted"))
	})
	e.NoMethod(func(c *gin.Context) {
		s.refuse(c, "(none)", kindOf(c), WithStatus(http.StatusMethodNotAllowed,
			core.Errorf(core.Invalid, "this address can't be used in that way")))
	})
	return e, nil
}

func kindOf(c *gin.Context) Kind {
	if strings.HasPrefix(c.Request.URL.Path, "/api/") {
		return API
	}
	return Page
}

// dispatch picks the route among those of one path by its query.
func (s *Site) dispatch(c *gin.Context, routes []Route) {
	for _, r := range routes {
		if r.Action == "" || c.Query("action") == r.Action {
			s.serve(c, r)
			return
		}
	}
	s.refuse(c, routes[0].Path, routes[0].Kind, NotFound("there is no such page"))
}

// refuse answers with an error on an address that has no route.
func (s *Site) refuse(c *gin.Context, path string, k Kind, err error) {
	s.serve(c, Route{Path: path, Kind: k, Need: Anyone, Serve: func(*Visit) error { return err }})
}

// serve runs one route: headers, limits, who asks, whether they may, and then
// the handler. Whatever fails is answered in one place.
func (s *Site) serve(c *gin.Context, r Route) {
	started := time.Now()
	v := s.visit(c, r)
	var tally *db.Tally
	v.ctx, tally = db.WithTally(v.ctx, nil)
	defer func() {
		s.Meters.request(r.Path, c.Writer.Status(), time.Since(started), tally.Statements())
	}()
	defer s.recover(v)
	defer func() { v.body.close() }()
	s.headers(v)
	if err := s.answer(v, r); err != nil {
		s.fail(v, overtime(v, r, err))
	}
}

// answer lets the visitor in and runs the handler, both within the route's time. How
// long a form takes to come in depends on the visitor's line, and is limited by the
// server.
func (s *Site) answer(v *Visit, r Route) error {
	if err := s.refuseBanned(v, r); err != nil {
		return err
	}
	left := r.Limit()
	started := time.Now() // the network's time, not the house's
	err := v.within(left, func() error { return s.admit(v, r) })
	left -= time.Since(started)
	if err != nil {
		return err
	}
	if err := s.readForm(v, r); err != nil {
		return err
	}
	return s.inTurn(v, func() error { return v.within(left, func() error { return r.Serve(v) }) })
}

// within runs f with a context that ends after some time.
func (v *Visit) within(d time.Duration, f func() error) error {
	outer := v.ctx
	ctx, cancel := context.WithTimeout(outer, d)
	defer cancel()
	defer func() { v.ctx = outer }()
	v.ctx = ctx
	err := f()
	v.late = v.late || outer.Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded)
	return err
}

// overtime words an error that comes from the end of the route's time. What the
// handler has worded itself stays.
func overtime(v *Visit, r Route, err error) error {
	var go303 redirection
	if errors.As(err, &go303) || !v.late && !db.TimedOut(err) {
		return err
	}
	if t := db.TroubleOf(err); core.CodeOf(err) != core.Internal && t != db.Slow && t != db.Away {
		return err
	}
	advice := "ask for less at once, or try again in a minute"
	if r.Body > 0 {
		advice = "look whether it was done before you try again"
	}
	return &core.Error{Code: core.Unavailable, Cause: err,
		Text: fmt.Sprintf("this took longer than the %s that it may, so it was broken off; %s", InWords(r.Limit()), advice)}
}

// admit lets the visitor in: where they come from, who they are, what they may do.
func (s *Site) admit(v *Visit, r Route) error {
	if r.Kind != API {
		if err := s.crossing.Check(v.Request); err != nil {
			return WithStatus(http.StatusForbidden, &core.Error{Code: core.Forbidden, Cause: err,
				Text: "this form was sent from another site, so nothing was done; open the page here and try again"})
		}
	}
	if v.Request.ContentLength > r.Body {
		return tooLarge(r.Body)
	}
	if err := s.identify(v, r.Need); err != nil {
		return err
	}
	return permit(v, r.Need)
}

// readForm parses the body of a form before its handler asks for the fields,
// which would hide what is wrong with it.
func (s *Site) readForm(v *Visit, r Route) error {
	if r.Body == 0 {
		return nil
	}
	mediaType, params, err := mime.ParseMediaType(v.Header("Content-Type"))
	parts := err == nil && mediaType == "multipart/form-data"
	if !parts && v.Request.ContentLength != 0 && (err != nil || mediaType != "application/x-www-form-urlencoded") {
		return WithStatus(http.StatusUnsupportedMediaType, core.Errorf(core.Invalid, "send a form: multipart/form-data or application/x-www-form-urlencoded"))
	}
	most, texts := r.Body, r.Body
	if len(r.files) > 0 {
		texts = min(texts, Large)
	}
	if !parts {
		most = texts // files come in parts
	}
	if err := s.takeIn(v, r, most, parts && len(r.files) > 0); err != nil {
		return err
	}
	if parts {
		v.Request.PostForm, err = v.body.readParts(multipart.NewReader(v.Request.Body, params["boundary"]), r.files, texts)
		if err == nil && len(r.files) > 0 {
			err = v.moreTime() // a deadline for reading that passes would end the request
		}
	} else {
		err = v.Request.ParseForm()
	}
	var tooBig *http.MaxBytesError
	var ours *core.Error
	switch {
	case errors.As(err, &tooBig):
		return tooLarge(tooBig.Limit)
	case errors.As(err, &ours):
		return err
	}
	return core.Wrap(err, core.Invalid, "the form is damaged and can't be read")
}

// takeIn makes room for a body of at most the given size.
func (s *Site) takeIn(v *Visit, r Route, most int64, files bool) error {
	size := v.Request.ContentLength
	if size > most {
		return tooLarge(most)
	}
	if size < 0 {
		size = most
	}
	if size <= Small && !files {
		size = 0 // as little as the request's head
	}
	var err error
	if v.body, err = s.intake.take(v.sender(), size, files, r.Body); err != nil {
		v.SetHeader("Connection", "close") // the body is not waited for
		return err
	}
	v.Request.Body = http.MaxBytesReader(v.gin.Writer, v.Request.Body, most)
	if !files {
		return nil
	}
	v.Request.Body = &paced{ReadCloser: v.Request.Body, rc: http.NewResponseController(v.gin.Writer), begun: time.Now()}
	return v.moreTime()
}

// moreTime lets what is left of a request take as long as a large file may.
func (v *Visit) moreTime() error {
	rc := http.NewResponseController(v.gin.Writer)
	until := time.Now().Add(uploadTime + turnTime + AnswerTime) // the network's time, not the house's
	err := errors.Join(rc.SetReadDeadline(until), rc.SetWriteDeadline(until))
	if errors.Is(err, http.ErrNotSupported) {
		return nil // a test without a network
	}
	return err
}

// recover answers for a handler that panicked.
func (s *Site) recover(v *Visit) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p) // net/http's own way to drop a connection
	}
	s.Meters.panics.Inc()
	s.Log.Error("a page panicked", "route", v.route, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if v.gin.Writer.Written() {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
	s.fail(v, core.Errorf(core.Internal, "panic"))
}

// contentPolicy lets a page use our own files only: no inline code or style, no
// frames, no other hosts.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (s *Site) headers(v *Visit) {
	v.SetHeader("Content-Security-Policy", contentPolicy)
	v.SetHeader("X-Content-Type-Options", "nosniff")
	v.SetHeader("X-Frame-Options", "DENY")
	v.SetHeader("Referrer-Policy", "same-origin")
	v.SetHeader("Cross-Origin-Opener-Policy", "same-origin")
	v.SetHeader("Cross-Origin-Resource-Policy", "same-origin")
	v.SetHeader("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	v.SetHeader("Cache-Control", "no-store")
	if s.config.secure() {
		v.SetHeader("Strict-Transport-Security", "max-age=31536000")
	}
}
