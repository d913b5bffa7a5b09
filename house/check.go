package house

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
)

// checkTime is how long checkDatabase waits for a database.
const checkTime = 5 * time.Second

// Check holds the configuration against what can be had together, and against the
// database, if that answers soon. notes are what may be meant so, and what could not be
// checked. It changes nothing, and makes no database where there is none.
func Check(ctx context.Context, s Settings) (notes []string, err error) {
	if caution := s.IRC.Caution(); caution != "" {
		notes = append(notes, caution)
	}
	if s.Database.Engine == db.SQLite { // one process; and it takes any .torrent that the site may take
		return notes, s.checkDoors(s.rooms())
	}
	if shared := s.sharedDoors(); shared != "" {
		notes = append(notes, shared)
	}
	note, err := checkDatabase(ctx, s)
	if note != "" {
		notes = append(notes, note)
	}
	return notes, err
}

// checkDatabase asks MariaDB. note says so if it does not answer.
func checkDatabase(ctx context.Context, s Settings) (note string, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	d, err := db.Open(ctx, s.Database, slog.New(slog.DiscardHandler))
	if err != nil {
		return fmt.Sprintf("MariaDB at %s does not answer, so that it takes a .torrent of upload_limit was not checked", s.Database.Address), nil
	}
	err = s.checkUploads(ctx, d)
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return "", err
}

// checkUploads makes sure that the database takes the largest .torrent that the site
// does.
func (s Settings) checkUploads(ctx context.Context, d *db.DB) error {
	most, err := d.LargestValue(ctx)
	if err != nil {
		return err
	}
	need := core.Bytes(s.Site.UploadLimit) + metainfo.MaxGrowth
	if most >= need {
		return nil
	}
	return core.FieldErrorf("site.upload_limit", "the site takes a .torrent of %v, but MariaDB would refuse to store it: set max_allowed_packet in its configuration to %d or more, or upload_limit to %d or less",
		core.Bytes(s.Site.UploadLimit), db.PacketFor(need), most-metainfo.MaxGrowth)
}
