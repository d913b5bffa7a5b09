package jobs

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// noteSwarms notes how many seed and have downloaded each dataset, for the order of lists
// in a large catalogue.
func noteSwarms(store Catalog) task {
	const limit = 500
	return func(ctx context.Context) (sum int64, err error) {
		for after := core.GroupID(0); ; {
			next, changed, err := store.NoteSwarms(ctx, after, limit)
			sum += changed
			if err != nil || next == 0 {
				return sum, err
			}
			if err := ctx.Err(); err != nil {
				return sum, err
			}
			after = next
		}
	}
}
