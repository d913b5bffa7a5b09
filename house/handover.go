package house

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Letter holds secrets for whoever starts the program. They are kept readable nowhere
// else.
type Letter struct {
	File  string // its name among the secrets, where it can't be shown
	Title string
	Lines []string
	Lost  string // the command that makes new ones
}

// HandOver shows a letter on the first of the screens that is a terminal. Output that goes
// anywhere else ends up in logs, so if none is, the letter is written to a file that its
// owner alone may read (mode 0600), and the log says where that is.
func (h *House) HandOver(l Letter, screens ...io.Writer) error {
	for _, screen := range screens {
		if f, ok := screen.(*os.File); ok && isTerminal(f) {
			PrintBox(f, l.Title+" This is shown once; keep it.", l.Lines...)
			return nil
		}
	}
	path, err := filepath.Abs(h.Settings.House.secret(l.File))
	if err == nil {
		err = writePrivate(path, l.Title+"\n"+strings.Join(l.Lines, "\n")+"\n")
	}
	if err != nil {
		return fmt.Errorf("%s How to log in could not be written to %s; for new secrets run: %s: %w", l.Title, path, l.Lost, err)
	}
	if len(screens) > 0 { // whatever the log leaves out
		PrintBox(screens[0], l.Title+" How to log in is in a file that its owner alone may read:", path)
	}
	h.Log.Warn("how to log in is in a file that its owner alone may read; delete it when you have", "what", l.Title, "file", path)
	return nil
}

// writePrivate writes a file that nobody but the owner may read, in place of one that may
// be there, of whatever mode.
func writePrivate(path, content string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
