package catalog

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// BenchmarkCatalogue measures pages of a large catalogue: CADUCEUS_BENCH_GROUPS groups
// (100,000 by default) with 80 words each, on both engines.
func BenchmarkCatalogue(b *testing.B) {
	groups := 100_000
	if n, err := strconv.Atoi(os.Getenv("CADUCEUS_BENCH_GROUPS")); err == nil {
		groups = n
	}
	for name, open := range map[string]func(testing.TB) *db.DB{"sqlite": dbtest.SQLite, "mariadb": dbtest.MariaDB} {
		b.Run(name, func(b *testing.B) {
			d := open(b)
			s := NewStore(d, eventlog.New(d, time.Now), time.Now, Options{})
			must(b, s.Seed(b.Context()))
			generate(b, d, groups, 80)
			b.Run("counts", func(b *testing.B) {
				for b.Loop() {
					_, _, err := s.Counts(b.Context())
					must(b, err)
				}
			})
			for what, c := range planned {
				b.Run(what, func(b *testing.B) {
					for b.Loop() {
						_, err := s.Browse(b.Context(), Viewer{}, c.f, 0, 25)
						must(b, err)
					}
				})
			}
		})
	}
}
