// Package catalog holds the datasets: groups, their torrents, and the
// vocabularies by which they are described. A group is what all its torrents
// share (title, organism, authors); a torrent is one file set of it.
//
// It is the only writer of its tables (see the migrations). Deleted torrents keep
// their rows, so that ids and info-hashes are never used twice, but no listing
// shows them and nobody can download them. A group without a live torrent is not
// shown either.
//
// Few may know who uploaded anonymously: every read takes a Viewer and fills in the
// uploader only for those who may see it.
//
// Concurrency: a Store is safe for concurrent use by any number of processes.
// Two uploads of the same data at once meet at a unique key, and one wins.
package catalog

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// Options configure the store. Zero fields of Rules mean the defaults.
type Options struct {
	SiteName string // the beginning of info.source, such as "BioTorrents"
	SiteURL  string // where the site is, for permalinks: "https://example.org"
	Rules    Rules
}

// Rules are the lengths that a site may choose. A zero means the default; a
// negative number means no minimum.
type Rules struct {
	MinTags        int // default 5
	MinTitle       int // characters, default 10
	MinDescription int // characters, default 20
}

func (r Rules) withDefaults() Rules {
	def := func(n, d int) int {
		if n == 0 {
			return d
		}
		return max(n, 0)
	}
	return Rules{MinTags: def(r.MinTags, 5), MinTitle: def(r.MinTitle, 10), MinDescription: def(r.MinDescription, 20)}
}

// Store reads and writes the catalogue.
type Store struct {
	db    db.Conn
	log   *eventlog.Log
	clock core.Clock
	opt   Options
	few   int   // how many rows of a rare condition are looked at; see find
	steps []int // how many where none is rare; see walkOn

	shelves *shelves
}

// NewStore returns a store. Call Seed once before the first upload.
func NewStore(d *db.DB, log *eventlog.Log, clock core.Clock, o Options) *Store {
	o.Rules = o.Rules.withDefaults()
	o.SiteURL = strings.TrimRight(o.SiteURL, "/")
	return &Store{db: d, log: log, clock: clock, opt: o, few: 5000, steps: steps, shelves: &shelves{}}
}

// In returns the store bound to tx: what it reads and writes is part of that
// transaction. It must not be used after the transaction's end.
func (s *Store) In(tx *db.Tx) *Store {
	bound := *s
	bound.db = tx
	return &bound
}

// Rules returns the rules in force, for forms to show.
func (s *Store) Rules() Rules { return s.opt.Rules }

// Permalink returns the address of a torrent that survives regrouping.
func (s *Store) Permalink(id core.TorrentID) string {
	return s.opt.SiteURL + "/torrents/" + strconv.FormatInt(int64(id), 10)
}

// slug is the site's name as it stands in info.source.
func (s *Store) slug() string {
	name := strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return '-'
	}, s.opt.SiteName)
	name = strings.Trim(name, "-")
	if u, err := url.Parse(s.opt.SiteURL); name == "" && err == nil && u.Hostname() != "" {
		name = u.Hostname()
	}
	if name == "" {
		name = "caduceus"
	}
	return name[:min(len(name), 64)]
}
