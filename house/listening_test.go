package house

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// loaded reads a configuration.
func loaded(t *testing.T, text string) (Settings, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "caduceus.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(file)
}

// TestMistakesInAddresses expects the key and the reason.
func TestMistakesInAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ key, says string }{
		"[site]\nlisten = \"127.0.0.1:99999\"":                             {"site.listen", "1 to 65535"},
		"[site]\nurl = \"https://data.example.org:99999\"":                 {"site.url", "1 to 65535"},
		"[site]\nurl = \"https://data.example.org/sub\"":                   {"site.url", "path"},
		"[tracker]\nlisten = [\"127.0.0.1:99999\"]":                        {"tracker.listen", "1 to 65535"},
		"[tracker]\nudp_listen = [\"127.0.0.1:99999\"]":                    {"tracker.udp_listen", "1 to 65535"},
		"[tracker]\nannounce_url = \"http://t.example:0\"":                 {"tracker.announce_url", "1 to 65535"},
		"[tracker]\nannounce_udp_url = \"udp://t.example:70000\"":          {"tracker.announce_udp_url", "1 to 65535"},
		"[tracker]\nlisten = [\":34000\", \"127.0.0.1:34000\"]":            {"tracker.listen", "once"},
		"[irc]\nlisten_tls = \":99999\"":                                   {"irc.listen_tls", "1 to 65535"},
		"[irc]\nsts_port = 99999":                                          {"irc.sts_port", "port"},
		"[hermes]\nserver = \"127.0.0.1:99999\"":                           {"hermes.server", "1 to 65535"},
		"[ops]\nlisten = \"127.0.0.1:99999\"":                              {"ops.listen", "1 to 65535"},
		"[database]\nengine = \"mariadb\"\naddress = \"db.example:99999\"": {"database.address", "1 to 65535"},
		"[database]\nengine = \"mariadb\"\naddress = \"db.example\"":       {"database.address", "host:port"},
	} {
		_, err := loaded(t, text)
		if err == nil || !strings.Contains(err.Error(), want.key+": ") || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%s\ngives %v", text, err)
		}
	}
}

// TestAddressesAreWrittenInSmallLetters, as the rest of the program compares them.
func TestAddressesAreWrittenInSmallLetters(t *testing.T) {
	t.Parallel()
	s, err := loaded(t, "[site]\nurl = \"HTTPS://Data.Example.ORG\"\n[tracker]\nannounce_url = \"HTTP://LOCALHOST:34000/Path\"\nannounce_udp_url = \"UDP://Data.example.org:34000\"\nclients_url = \"Https://Data.example.org/Rules\"\n")
	if err != nil {
		t.Fatal(err)
	}
	if s.Site.URL != "https://data.example.org" || s.Tracker.AnnounceURL != "http://localhost:34000/Path" || !s.Tracker.AllowPrivateAddresses ||
		s.Tracker.AnnounceUDPURL != "udp://data.example.org:34000" || s.Tracker.ClientsURL != "https://data.example.org/Rules" {
		t.Errorf("site %s, tracker %s (private %v) and %s, clients %s", s.Site.URL, s.Tracker.AnnounceURL, s.Tracker.AllowPrivateAddresses, s.Tracker.AnnounceUDPURL, s.Tracker.ClientsURL)
	}
}

// TestOneDoorForOneRoom refuses rooms that listen on the same port, where they are served by
// one process, and says so of others.
func TestOneDoorForOneRoom(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Settings){
		"site.listen":          func(s *Settings) { s.Site.Listen = s.Tracker.Listen[0] },
		"irc.listen_tls":       func(s *Settings) { s.IRC.ListenTLS = ":8080" },
		"irc.listen_plain":     func(s *Settings) { s.IRC.ListenPlain = "localhost:7000" },
		"irc.listen_websocket": func(s *Settings) { s.IRC.ListenWeb = "0.0.0.0:8080" },
		"ops.listen":           func(s *Settings) { s.Ops.Listen = "127.0.0.1:6667" },
	} {
		s := DefaultSettings()
		change(&s)
		if _, err := ChooseRooms(nil, s); core.FieldOf(err) != name || core.CodeOf(err) != core.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		if notes, err := Check(t.Context(), s); core.FieldOf(err) != name {
			t.Errorf("check-config of %s: %q, %v", name, notes, err)
		}
		s.Database.Engine = db.MariaDB
		for _, room := range allRooms {
			if _, err := ChooseRooms([]string{room}, s); err != nil && name != "ops.listen" && name != "irc.listen_plain" {
				t.Errorf("%s: %s alone: %v", name, room, err)
			}
		}
		if note := s.sharedDoors(); !strings.HasPrefix(note, name+": ") {
			t.Errorf("check-config of %s on MariaDB: %q", name, note)
		}
	}
	s := DefaultSettings()
	s.Tracker.UDPListen, s.Site.Listen = []string{s.Tracker.Listen[0]}, "127.0.0.2:34000"
	if _, err := ChooseRooms(nil, s); err != nil {
		t.Errorf("TCP and UDP, and two addresses: %v", err)
	}
}
