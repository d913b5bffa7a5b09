package house

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// dataDirVariable overrides the data directory, and so says which program is meant.
var dataDirVariable = config.Variable("house", "data_dir")

// hasSite fails where there is no embedded database, and says where it has looked.
func (s Settings) hasSite() error {
	if s.Database.Engine != db.SQLite {
		return nil // the server knows
	}
	_, err := os.Stat(s.Database.Path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	settings := "the settings are the defaults, since there is no " + absolute(defaultFile)
	if s.File != "" {
		settings = "the settings are those of " + absolute(s.File)
	}
	return core.Errorf(core.NotFound, "there is no site here, so nothing was done: no program answers at %s, and there is no database %s (%s).\n"+
		"To reach a program that runs, type the line that it printed at its start, or name its configuration with --config FILE or CADUCEUS_CONFIG, or its folder with %s.\n"+
		"To make a new site run: caduceus init", absolute(s.House.Socket()), absolute(s.Database.Path), settings, dataDirVariable)
}

// CommandLine is what a person types in another shell, in the folder in which this program
// was started, to run a staff command on it.
func (s Settings) CommandLine(words string) string {
	var line []string
	if again, err := Load(s.File); err != nil || os.Getenv(dataDirVariable) != "" || again.House.DataDir != s.House.DataDir {
		line = append(line, dataDirVariable+"="+shellWord(absolute(s.House.DataDir)))
	}
	line = append(line, shellWord(os.Args[0]))
	if s.File != "" && s.File != defaultFile {
		line = append(line, "--config", shellWord(absolute(s.File)))
	}
	return strings.Join(append(line, "do", words), " ")
}

// absolute is the whole path, or as much as is known of it.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// shellWord quotes a word for a shell, if it needs that (POSIX.1, Shell Command Language,
// 2.2).
func shellWord(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%,", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return fmt.Sprintf("'%s'", strings.ReplaceAll(word, "'", `'\''`))
}
