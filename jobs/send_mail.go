package jobs

import "context"

// bounces takes what the mail server reports, as long as the room runs.
func (r *Room) bounces(ctx context.Context) error {
	for ctx.Err() == nil {
		err := r.deps.Mail.Bounces(ctx)
		if err == nil {
			return nil
		}
		r.deps.Log.Error("reports of the mail server are not taken", "err", err, "again_in", firstRetry)
		r.wait(ctx, r.deps.Clock().Add(firstRetry), nil)
	}
	return nil
}

// sendMail hands letters to the mail server. A run that was cut short leaves at most one of them in
// the middle, which is sent again later.
func sendMail(m Mail) task {
	return func(ctx context.Context) (int64, error) { return m.Send(ctx) }
}
