package jobs

import (
	"context"
	"time"
)

// Texts is the part of the stores with texts that this room needs.
type Texts interface {
	// RenderAgain renders up to limit texts whose HTML an older renderer made, or
	// that have none yet, and returns how many.
	RenderAgain(ctx context.Context, limit int) (int64, error)
}

// renderFor is how long a run goes on. What is left then, the next run does.
const renderFor = 25 * time.Minute

// renderTexts makes the HTML of texts anew after an upgrade that renders them
// differently, one store after another. Until then pages show them as they were typed.
func renderTexts(stores ...Texts) task {
	return func(ctx context.Context) (sum int64, err error) {
		enough, cancel := context.WithTimeout(ctx, renderFor)
		defer cancel()
		const atOnce = 20 // a text and its HTML have up to 1.4 MiB
		for _, store := range stores {
			n, err := batches(enough, atOnce, func(_ context.Context, limit int) (int64, error) { return store.RenderAgain(ctx, limit) })
			if sum += n; enough.Err() != nil && ctx.Err() == nil {
				return sum, nil
			}
			if err != nil {
				return sum, err
			}
		}
		return sum, nil
	}
}
