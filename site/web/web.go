// Package web is what the wings of the site share: who visits and what they may
// do, routes and what they need, pages and their frame, forms, cookies, limits,
// and the one place where an error becomes an answer.
//
// A wing gives a Wing: its routes, its views and its templates. It imports this
// package and the domain, and never another wing. A handler gets a Visit and
// returns an error; it checks no permission, since its route says what it needs.
// gin is the router under it and shows nowhere in this package's interface.
//
// Concurrency: one goroutine for each request. A Site does not change once it is
// made; its limiters, meters and stores lock themselves. A Visit belongs to its
// request and its goroutine.
package web

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/setting"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// Config is what all wings are told of the site.
type Config struct {
	Name string
	URL  string // as configured, such as "https://data.example.org"
	IRC  IRCInfo
	// TrustedProxies are the addresses or networks whose X-Forwarded-For and
	// X-Real-IP headers are believed.
	TrustedProxies []string
	// KeyAttempts is how many wrong API tokens and download links from an address are
	// answered as such within a quarter of an hour.
	KeyAttempts int
	// APIRequests is how many requests an API token may make in a minute, and how many
	// downloads the keys of a link.
	APIRequests int
}

// IRCInfo tells members how to reach the IRC network. Without a host the pages
// do not speak of IRC.
type IRCInfo struct {
	Host      string
	TLSPort   int
	PlainPort int // 0: TLS only
	// Fingerprint is the SHA-256 of a self-signed certificate; may be "".
	Fingerprint string
	// Certificate returns the same for a network that makes its certificate itself; nil
	// for any other.
	Certificate func(context.Context) (string, error)
	NickLimit   int // how many nicks members may register besides their names
	// Bot is whom members tell who they are, on a network without SASL; else "".
	Bot string
}

// Base is the public address without a slash at its end.
func (c Config) Base() string { return strings.TrimRight(c.URL, "/") }

func (c Config) secure() bool { return strings.HasPrefix(c.URL, "https://") }

// Deps is what the shared part stands on. Wings have their own.
type Deps struct {
	Keys    *secret.Keyring
	Members *member.Store
	Economy *economy.Store
	// Transfer tells what came of announces.
	Transfer *transfer.Store
	// Permalink is the lasting address of a torrent.
	Permalink func(core.TorrentID) string
	Settings  *setting.Store
	// ByMail reports whether the site can send mail.
	ByMail    func() bool
	Clock     core.Clock
	Log       *slog.Logger
	Meters    *Meters
	Rates     *rates.Book
	Bans      *ban.Book // may be nil: nobody is banned
	UploadDir string    // where unfinished uploads lie; nothing else does
}

// Wing is a part of the site: its addresses, and the pages that they show.
type Wing struct {
	Routes []Route
	// Templates holds <name>.html for each view; files called part_*.html may be
	// used by all pages of the wing.
	Templates fs.FS
	// Views are all views of the wing. A template that belongs to none of them is
	// an error at start, and so is a view without a template.
	Views []Declared
}

// Site is all wings together, ready to serve.
type Site struct {
	Deps
	config   Config
	routes   []Route
	needs    map[string]Need // of pages, by address
	assets   *assets
	pages    *templates
	wrong    *rates.Limit // keys and tokens, by address
	tokens   *rates.Limit // uses of each API token
	links    *rates.Limit // downloads by each member's keys
	crossing *http.CrossOriginProtection
	intake   *intake
}

// wrongPeriod is the time within which wrong links and tokens are counted.
const wrongPeriod = 15 * time.Minute

//go:embed *.html
var ownTemplates embed.FS

// New puts the site together. It parses every template and executes it once with
// empty data, so that a mistake shows at start and not to a member.
func New(c Config, d Deps, wings ...Wing) (*Site, error) {
	a, err := loadAssets()
	if err != nil {
		return nil, err
	}
	in, err := newIntake(d.UploadDir, d.Log)
	if err != nil {
		return nil, err
	}
	s := &Site{intake: in,
		Deps: d, config: c, assets: a,
		wrong:    d.Rates.Limit("wrong keys on the site", rates.Rate{N: c.KeyAttempts, Per: wrongPeriod}),
		tokens:   d.Rates.Limit("API requests", rates.Rate{N: c.APIRequests, Per: time.Minute}),
		links:    d.Rates.Limit("downloads by link", rates.Rate{N: c.APIRequests, Per: time.Minute}),
		crossing: http.NewCrossOriginProtection(),
	}
	if err := s.crossing.AddTrustedOrigin(c.Base()); err != nil {
		return nil, fmt.Errorf("site url: %w", err)
	}
	for _, w := range wings {
		s.routes = append(s.routes, w.Routes...)
	}
	s.routes = append(s.routes, s.ownRoutes()...)
	if err := distinct(s.routes); err != nil {
		return nil, err
	}
	s.needs = needs(s.routes)
	for _, r := range s.routes {
		if r.Limit()+apology >= AnswerTime {
			return nil, fmt.Errorf("the route %s %s may take %v, longer than an answer", r.Method, r.Path, r.Limit())
		}
	}
	s.pages, err = parseTemplates(functions(a, d.Clock), wings)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Routes lists every address of the site in the order in which they are mounted.
func (s *Site) Routes() []Route { return slices.Clone(s.routes) }

// ownRoutes are the addresses that belong to no wing.
func (s *Site) ownRoutes() []Route {
	return []Route{
		Page.Get("/favicon.ico", Everyone, s.favicon),
		Page.Get("/assets/*name", Everyone, s.asset),
	}
}
