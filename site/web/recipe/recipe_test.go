package recipe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/site/web"
)

// all is every line and field of some recipes.
func all(list []Recipe) string {
	var out strings.Builder
	for _, r := range list {
		for _, s := range r.Steps {
			_, _ = fmt.Fprintln(&out, r.Slug, s.Text, strings.Join(s.Lines, "\n"), s.Fields, s.After)
		}
	}
	return out.String()
}

func TestRecipes(t *testing.T) {
	t.Parallel()
	n := Network{IRCInfo: web.IRCInfo{Host: "irc.example", TLSPort: 7000}, Site: "BioTorrents", Account: "ann"}
	signed := all(append(n.Recipes(), n.ByCertificate()...))
	n.Fingerprint = "00:AB:cd"
	pinned := all(append(n.Recipes(), n.ByCertificate()...))
	for says, in := range map[string]bool{"-tls_pinned_cert 00:AB:CD": true, "tls_fingerprint 00abcd": true, "-notls_verify": true, "F=45\n": true, "F=13\n": false} {
		if strings.Contains(pinned, says) != in || strings.Contains(signed, says) == in {
			t.Errorf("%q: with a fingerprint %t, without %t", says, strings.Contains(pinned, says), strings.Contains(signed, says))
		}
	}
	seen := map[string]bool{}
	for _, r := range append(n.Recipes(), n.ByCertificate()...) {
		text := all([]Recipe{r})
		if seen[r.Slug] || r.Name == "" || !strings.Contains(r.Slug, "certificate") && (!strings.Contains(text, "ann") || !strings.Contains(text, "irc.example") || !strings.Contains(text, "7000") || !strings.Contains(text, Key)) {
			t.Errorf("%s lacks something, or stands twice:\n%s", r.Slug, text)
		}
		seen[r.Slug] = true
	}
	for name, other := range map[string]web.IRCInfo{"none": {}, "foreign": {Host: "irc.example", TLSPort: 6697, Bot: "Hermes"}, "without TLS": {Host: "irc.example", PlainPort: 6667}} {
		if n := (Network{IRCInfo: other, Account: "ann"}); n.Own() || n.Recipes() != nil || n.ByCertificate() != nil || n.There() != (name != "none") {
			t.Errorf("%s: %+v", name, n.Recipes())
		}
	}
}

// TestLabel is one word, whatever the site is called.
func TestLabel(t *testing.T) {
	t.Parallel()
	for site, want := range map[string]string{"BioTorrents": "biotorrents", "The Data Library": "thedatalibrary", "": "site", "ビオ": "site", "1st": "site", "a; /quit": "aquit",
		strings.Repeat("a", 21): "site", "x\n/exec rm": "xexecrm"} {
		if got := (Network{Site: site}).Label(); got != want {
			t.Errorf("%q: %q, want %q", site, got, want)
		}
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	info := web.IRCInfo{Host: "irc.example", TLSPort: 7000}
	if n, err := Of(t.Context(), info, "BioTorrents", "ann"); err != nil || n.Fingerprint != "" {
		t.Errorf("%q, %v", n.Fingerprint, err)
	}
	info.Certificate = func(context.Context) (string, error) { return "00ab", nil }
	if n, err := Of(t.Context(), info, "BioTorrents", "ann"); err != nil || n.Fingerprint != "00ab" {
		t.Errorf("%q, %v", n.Fingerprint, err)
	}
	away := errors.New("the database is away")
	info.Certificate = func(context.Context) (string, error) { return "", away }
	if _, err := Of(t.Context(), info, "BioTorrents", "ann"); !errors.Is(err, away) {
		t.Errorf("%v", err)
	}
}
