package jobs

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/schedule"
)

// task does the work of one job and returns how much it did. It must return soon
// after ctx ends, do no harm when it is done twice, and hold no transaction for
// longer than one batch.
type task func(ctx context.Context) (items int64, err error)

// tasks binds each job of the table in internal/schedule, which says when it runs,
// to its work. Each job has a file of its own, called like the job.
func tasks(c Config, d Deps) map[string]task {
	return map[string]task{
		schedule.FreeleechEdges:  freeleechEdges(d.Freeleech),
		schedule.ExpireSessions:  expireSessions(d.Sessions),
		schedule.ExpireLinks:     expireLinks(d.Links),
		schedule.ExpireInvites:   expireInvites(d.Invites),
		schedule.PruneEvents:     pruneEvents(d.Events, d.Clock),
		schedule.PruneJobHistory: pruneJobHistory(d.Schedule, d.Clock),
		schedule.RenderTexts:     renderTexts(d.Texts, d.Pages),
		schedule.RefreshWords:    refreshWords(d.Catalog),
		schedule.RefreshFolders:  refreshFolders(d.Catalog),
		schedule.NoteSwarms:      noteSwarms(d.Catalog),
		schedule.RefreshAccounts: refreshAccounts(d.Accounts, d.Bans),
		schedule.PruneSecurity:   pruneSecurityLog(d.Security, c.SecurityLogDays, d.Clock),
		schedule.PruneNotes:      pruneNotes(d.Notes),
		schedule.Backup:          makeBackup(d.Backup),
		schedule.PruneSupport:    pruneSupport(d.Support),

		schedule.DeliverNotifications: deliverNotifications(d.Notifications),
		schedule.PruneNotifications:   pruneNotifications(d.Notifications),
		schedule.TellEnds:             tellEnds(d.Notifications),
		schedule.SendMail:             sendMail(d.Mail),
		schedule.PruneMail:            pruneMail(d.Mail),
	}
}

// batches calls f until it does less than limit, and adds up what it did.
func batches(ctx context.Context, limit int, f func(ctx context.Context, limit int) (int64, error)) (int64, error) {
	var sum int64
	for {
		n, err := f(ctx, limit)
		sum += n
		if err != nil || n < int64(limit) {
			return sum, err
		}
		if err := ctx.Err(); err != nil {
			return sum, err
		}
	}
}
