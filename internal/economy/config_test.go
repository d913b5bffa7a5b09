package economy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/config"
)

func TestConfigFromFileAndEnvironment(t *testing.T) {
	for _, c := range []struct {
		name, text, environ string
		calendar            bool
		zone                string
		fault               string // in the error
	}{
		{"defaults", "", "", true, "UTC", ""},
		{"file", "[freeleech]\ncalendar = false\ntimezone = \"Europe/Berlin\"\n", "", false, "Europe/Berlin", ""},
		{"environment", "[freeleech]\ntimezone = \"Europe/Berlin\"\n", "CADUCEUS_FREELEECH_TIMEZONE=Asia/Tokyo", true, "Asia/Tokyo", ""},
		{"bad zone in the file", "[freeleech]\ncalendar = true\ntimezone = \"Mars/Olympus\"\n", "", true, "", "line 3"},
		{"bad zone in the environment", "", "CADUCEUS_FREELEECH_TIMEZONE=Local", true, "", "CADUCEUS_FREELEECH_TIMEZONE"},
		{"unknown key", "[freeleech]\nzone = \"UTC\"\n", "", true, "", "line 2"},
	} {
		path := filepath.Join(t.TempDir(), "caduceus.toml")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		all := struct {
			Freeleech Config `toml:"freeleech"`
		}{DefaultConfig()}
		var environ []string
		if c.environ != "" {
			environ = append(environ, c.environ)
		}
		src, err := config.Load(path, environ, &all)
		if err == nil {
			err = src.Check(&all)
		}
		if c.fault != "" {
			var fault *config.Error
			if !errors.As(err, &fault) || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%s: %v, want a mistake at %s", c.name, err, c.fault)
			}
			continue
		}
		if err != nil || all.Freeleech.Calendar != c.calendar || all.Freeleech.Zone.Loc().String() != c.zone {
			t.Errorf("%s: %+v, %v", c.name, all.Freeleech, err)
		}
	}
}
