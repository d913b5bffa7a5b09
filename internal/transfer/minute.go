package transfer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
)

// Minute is what one tracker did in one minute. The running minute has a row too,
// with the seconds that are over.
type Minute struct {
	Tracker   string
	Start     time.Time
	Seconds   int // that it covers: fewer than 60 at the beginning, at the end and in the running minute
	Announces int64
	Scrapes   int64
	Refused   int64 // announces and scrapes that were not answered
	Refusals  map[string]int64

	Seeders, Leechers int // clients; these and what follows are as of its end
	Peers4, Peers6    int // addresses that are given to other clients
	Torrents          int // with any client

	P50, P99, Worst time.Duration // from a request to its answer

	Unwritten int           // sums that wait for the database
	FlushAge  time.Duration // everything older is in the database
	EventRead int64         // the last event of the log that the tracker has handled
	EventLast int64         // the newest event
	EventLag  time.Duration // how long the first event that is not handled has waited
}

// Rate returns how many of n happened each second.
func (m Minute) Rate(n int64) float64 { return float64(n) / float64(max(m.Seconds, 1)) }

// End is when the time that the row covers ends, as if its minute had begun with it.
func (m Minute) End() time.Time { return m.Start.Add(time.Duration(m.Seconds) * time.Second) }

// Reasons are the reasons of its refusals, the most frequent first.
func (m Minute) Reasons() []string { return reasons(m.Refusals) }

// maxRefusals is the room for refusals in a row.
const maxRefusals = 1024

// WriteMinute writes a row in place of the one that is there.
func (s *Store) WriteMinute(ctx context.Context, m Minute) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Upsert(ctx, db.UpsertSpec{
			Table: "tracker_minute", Key: []string{"tracker", "minute"},
			Set: []string{"seconds", "announces", "scrapes", "refused", "refusals", "seeders", "leechers", "peers4", "peers6", "torrents",
				"p50", "p99", "worst", "unwritten", "flush_age", "event_read", "event_last", "event_lag"},
		}, []any{m.Tracker, m.Start.Unix(), m.Seconds, m.Announces, m.Scrapes, m.Refused, packRefusals(m.Refusals), m.Seeders, m.Leechers, m.Peers4, m.Peers6, m.Torrents,
			m.P50.Microseconds(), m.P99.Microseconds(), m.Worst.Microseconds(), m.Unwritten, m.FlushAge.Milliseconds(), m.EventRead, m.EventLast, m.EventLag.Milliseconds()})
	})
	if err != nil {
		return fmt.Errorf("write the tracker's state: %w", err)
	}
	return nil
}

// PruneMinutes deletes the rows of all trackers that are older than an instant, and those
// of hashes that are not registered.
func (s *Store) PruneMinutes(ctx context.Context, before time.Time) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM tracker_minute WHERE minute < ?", before.Unix()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM tracker_unknown WHERE since < ?", before.Unix())
		return err
	})
	if err != nil {
		return fmt.Errorf("delete the tracker's old states: %w", err)
	}
	return nil
}

// maxMinutes bounds what is read at once: a day of six trackers.
const maxMinutes = 6 * 24 * 60

const minuteColumns = `m.tracker, m.minute, m.seconds, m.announces, m.scrapes, m.refused, m.refusals, m.seeders, m.leechers, m.peers4, m.peers6, m.torrents,
	m.p50, m.p99, m.worst, m.unwritten, m.flush_age, m.event_read, m.event_last, m.event_lag`

// Minutes returns the rows since an instant, the newest first.
func (s *Store) Minutes(ctx context.Context, since time.Time) ([]Minute, error) {
	list, err := db.All(ctx, s.db, scanMinute, "SELECT "+minuteColumns+" FROM tracker_minute m WHERE m.minute >= ? ORDER BY m.minute DESC, m.tracker LIMIT ?", since.Unix(), maxMinutes)
	if err != nil {
		return nil, fmt.Errorf("read the tracker's states: %w", err)
	}
	return list, nil
}

func scanMinute(sc db.Scanner) (m Minute, err error) {
	var start, p50, p99, worst, age, lag int64
	var refusals string
	err = sc.Scan(&m.Tracker, &start, &m.Seconds, &m.Announces, &m.Scrapes, &m.Refused, &refusals, &m.Seeders, &m.Leechers, &m.Peers4, &m.Peers6, &m.Torrents,
		&p50, &p99, &worst, &m.Unwritten, &age, &m.EventRead, &m.EventLast, &lag)
	m.Start, m.Refusals = time.Unix(start, 0).UTC(), unpackRefusals(refusals)
	m.P50, m.P99, m.Worst = time.Duration(p50)*time.Microsecond, time.Duration(p99)*time.Microsecond, time.Duration(worst)*time.Microsecond
	m.FlushAge, m.EventLag = time.Duration(age)*time.Millisecond, time.Duration(lag)*time.Millisecond
	return m, err
}

// packRefusals writes counts by reason as "disabled 3 unknown_key 14", the
// largest first. It leaves out the smallest if there is no room.
func packRefusals(counts map[string]int64) string {
	var b strings.Builder
	for _, r := range reasons(counts) {
		part := fmt.Sprintf("%s %d ", r, counts[r])
		if b.Len()+len(part) > maxRefusals {
			break
		}
		b.WriteString(part)
	}
	return strings.TrimSpace(b.String())
}

func reasons(counts map[string]int64) []string {
	out := make([]string, 0, len(counts))
	for r, n := range counts {
		if n > 0 {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	return out
}

func unpackRefusals(text string) map[string]int64 {
	counts := map[string]int64{}
	addRefusals(counts, text)
	return counts
}

// addRefusals adds what packRefusals wrote.
func addRefusals(counts map[string]int64, text string) {
	reason := ""
	for word := range strings.FieldsSeq(text) {
		if reason == "" {
			reason = word
			continue
		}
		if n, err := strconv.ParseInt(word, 10, 64); err == nil {
			counts[reason] += n
		}
		reason = ""
	}
}

// ofTrackers reads the rows of each tracker by its key: few have rows, and the rows of a
// week are many.
const ofTrackers = `WITH RECURSIVE known(tracker) AS (SELECT MIN(tracker) FROM tracker_minute
	UNION ALL SELECT (SELECT MIN(n.tracker) FROM tracker_minute n WHERE n.tracker > known.tracker) FROM known WHERE known.tracker IS NOT NULL)
	SELECT %s FROM known JOIN tracker_minute m ON m.tracker = known.tracker WHERE `

// Newest returns the newest row of each tracker that told something since an instant, by
// name.
func (s *Store) Newest(ctx context.Context, since time.Time) ([]Minute, error) {
	list, err := db.All(ctx, s.db, scanMinute, fmt.Sprintf(ofTrackers, minuteColumns)+
		`m.minute = (SELECT MAX(n.minute) FROM tracker_minute n WHERE n.tracker = known.tracker AND n.minute >= ?) ORDER BY m.tracker`, since.Unix())
	if err != nil {
		return nil, fmt.Errorf("read the tracker's last states: %w", err)
	}
	return list, nil
}

// Steps returns the sums of the minutes since an instant in steps of some minutes, the
// newest first. Like those of Hours, they have no other figures than the counts, and the
// most clients and times that any of their minutes had.
func (s *Store) Steps(ctx context.Context, since time.Time, step time.Duration) ([]Minute, error) {
	list, err := db.All(ctx, s.db, scanHour, fmt.Sprintf(ofTrackers, `m.tracker, m.minute - m.minute % ? AS step, SUM(m.seconds), SUM(m.announces), SUM(m.scrapes), SUM(m.refused),
		MAX(m.seeders), MAX(m.leechers), MAX(m.p50), MAX(m.p99), MAX(m.worst)`)+
		`m.minute >= ? GROUP BY m.tracker, step ORDER BY step DESC, m.tracker LIMIT ?`, int64(step/time.Second), since.Unix(), maxMinutes)
	if err != nil {
		return nil, fmt.Errorf("sum up the tracker's states: %w", err)
	}
	return list, nil
}

// Refusals counts by reason what all trackers refused since an instant. What the rows of
// an hour say is read as one text: a day has a thousand of them.
func (s *Store) Refusals(ctx context.Context, since time.Time) (map[string]int64, error) {
	list, err := db.All(ctx, s.db, db.Value[string], fmt.Sprintf(ofTrackers, "GROUP_CONCAT(m.refusals)")+
		"m.minute >= ? AND m.refusals <> '' GROUP BY m.tracker, m.minute - m.minute % 3600 LIMIT ?", since.Unix(), maxMinutes)
	if err != nil {
		return nil, fmt.Errorf("read what the tracker refused: %w", err)
	}
	sum := map[string]int64{}
	for _, texts := range list {
		for packed := range strings.SplitSeq(texts, ",") {
			addRefusals(sum, packed)
		}
	}
	return sum, nil
}
