package ocelot

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Stats are what a report says about the tracker since its start.
type Stats struct {
	Started             time.Time
	Opened, Open        int64 // connections
	Announces, Answered int64 // all announces, and those that did not fail
	Scrapes             int64
	Seeders, Leechers   int64
	Waiting             int64 // sums that are not in the database yet
}

// report returns a report, in lines of "number name" as Gazelle reads them.
func (s *Server) report(ctx context.Context, p *params) (string, error) {
	switch p.text("get") {
	case "stats":
		return s.reportStats(), nil
	case "prom_stats":
		return s.reportPrometheus(), nil
	case "user":
		return s.reportUser(ctx, p)
	}
	return "", core.Errorf(core.Invalid, "there is no report of that name; there are stats, prom_stats and user")
}

func (s *Server) reportStats() string {
	st := s.o.Stats()
	var b strings.Builder
	up := s.o.Clock().Sub(st.Started)
	const day = 24 * time.Hour
	_, _ = fmt.Fprintf(&b, "Uptime: %d days, %02d:%02d:%02d\n", up/day, up%day/time.Hour, up%time.Hour/time.Minute, up%time.Minute/time.Second)
	for _, line := range []struct {
		n    int64
		name string
	}{
		{st.Opened, "connections opened"}, {st.Open, "open connections"},
		{st.Announces + st.Scrapes, "requests handled"}, {st.Answered, "successful announcements"},
		{st.Announces - st.Answered, "failed announcements"}, {st.Scrapes, "scrapes"},
		{st.Leechers, "leechers tracked"}, {st.Seeders, "seeders tracked"}, {st.Waiting, "items in user queue"},
		{int64(s.o.interval(s) / time.Second), "announce interval"}, {s.jitter.Load() / int64(time.Second), "announce jitter"},
	} {
		_, _ = fmt.Fprintf(&b, "%d %s\n", line.n, line.name)
	}
	return b.String()
}

// reportPrometheus returns the same figures for Prometheus, under the names of OPSnet's
// fork. The final "success" becomes a comment.
func (s *Server) reportPrometheus() string {
	st := s.o.Stats()
	return fmt.Sprintf("ocelot_uptime %d\nocelot_open_connections %d\nocelot_requests %d\nocelot_succ_announcements %d\nocelot_total_announcements %d\n"+
		"ocelot_scrapes %d\nocelot_leechers %d\nocelot_seeders %d\nocelot_user_queue %d\n#",
		s.o.Clock().Sub(st.Started)/time.Second, st.Open, st.Announces+st.Scrapes, st.Answered, st.Announces, st.Scrapes, st.Leechers, st.Seeders, st.Waiting)
}

// reportUser returns how many torrents a member leeches and seeds, as far as the
// database knows; with format=json in the form of OPSnet's fork. For an unknown member
// the report is empty.
func (s *Server) reportUser(ctx context.Context, p *params) (string, error) {
	passkey := p.passkey("key")
	if p.err != nil {
		return "", p.err
	}
	var u struct {
		ID        core.MemberID `json:"id"`
		Leeching  int64         `json:"leeching"`
		Seeding   int64         `json:"seeding"`
		Deleted   bool          `json:"deleted"`
		Protected bool          `json:"protected"`
		CanLeech  bool          `json:"can_leech"`
	}
	_, ok, err := db.One(ctx, s.o.Store.db, func(sc db.Scanner) (_ struct{}, err error) {
		var canLeech, visible int64
		err = sc.Scan(&u.ID, &canLeech, &visible, &u.Leeching, &u.Seeding)
		u.CanLeech, u.Protected = canLeech != 0, visible == 0
		return struct{}{}, err
	}, `SELECT m.id, m.can_leech, m.visible,
			(SELECT COUNT(*) FROM transfer_member_torrent t WHERE t.member_id = m.id AND t.active > 0 AND t.bytes_left > 0),
			(SELECT COUNT(*) FROM transfer_member_torrent t WHERE t.member_id = m.id AND t.active > 0 AND t.bytes_left = 0)
		FROM ocelot_member m WHERE m.passkey = ?`, passkey)
	if err != nil || !ok {
		return "", err
	}
	if p.text("format") == "json" {
		raw, err := json.Marshal(u)
		return string(raw) + "\n", err
	}
	return fmt.Sprintf("%d leeching\n%d seeding\n", u.Leeching, u.Seeding), nil
}
