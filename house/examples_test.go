package house

import (
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/config"
)

// deployed are the files that a server needs around the binary.
const deployed = "../deploy"

// commented is a setting that is commented out.
var commented = regexp.MustCompile(`(?m)^#[ \t]*([a-z][a-z0-9_]*[ \t]*=.*)$`)

// examples lists the example configurations.
func examples(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(deployed, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Ext(path) == ".toml" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) == 0 {
		t.Fatalf("examples %q: %v", paths, err)
	}
	return paths
}

// TestExamples checks each example as it stands, and with everything uncommented.
func TestExamples(t *testing.T) {
	t.Parallel()
	check := func(what, text string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "caduceus.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(file)
		if err == nil {
			_, err = ChooseRooms(nil, s)
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, path := range examples(t) {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		settings := commented.FindAllStringSubmatch(text, -1)
		if len(settings) < 20 {
			t.Errorf("%s: only %d settings are found in comments", path, len(settings))
		}
		check(path, text)
		check(path+" uncommented", commented.ReplaceAllString(text, "$1"))
	}
}

// units reads the units of systemd, each with the lines that all of them have, by name.
func units(t *testing.T) map[string][]string {
	t.Helper()
	read := func(path string) []string {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(string(raw), "\n")
	}
	common, err := filepath.Glob(deployed + "/systemd/caduceus-.service.d/*.conf")
	if err != nil || len(common) != 1 {
		t.Fatalf("what all units have: %q, %v", common, err)
	}
	paths, err := filepath.Glob(deployed + "/systemd/caduceus-*.service")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			continue
		}
		out[strings.TrimSuffix(filepath.Base(path), ".service")] = append(read(common[0]), read(path)...)
	}
	return out
}

// values returns what a unit sets a key to. An empty value takes back those before it
// (systemd.syntax(7)).
func values(unit []string, key string) (out []string) {
	for _, line := range unit {
		k, v, ok := strings.Cut(line, "=")
		if !ok || strings.TrimSpace(k) != key {
			continue
		}
		if v = strings.TrimSpace(v); v == "" {
			out = nil
		}
		out = append(out, strings.Fields(v)...)
	}
	return out
}

// reaches reports whether a unit lets its room connect to an address
// (systemd.resource-control(5): what is allowed is, whatever is denied besides).
func reaches(t *testing.T, unit []string, to netip.Addr) bool {
	t.Helper()
	if slices.Contains(values(unit, "PrivateNetwork"), "yes") {
		return false
	}
	if families := values(unit, "RestrictAddressFamilies"); families != nil && !slices.Contains(families, map[bool]string{true: "AF_INET", false: "AF_INET6"}[to.Is4()]) {
		return false
	}
	named := map[string][]string{"any": {"0.0.0.0/0", "::/0"}, "localhost": {"127.0.0.0/8", "::1/128"},
		"link-local": {"169.254.0.0/16", "fe80::/64"}, "multicast": {"224.0.0.0/4", "ff00::/8"}}
	matches := func(key string) bool {
		for _, word := range values(unit, key) {
			prefixes, ok := named[word]
			if !ok {
				prefixes = []string{word}
			}
			for _, p := range prefixes {
				prefix, err := netip.ParsePrefix(p)
				if err != nil {
					t.Fatalf("%s=%s: %v", key, word, err)
				}
				if prefix.Contains(to) {
					return true
				}
			}
		}
		return false
	}
	return matches("IPAddressAllow") || !matches("IPAddressDeny")
}

// TestUnitsHaveTheNetworkThatTheirRoomsNeed holds the units against the configuration that
// they are given: who checks the ports of clients, is called by them, or is on another IRC
// network must get out of the machine, and nobody else may.
func TestUnitsHaveTheNetworkThatTheirRoomsNeed(t *testing.T) {
	t.Parallel()
	s, err := Load(deployed + "/caduceus.toml")
	if err != nil {
		t.Fatal(err)
	}
	if !s.Tracker.CheckPorts {
		t.Error("the example does not check ports any more: then the tracker needs no network")
	}
	outside := map[string]bool{"caduceus-tracker": s.Tracker.CheckPorts, "caduceus-tracker@": s.Tracker.CheckPorts,
		"caduceus-ircd": true, "caduceus-hermes": true, "caduceus-site": false, "caduceus-jobs": false, "caduceus-backup": false}
	all := units(t)
	if len(all) != len(outside) {
		t.Errorf("%d units, and %d rows in the table", len(all), len(outside))
	}
	for name, unit := range all {
		for _, text := range []string{"93.184.215.14", "2606:2800:21f::1"} {
			if got := reaches(t, unit, netip.MustParseAddr(text)); got != outside[name] {
				t.Errorf("%s reaches %s: %v, want %v", name, text, got, outside[name])
			}
		}
		for _, text := range []string{"127.0.0.1", "::1"} {
			if !reaches(t, unit, netip.MustParseAddr(text)) {
				t.Errorf("%s does not reach %s, where database, proxy and monitoring are", name, text)
			}
		}
		if !strings.HasPrefix(name, "caduceus-tracker") {
			continue
		}
		for _, text := range []string{"10.1.2.3", "192.168.0.1", "169.254.169.254", "fe80::1", "fd00::1"} {
			if reaches(t, unit, netip.MustParseAddr(text)) {
				t.Errorf("%s reaches %s, by what a client says", name, text)
			}
		}
	}
}

// TestVariablesOfExamplesAreRead finds each environment variable that deploy/ sets among
// those that are read: others have no effect.
func TestVariablesOfExamplesAreRead(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"CADUCEUS_CONFIG": true}
	settings := reflect.TypeFor[Settings]()
	for i := range settings.NumField() {
		section := settings.Field(i)
		if section.Type.Kind() != reflect.Struct {
			continue
		}
		for j := range section.Type.NumField() {
			known[config.Variable(section.Tag.Get("toml"), section.Type.Field(j).Tag.Get("toml"))] = true
		}
	}
	found := 0
	err := filepath.WalkDir(deployed, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		for _, name := range regexp.MustCompile(`CADUCEUS_[A-Z0-9_]+`).FindAllString(string(raw), -1) {
			if found++; !known[name] {
				t.Errorf("%s sets %s, which names no key", path, name)
			}
		}
		return err
	})
	if err != nil || found < 10 {
		t.Errorf("%d variables in %s: %v", found, deployed, err)
	}
}
