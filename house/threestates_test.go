package house

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/internal/setting"
	"github.com/caduceus-bio/caduceus/internal/support"
)

// furnish makes what the acts are about.
func (h *House) furnish(ctx context.Context, t *testing.T) error {
	ann, err := h.Members.ByName(ctx, "ann")
	if err != nil {
		return err
	}
	if err := h.dataset(ctx, t, ann.ID); err != nil {
		return err
	}
	author := pages.By{ID: ann.ID, Name: ann.Name}
	for n, text := range []string{"Be kind.", "Be kind to each other."} {
		if _, err := h.pages.Edit(ctx, "rules", pages.Draft{Base: int64(n), Title: "Our rules", Source: text}, author); err != nil {
			return err
		}
	}
	if _, err := h.pages.Edit(ctx, "terms", pages.Draft{Title: "Our terms", Source: "Be fair."}, author); err != nil {
		return err
	}
	if _, err := h.pages.AddNews(ctx, pages.Draft{Title: "We are there", Source: "Come in."}, author); err != nil {
		return err
	}
	if _, _, err := h.settings.Set(ctx, 0, setting.RegistrationMode.Name, setting.ModeApplication); err != nil {
		return err
	}
	for i, name := range []string{"bob", "bea"} {
		form := invite.ApplyForm{Name: name, Email: name + "@lab.example", Answers: map[int64]string{1: "Yeast.", 3: "From ann."},
			Human: invite.Human{Stamp: h.invites.Stamps().Stamp(time.Now().Add(-time.Minute))}}
		if a, _, err := h.invites.Apply(ctx, form); err != nil || a.ID != int64(i+1) {
			return fmt.Errorf("application %d, %w", a.ID, err)
		}
	}
	if _, err := h.invites.Make(ctx, ann.ID, invite.New{}); err != nil {
		return err
	}
	if _, err := h.support.Open(ctx, support.Form{Category: support.Question, Subject: "About yeast", Text: "Who runs this?", Email: "eve@lab.example",
		Human: invite.Human{Stamp: h.support.Stamps().Stamp(time.Now().Add(-time.Minute))}}); err != nil {
		return err
	}
	return h.DB.Tx(ctx, func(tx *db.Tx) error {
		for id := range 2 {
			if _, err := tx.Insert(ctx, "event_skipped", db.Row{"consumer", "jobs", "event_id", id + 1, "kind", "JobRequested", "at", 1, "body", "{}",
				"state", eventlog.StateFault, "error", "a fault", "tries", 5, "since", 2}); err != nil {
				return err
			}
		}
		return nil
	})
}

// dataset uploads a torrent.
func (h *House) dataset(ctx context.Context, t *testing.T, by core.MemberID) error {
	path := filepath.Join(t.TempDir(), "data.fasta")
	if err := os.WriteFile(path, []byte(strings.Repeat("ACGT", 5000)), 0o600); err != nil {
		return err
	}
	file, err := metainfo.Build(ctx, path, metainfo.BuildOptions{Format: metainfo.V1, Private: true})
	if err != nil {
		return err
	}
	v, err := h.catalog.Vocabulary(ctx, 1)
	if err != nil {
		return err
	}
	_, err = h.catalog.Add(ctx, catalog.Upload{
		Uploader: by, File: catalog.ReadFile(file, metainfo.Limits{}),
		GroupForm: catalog.GroupForm{Category: 1, Title: "Yeast reference assembly", Subject: "Saccharomyces cerevisiae", Creators: []string{"A. Author"}, Workgroup: "Lab",
			Location: "Here", Year: 2023, Tags: []string{"yeast", "genome", "s288c", "assembly", "reference"}, Description: "A dataset that the acts of staff are about."},
		Torrent: catalog.TorrentForm{Platform: v.Platforms[0].Terms[0].Name, Format: v.Formats[0].Terms[0].Name, Archive: v.Archives[0].Terms[0].Name,
			Scope: v.Scopes[0].Terms[0].Name, License: v.Licenses[0].Terms[0].Name},
	})
	return err
}

var (
	inBody = regexp.MustCompile(`"(By|by)":("[^"]*"|\d+)`)
	at10   = regexp.MustCompile(`\b1[0-9]{9}\b`) // an instant in seconds
	aToken = regexp.MustCompile(`\b[0-9a-f]{16,}\b`)
	entry  = regexp.MustCompile(`entry"?[: ]\d+`)
	inZone = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]*"`)
)

// events are the events after one, apart from instants.
func (f *face) events(after int64) []string {
	f.t.Helper()
	list, err := db.All(f.ctx, f.DB, func(s db.Scanner) (string, error) {
		var kind, body string
		err := s.Scan(&kind, &body)
		body = entry.ReplaceAllString(body, "ENTRY")
		body = inZone.ReplaceAllString(at10.ReplaceAllString(inBody.ReplaceAllString(body, `"$1":ACTOR`), "WHEN"), "WHEN")
		return "event " + kind + " " + body, err
	}, "SELECT kind, body FROM event WHERE id > ? ORDER BY id", after)
	f.must(err)
	return list
}

// ofTheRooms are the tables that say by which way who came and what was asked, and in which
// the rooms keep what is their own.
var ofTheRooms = []string{"audit", "event", "event_sequence", "event_cursor", "pending_act", "session", "security_log", "guess", "guess_held",
	"irc_message", "irc_marker", "turn", "write_probe", "lease", "goose_db_version"}

// notTheAct are columns with what is random, or with what the rooms write by themselves.
var notTheAct = []string{"password_hash", "seen_at", "irc_at", "topic", "topic_at"}

// byWhom are columns that name who acted: the shell is nobody.
var byWhom = regexp.MustCompile(`^(by|author|author_(id|name)|face|.*_by|(.*_)?by_(id|name)|(begun|ended)_name)$`)

// tables are all rows of the tables, apart from instants, from what is random, and from who
// acted.
func (f *face) tables() map[string][]string {
	f.t.Helper()
	names, err := db.All(f.ctx, f.DB, db.Value[string], "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")
	f.must(err)
	out := map[string][]string{}
	for _, table := range names {
		if slices.Contains(ofTheRooms, table) {
			continue
		}
		out[table] = f.rows(table)
	}
	return out
}

func (f *face) rows(table string) (out []string) {
	f.t.Helper()
	rows, err := f.DB.QueryContext(f.ctx, "SELECT * FROM "+table)
	f.must(err)
	defer func() { f.must(rows.Close()) }()
	columns, err := rows.Columns()
	f.must(err)
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		f.must(rows.Scan(into...))
		row := ""
		for i, c := range columns {
			if table == "invite" && c == "inviter_id" || table == "one_time_link" && c == "member_id" { // who let an applicant in
				c = "by_id"
			}
			row += c + "=" + settled(c, values[i]) + " "
		}
		out = append(out, row)
	}
	f.must(rows.Err())
	slices.Sort(out)
	return out
}

// settled is a value as far as it depends on what was done.
func settled(column string, value any) string {
	if slices.Contains(notTheAct, column) {
		return ""
	}
	switch v := value.(type) {
	case int64:
		if v > 1_000_000_000 && v < 4_000_000_000 {
			return "WHEN"
		}
	case []byte:
		return fmt.Sprintf("sealed: %t", len(v) > 0)
	case string:
		value = aToken.ReplaceAllString(anInstant.ReplaceAllString(at10.ReplaceAllString(v, "WHEN"), "WHEN"), "TOKEN")
		value = strings.ReplaceAll(value.(string), "sysop (staff) wrote", "Staff wrote") // the shell has no name
	}
	if byWhom.MatchString(column) {
		return "WHO"
	}
	return fmt.Sprint(value)
}
