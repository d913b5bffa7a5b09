// Package schedule holds the table of jobs with their times, the history of their
// runs (job_run), and the runs that people ask for by hand (job_request). The room
// jobs does the work; commands and pages ask here, as they can't reach into a room.
//
// Concurrency: functions are pure; a Store is safe for concurrent use.
package schedule

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// The names of the jobs.
const (
	FreeleechEdges  = "freeleech-edges"
	ExpireSessions  = "expire-sessions"
	ExpireLinks     = "expire-links"
	ExpireInvites   = "expire-invites"
	PruneEvents     = "prune-events"
	PruneJobHistory = "prune-job-history"
	RenderTexts     = "render-texts"
	RefreshWords    = "refresh-words"
	RefreshFolders  = "refresh-folders"
	NoteSwarms      = "note-swarms"
	RefreshAccounts = "refresh-accounts"
	PruneSecurity   = "prune-security-log"
	PruneNotes      = "prune-notes"
	Backup          = "backup"
	PruneSupport    = "prune-support"

	DeliverNotifications = "deliver-notifications"
	PruneNotifications   = "prune-notifications"
	TellEnds             = "tell-ends"
	SendMail             = "send-mail"
	PruneMail            = "prune-mail"
)

// Job is one piece of work that is done at set times.
type Job struct {
	Name        string
	Description string
	Spec        string        // five cron fields, by UTC
	Timeout     time.Duration // a run that takes longer is cancelled and has failed
}

// Jobs returns the table of all jobs, in display order.
func Jobs() []Job {
	return []Job{
		{FreeleechEdges, "tell members when freeleech is near, begins and ends", "* * * * *", time.Minute},
		{ExpireSessions, "delete the log-ins that have run out", "7 * * * *", 10 * time.Minute},
		{ExpireLinks, "wipe what one-time links hold that have run out, and delete them after 90 days", "27 * * * *", 10 * time.Minute},
		{ExpireInvites, "wipe the addresses of invites that are over, and what applications hold 180 days after their end", "33 * * * *", 10 * time.Minute},
		{PruneEvents, "delete events that every reader has handled, after 30 days", "23 3 * * *", 30 * time.Minute},
		{PruneJobHistory, "thin the history of job runs after 2 days and end it after 180", "37 3 * * *", 30 * time.Minute},
		{RenderTexts, "render the texts again that an older release has rendered", "47 * * * *", 30 * time.Minute},
		{RefreshWords, "make the words for search anew where the rule has changed", "*/10 * * * *", 9 * time.Minute},
		{RefreshFolders, "make the folders of torrents that an older release has stored without any", "*/10 * * * *", 9 * time.Minute},
		{NoteSwarms, "note how many seed and have downloaded each dataset, for the order of long lists", "*/5 * * * *", 4 * time.Minute},
		{RefreshAccounts, "note what names look like, the hashes of IRC keys and of places in the security log, and seal bans, where an older release has not", "*/10 * * * *", 9 * time.Minute},
		{DeliverNotifications, "send what members are told by mail, once its time has come", "* * * * *", time.Minute},
		{TellEnds, "tell members whose restriction, warning, permission or unused invite has ended by its time", "*/10 * * * *", 9 * time.Minute},
		{PruneNotifications, "delete notifications that were read 90 days ago, are a year old, or are too many", "53 3 * * *", 30 * time.Minute},
		{PruneSecurity, "delete entries of the security log that are older than it is kept", "43 3 * * *", 30 * time.Minute},
		{PruneNotes, "destroy notes about members that were removed 30 days ago", "33 3 * * *", 10 * time.Minute},
		{PruneSupport, "forget from where people wrote to staff a week ago, and what was answered or closed a year ago", "13 4 * * *", 30 * time.Minute},
		{Backup, "back the whole site up, where [backup] says to which folder, and remove old backups", "11 3 * * *", 6 * time.Hour},
		{SendMail, "hand the letters that wait to the mail server", "* * * * *", time.Minute},
		{PruneMail, "wipe letters that failed a week ago, and delete the rows of those that ended a month ago", "57 3 * * *", 30 * time.Minute},
	}
}

// ByName finds a job, or returns an error with code NotFound that names them all.
func ByName(name string) (Job, error) {
	var names []string
	for _, j := range Jobs() {
		if j.Name == name {
			return j, nil
		}
		names = append(names, j.Name)
	}
	return Job{}, core.Errorf(core.NotFound, "there is no job %q; the jobs are %s", name, strings.Join(names, ", "))
}

// Next returns the first time after the given one at which the job is due.
func (j Job) Next(after time.Time) (time.Time, error) {
	spec, err := cron.ParseStandard(j.Spec)
	if err != nil {
		return time.Time{}, fmt.Errorf("the times of %s: %w", j.Name, err)
	}
	return spec.Next(after.UTC()), nil
}
