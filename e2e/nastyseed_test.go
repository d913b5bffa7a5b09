package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

// nastyHouse is the program under test with a database of some size, and those who are
// nasty to it.
type nastyHouse struct {
	t              *testing.T
	h              *house
	ann, zed, boss *account // members, and a sysop for what only staff may open
	client         *http.Client
	idle           int64 // bytes of memory that the program takes at rest
	costs          []cost
	statuses       map[int]int
	heard          map[string]int // answers, by who gave them

	own, files uploaded // of ann: a small torrent, and one of many files
}

// What seed puts into the database, by ids.
const (
	lightGroups = 24_000 // from 1001 on, each with one torrent
	heavyGroups = 100    // behind them, each as large as a group may be
	firstGroup  = 1001
	firstHeavy  = firstGroup + lightGroups
	lastHeavy   = firstHeavy + heavyGroups - 1
	perHeavy    = 60  // torrents of each
	ofOneGroup  = 600 // torrents of the last
)

func newNastyHouse(t *testing.T) *nastyHouse {
	t.Helper()
	n := &nastyHouse{t: t, statuses: map[int]int{}, heard: map[string]int{}, client: &http.Client{
		Timeout:       2 * patience,
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConns: 4},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(n.client.CloseIdleConnections)
	n.h = build(t, onSQLite)
	n.ann, n.zed, n.boss = n.h.member("ann", "Power User"), n.h.member("zed", "Power User"), n.h.member("boss", "Sysop")
	n.h.procs["serve"].stop(t, syscall.SIGTERM)
	n.seed()
	n.h.open("serve")
	n.own = n.ann.upload(manyFiles("own", 3, "f", ""), "A dataset to edit")
	n.files = n.ann.upload(manyFiles("many", 100_000, strings.Repeat("folder/", 8), ""), "A dataset of many files")
	n.restart()
	return n
}

// seed fills the database past the program, which is not running.
func (n *nastyHouse) seed() {
	n.t.Helper()
	c := db.DefaultConfig()
	c.Path = filepath.Join(n.h.dir, "var", "caduceus.db")
	d, ctx := dbtest.Reopen(n.t, c), n.t.Context()
	now := time.Now()
	err := d.Tx(ctx, func(tx *db.Tx) error {
		ann, _, err := db.One(ctx, tx, db.Value[int64], "SELECT id FROM member WHERE name = 'ann'")
		if err != nil {
			return err
		}
		values := strings.NewReplacer("$ann", fmt.Sprint(ann), "$now", fmt.Sprint(now.Unix()), "$light", fmt.Sprint(lightGroups), "$heavy", fmt.Sprint(heavyGroups),
			"$first", fmt.Sprint(firstGroup), "$big", fmt.Sprint(firstHeavy), "$last", fmt.Sprint(lastHeavy), "$per", fmt.Sprint(perHeavy), "$one", fmt.Sprint(ofOneGroup),
			"$said", fmt.Sprint(int64(irc.FirstOf(now.Add(-24*time.Hour)))),
			"$signs255", strings.Repeat("<", 254)+"a", "$signs128", strings.Repeat("<", 127)+"a", "$signs64", strings.Repeat("<", 63)+"a",
			"$deep", strings.Repeat("/d", 60), "$url", "http://example.org/"+strings.Repeat("&", 493), "$note", strings.Repeat("<em>a</em> ", 90_000), "$doi", "10.1038/"+strings.Repeat("<", 240))
		for _, statement := range seeds {
			if _, err := tx.Exec(ctx, values.Replace(statement)); err != nil {
				return fmt.Errorf("%.200s: %w", statement, err)
			}
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

// counted is a part of a statement: the numbers from 0 up to a limit, as s.n.
func counted(most string) string {
	return "WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n + 1 < " + most + ") "
}

const torrentColumns = `INSERT INTO torrent (group_id, uploader_id, anonymous, platform, format, archive, scope, license, version, annotated, description,
	description_html, description_renderer, seqhash, leech, leech_reason, name, info_hash, source, size, file_count, piece_length, created_at, updated_at, deleted_at, deleted_by, delete_reason) `

// seeds are statements of SQLite.
var seeds = []string{
	counted("$light") + `INSERT INTO torrent_group (id, category_id, title, subject, object, year, workgroup, location, identifier, picture, description, revision, created_at, updated_at, words_version)
		SELECT $first + n, 1 + n % 3, 'Dataset ' || n, '', '', 2020, 'Lab', '', '', '', 'A description', 1, 1, 1, 1 FROM s`,
	counted("$light") + torrentColumns + `SELECT $first + n, $ann, 0, 'Sanger', 'FASTA', 'None', 'Genome', 'CC0', '', 0, '', '', 0, '', 'normal', '', 'data', randomblob(20), 'x', 1000, 1, 16384, 1, 1, 0, 0, '' FROM s`,
	counted("$heavy") + `INSERT INTO torrent_group (id, category_id, title, subject, object, year, workgroup, location, identifier, picture, description, description_html, description_renderer, revision, created_at, updated_at, words_version)
		SELECT $big + n, 1, '$signs255', '$signs255', '$signs255', 2020, '$signs128', '$signs128', '$signs64', '', '$note', '$note', 1, 1, 1, 1, 1 FROM s`,
	counted("$per") + torrentColumns + `SELECT g.id, $ann, 0, '$signs64', '$signs64', '$signs64', '$signs64', '$signs64', '1.0.0', 1, '', '', 0, '', 'free', '$signs255',
		'$signs255', randomblob(20), 'x', 1000, 1000, 16384, 1, 1, 0, 0, '' FROM torrent_group g, s WHERE g.id >= $big ORDER BY g.id`,
	counted("$one") + torrentColumns + `SELECT $last, $ann, 0, '$signs64', 'FASTA', 'None', '$signs64', 'CC0', '1.0.0', 1, CASE WHEN n > $one - 20 THEN '$note' ELSE '' END,
		CASE WHEN n > $one - 20 THEN '$note' ELSE '' END, 1, '', 'normal', '', '$signs255', randomblob(20), 'x', 1000, 1000, 16384, 1, 1, 0, 0, '' FROM s`,
	`INSERT INTO group_live (group_id, category_id, newest, torrents, size) SELECT g.id, g.category_id, MAX(t.id), COUNT(*), SUM(t.size)
		FROM torrent t JOIN torrent_group g ON g.id = t.group_id GROUP BY g.id, g.category_id`,
	`DELETE FROM catalog_sum`,
	`INSERT INTO catalog_sum (category_id, group_count, torrents, size) SELECT category_id, COUNT(*), SUM(torrents), SUM(size) FROM group_live GROUP BY category_id`,
	`INSERT INTO torrent_mirror (torrent_id, position, url) SELECT t.id, p.n, '$url' FROM torrent t, (SELECT 0 AS n UNION SELECT 1) p WHERE t.group_id >= $big`,
	counted("500") + `INSERT INTO creator (id, name) SELECT 1000 + n, printf('%036d', n) || '<<<a' FROM s`,
	counted("500") + `INSERT INTO group_creator (group_id, position, creator_id) SELECT g.id, s.n, 1000 + s.n FROM torrent_group g, s WHERE g.id >= $big`,
	`INSERT INTO group_creator (group_id, position, creator_id) SELECT id, 0, 1000 FROM torrent_group WHERE id < $big AND id >= $first`,
	counted("50") + `INSERT INTO tag (id, name) SELECT 1000 + n, printf('%064d', n) FROM s`,
	counted("50") + `INSERT INTO group_tag (group_id, tag_id, position) SELECT g.id, 1000 + s.n, s.n FROM torrent_group g, s WHERE g.id >= $big`,
	counted("2") + `INSERT INTO group_tag (group_id, tag_id, position) SELECT g.id, 1000 + s.n, s.n FROM torrent_group g, s WHERE g.id < $big AND g.id >= $first`,
	counted("10") + `INSERT INTO group_literature (group_id, position, doi) SELECT g.id, s.n, printf('$doi%d', s.n) FROM torrent_group g, s WHERE g.id >= $big`,
	counted("4") + `INSERT INTO group_word (word, group_id) SELECT CASE n WHEN 0 THEN 'common' WHEN 1 THEN CASE g.id % 2 WHEN 0 THEN 'even' ELSE 'odd' END ELSE printf('w%d', g.id * n % 900) END, g.id
		FROM torrent_group g, s WHERE g.id < $big AND g.id >= $first ON CONFLICT DO NOTHING`,
	counted("2000") + `INSERT INTO group_word (word, group_id) SELECT printf('zz%062d', s.n), g.id FROM torrent_group g, s WHERE g.id >= $big`,
	// Each file in folders of its own, for the last torrents.
	counted("1000") + `INSERT INTO torrent_file (torrent_id, position, path, size) SELECT t.id, s.n, s.n || '$deep', 1 FROM (SELECT id FROM torrent ORDER BY id DESC LIMIT 6) t, s`,
	counted("5000") + `INSERT INTO announce_record (member_id, ring, slot, torrent_id, at, announces, event, client, families, public, port, announced_up, announced_down, credited_up, credited_down, bytes_left, leech, outcome)
		SELECT $ann, 1 + n / 100, n % 100, $first + n % 7, $now - n, 1, 'started', '-TR4000-', 1, 1, 'open', 1, 1, 1, 1, 1, 'normal', 'ok' FROM s`,
	`INSERT INTO swarm_watch (torrent_id, seeders, since) SELECT id, id % 2, 1 FROM torrent WHERE group_id >= $first`,
	counted("4320") + `INSERT INTO tracker_minute (tracker, minute, seconds, announces, scrapes, refused, refusals, seeders, leechers, peers4, peers6, torrents, p50, p99, worst, unwritten, flush_age, event_read, event_last, event_lag)
		SELECT printf('t%d', n % 3), ($now / 60 - n / 3) * 60, 60, 100, 100, 100, '{"key":100}', 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 FROM s`,
	counted("20000") + `INSERT INTO leech_window (source, state, torrent_id, member_id, starts_at, ends_at, reason, created_by, created_at, ended_by)
		SELECT 'staff', 'free', 0, CASE WHEN n < 100 THEN 0 WHEN n < 120 THEN $ann ELSE 900000 + n END, $now - 10, $now + 86400 + n, '$signs255', 1, 1, 0 FROM s`,
	counted("1000") + `INSERT INTO session (token_mac, member_id, agent, created_at, seen_at, expires_at) SELECT randomblob(32), $ann, '$signs255', $now, $now, $now + 86400 FROM s`,
	counted("30000") + `INSERT INTO irc_message (target, id, kind, source, account, account_id, bot, text, tags)
		SELECT '#general', $said + n * 1048576, 'PRIVMSG', 'ann!ann@host', 'ann', $ann, 0, printf('%0390d', n), '' FROM s`,
}

// as is what lets somebody in who may open an address.
func (n *nastyHouse) as(r siteRoute) http.Header {
	who := n.ann
	switch {
	case r.last() > "a":
		who = n.zed
	case strings.HasPrefix(r.need, "tracker.read"), strings.HasPrefix(r.need, "member."):
		who = n.boss
	case r.need == "" || r.need == "anyone":
		return http.Header{}
	}
	if r.kind == "api" {
		return http.Header{"Authorization": {"Bearer " + who.token}}
	}
	u, err := url.Parse(n.h.site)
	if err != nil {
		n.t.Fatal(err)
	}
	var list []string
	for _, c := range who.browser.Jar.Cookies(u) {
		list = append(list, c.Name+"="+c.Value)
	}
	return http.Header{"Cookie": {strings.Join(list, "; ")}}
}

// place is the address of a route for something that is there.
func (n *nastyHouse) place(r siteRoute) string { return n.placeOf(r, "") }

var pathPart = regexp.MustCompile(`[:*][a-z]+`)

// placeOf is the address of a route with value in all places that it leaves open, or with
// something that is there.
func (n *nastyHouse) placeOf(r siteRoute, value string) string {
	path := pathPart.ReplaceAllStringFunc(r.path, func(part string) string {
		switch {
		case value != "":
			return value
		case strings.Contains(r.path, "/groups/"):
			return fmt.Sprint(n.own.GroupID)
		case part == ":id" && r.body > 0:
			return fmt.Sprint(n.own.TorrentID)
		case part == ":id":
			return fmt.Sprint(n.files.TorrentID)
		case part == ":name":
			return "ann"
		case part == "*name":
			return "app.css"
		case part == ":page":
			return "irc"
		case part == ":command":
			return "search"
		}
		return "1"
	})
	if r.action != "" && r.action != "-" {
		path += "?action=" + r.action
	}
	return path
}

// values are the fields of a form on a page of ann's, as they are.
func (n *nastyHouse) values(path string) url.Values {
	n.t.Helper()
	out := url.Values{}
	form := n.ann.get(path).Find("form[action='" + path + "']")
	form.Find("input[name], textarea[name], select[name]").Each(func(_ int, in *goquery.Selection) {
		name := in.AttrOr("name", "")
		switch {
		case in.Is("textarea"):
			out.Set(name, in.Text())
		case in.Is("select"):
			out.Set(name, in.Find("option[selected]").AttrOr("value", in.Find("option[selected]").Text()))
		case in.AttrOr("type", "") != "checkbox":
			out.Set(name, in.AttrOr("value", ""))
		}
	})
	if len(out) == 0 {
		n.t.Fatalf("%s has no form for itself", path)
	}
	return out
}

func text(s string) func() io.Reader { return func() io.Reader { return strings.NewReader(s) } }
