package house

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// TestUploadLimitFitsTheDatabase holds upload_limit against max_allowed_packet.
func TestUploadLimitFitsTheDatabase(t *testing.T) {
	s := DefaultSettings()
	s.Database = dbtest.MariaDBConfig(t)
	packet, _, err := db.One(t.Context(), dbtest.Open(t, s.Database), db.Value[int64], "SELECT @@max_allowed_packet")
	if err != nil {
		t.Fatal(err)
	}
	for limit, fits := range map[int64]bool{s.Site.UploadLimit: true, packet - 128<<10: true, packet - 64<<10: false, packet: false, 256 << 20: false} {
		s.Site.UploadLimit = limit
		notes, err := Check(t.Context(), s)
		if (err == nil) != fits || notes != nil {
			t.Errorf("%d with packets of %d: %v, %q", limit, packet, err, notes)
		}
		if err != nil && (core.FieldOf(err) != "site.upload_limit" || !strings.Contains(err.Error(), "max_allowed_packet")) {
			t.Errorf("%d: %v", limit, err)
		}
	}
	s.Database.Address, s.Site.Listen = filepath.Join(t.TempDir(), "nobody.sock"), s.Tracker.Listen[0]
	if notes, err := Check(t.Context(), s); err != nil || len(notes) != 2 || !strings.Contains(notes[0], "one machine") || !strings.Contains(notes[1], "does not answer") {
		t.Errorf("without a database: %q, %v", notes, err)
	}
	s.Database, s.Site.Listen = db.DefaultConfig(), DefaultSettings().Site.Listen
	s.Database.Path = filepath.Join(t.TempDir(), "new.db")
	if notes, err := Check(t.Context(), s); err != nil || notes != nil {
		t.Errorf("SQLite: %q, %v", notes, err)
	}
	if left, _ := filepath.Glob(s.Database.Path + "*"); left != nil {
		t.Errorf("it made %v", left)
	}
}
