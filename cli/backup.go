package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/caduceus-bio/caduceus/house"
	"github.com/caduceus-bio/caduceus/internal/backup"
	"github.com/caduceus-bio/caduceus/internal/core"
)

type backupCmd struct {
	Make   backupMakeCmd   `cmd:"" default:"withargs" help:"Back the whole site up while it serves: database, trackers' journals, keys, configuration."`
	Verify backupVerifyCmd `cmd:"" help:"Compare every checksum of a backup, and change nothing."`
}

type backupMakeCmd struct {
	Dir       string   `arg:"" optional:"" type:"path" help:"The folder in which the backup gets a folder of its own. Without it: that of [backup] directory, where old backups are then removed."`
	Recipient []string `short:"r" placeholder:"age1…" help:"Encrypt the backup for this public key of age, in place of [backup] recipients. May be given several times."`
}

// Run makes a backup.
func (c *backupMakeCmd) Run(g *globals) error {
	s, err := g.settings()
	if err != nil {
		return err
	}
	if len(c.Recipient) > 0 {
		s.Backup.Recipients = c.Recipient
	}
	ctx, stop := house.UntilSignal(os.Stderr)
	defer stop()
	made, removed, err := house.Backup(ctx, s, g.version, c.Dir)
	if err != nil {
		return err
	}
	locked := "not encrypted: whoever can read it has every key and address of the site"
	if len(made.Label.Recipients) > 0 {
		locked = fmt.Sprintf("encrypted for %d", len(made.Label.Recipients))
	}
	fmt.Printf("%s\n  %v, %d rows in %d tables, %d files, in %v; %s\n", made.Folder, core.Bytes(made.Label.Size),
		made.Rows, made.Tables, made.Files, made.Took.Round(10*time.Millisecond), locked)
	for _, name := range removed {
		fmt.Printf("  removed: %s\n", name)
	}
	return nil
}

type backupVerifyCmd struct {
	Folder   string `arg:"" type:"path" help:"The folder of one backup."`
	Identity string `short:"i" type:"path" placeholder:"FILE" help:"The file with the identity (secret key) of age, for an encrypted backup."`
}

// Run checks a backup.
func (c *backupVerifyCmd) Run(*globals) error {
	ctx, stop := house.UntilSignal(os.Stderr)
	defer stop()
	a, err := house.OpenBackup(ctx, c.Folder, c.Identity)
	if err != nil {
		return err
	}
	fmt.Println("The backup is whole.")
	describe(a)
	if a.Locked() {
		fmt.Println("  It is encrypted, so only the checksum of the archive was compared. With --identity FILE everything in it is.")
	}
	return nil
}

func describe(a *backup.Archive) {
	l := a.Label
	fmt.Printf("  made      %s, by caduceus %s, on %s with schema %d\n", l.Made.Format(time.RFC3339), l.Program, l.Engine, l.Schema)
	fmt.Printf("  archive   %s, %v\n", l.File, core.Bytes(l.Size))
	rows := int64(0)
	for _, t := range a.Contents.Tables {
		rows += t.Rows
	}
	if !a.Locked() {
		fmt.Printf("  contents  %d rows in %d tables, %d files\n", rows, len(a.Contents.Tables), len(a.Contents.Files))
	}
}
