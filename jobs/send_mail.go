package jobs

import "context"

// sendMail hands letters to the mail server. A run that was cut short leaves at most one of them in
// the middle, which is sent again later.
func sendMail(m Mail) task {
	return func(ctx context.Context) (int64, error) { return m.Send(ctx) }
}
