package backup

import (
	"strings"

	"filippo.io/age"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Config is the [backup] section.
type Config struct {
	// Directory is where backups are made: each in a folder of its own that is named
	// after its time. Empty makes none but those that are asked for by name. Where one
	// process serves the whole site, the job "backup" makes one each night; elsewhere
	// deploy/systemd/caduceus-backup.timer does.
	Directory string `toml:"directory"`
	// Recipients are public keys of age (age1…). If there are any, backups are encrypted,
	// and whoever restores one needs the identity of one of them.
	Recipients []string `toml:"recipients"`
	// KeepDaily is for how many days the last backup of the day is kept in Directory.
	KeepDaily int `toml:"keep_daily"`
	// KeepWeekly is for how many weeks the last backup of the week is kept as well.
	KeepWeekly int `toml:"keep_weekly"`
	// Folders are further folders to back up, such as the data directories of rooms that
	// run as processes of their own; journals of trackers are recognised in them. A
	// restore puts them back where this list says.
	Folders []string `toml:"folders"`
}

// DefaultConfig keeps a week of days and four weeks.
func DefaultConfig() Config { return Config{KeepDaily: 7, KeepWeekly: 4} }

const (
	mostKept       = 3660
	mostRecipients = 20
	mostFolders    = 100
)

// Validate reports the first key that makes no sense.
func (c Config) Validate() error {
	if c.KeepDaily < 1 || c.KeepDaily > mostKept {
		return core.FieldErrorf("keep_daily", "must be from 1 to %d", mostKept)
	}
	if c.KeepWeekly < 0 || c.KeepWeekly > mostKept {
		return core.FieldErrorf("keep_weekly", "must be from 0 to %d", mostKept)
	}
	if len(c.Folders) > mostFolders {
		return core.FieldErrorf("folders", "name at most %d", mostFolders)
	}
	for _, f := range c.Folders {
		if f == "" {
			return core.FieldErrorf("folders", "an empty text names no folder")
		}
	}
	if _, err := ParseRecipients(c.Recipients); err != nil {
		return core.FieldErrorf("recipients", "%s", core.SafeText(err))
	}
	return nil
}

// ParseRecipients reads public keys of age. An error has code Invalid.
func ParseRecipients(texts []string) ([]age.Recipient, error) {
	if len(texts) > mostRecipients {
		return nil, core.Errorf(core.Invalid, "there may be at most %d recipients", mostRecipients)
	}
	var all []age.Recipient
	for _, text := range texts {
		if strings.HasPrefix(strings.ToUpper(text), "AGE-SECRET-KEY-") {
			return nil, core.Errorf(core.Invalid, "a recipient is the public key, which begins with age1; what stands there is the secret one, which must not lie on this machine")
		}
		found, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil || len(found) != 1 {
			return nil, core.Errorf(core.Invalid, "%q is no public key of age, such as age1…, which age-keygen prints", text)
		}
		all = append(all, found[0])
	}
	return all, nil
}
