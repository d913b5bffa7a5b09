package ircd

import (
	"context"
	"time"

	"github.com/caduceus-bio/caduceus/ircd/conn"
)

// certificatePause is how often is looked whether the certificate is another one.
const certificatePause = 5 * time.Second

// tellCertificate keeps in the database by what the server's certificate is known, for the
// site to tell members, until ctx ends. While the database is away it tries again.
func (r *Room) tellCertificate(ctx context.Context, certs *conn.Certificates) error {
	t := time.NewTicker(certificatePause)
	defer t.Stop()
	kept, told, complained := false, "", false
	for {
		if now := certs.SelfSigned(); !kept || now != told {
			asking, cancel := context.WithTimeout(ctx, queryTimeout)
			err := r.deps.Channels.SetCertificate(asking, now)
			cancel()
			if err != nil && !complained && ctx.Err() == nil {
				r.deps.Log.Warn("the site does not know the fingerprint of the certificate yet", "err", err)
			}
			kept, told, complained = err == nil, now, err != nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}
