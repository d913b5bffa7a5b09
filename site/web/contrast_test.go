package web

import (
	"math"
	"regexp"
	"strconv"
	"testing"
)

var (
	twoColours = regexp.MustCompile(`--([a-z-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)`)
	oneColour  = regexp.MustCompile(`--([a-z-]+):\s*(#[0-9a-f]{6})`)
)

// TestContrast measures the colours of the tokens, in light and dark (WCAG 2.2, 1.4.3,
// 1.4.6 and 1.4.11).
func TestContrast(t *testing.T) {
	raw, err := assetFiles.ReadFile("assets/css/00-tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark := map[string]string{}, map[string]string{}
	for _, m := range twoColours.FindAllStringSubmatch(string(raw), -1) {
		light[m[1]], dark[m[1]] = m[2], m[3]
	}
	for _, m := range oneColour.FindAllStringSubmatch(string(raw), -1) {
		light[m[1]], dark[m[1]] = m[2], m[2]
	}
	grounds := []string{"paper", "card", "sunken", "teal-wash", "gold-wash", "bad-wash", "good-wash"}
	rules := []struct {
		least   float64
		colours []string
		on      []string
	}{
		{7, []string{"ink", "text", "link", "gold", "bad", "good"}, grounds},
		{4.5, []string{"soft"}, grounds},
		{3, []string{"edge", "focus"}, grounds},
		{3, []string{"plot-a", "plot-b", "plot-c", "bad"}, []string{"paper", "card"}},
		{7, []string{"on-solid"}, []string{"solid"}},
		{4.5, []string{"on-solid"}, []string{"solid-over"}},
		{7, []string{"on-gilt"}, []string{"gilt"}},
		{7, []string{"on-top"}, []string{"top"}},
		{4.5, []string{"soft-on-top"}, []string{"top"}},
		{3, []string{"edge-on-top", "gilt", "strand"}, []string{"top"}},
	}
	for mode, colours := range map[string]map[string]string{"light": light, "dark": dark} {
		for _, r := range rules {
			for _, front := range r.colours {
				for _, back := range r.on {
					if colours[front] == "" || colours[back] == "" {
						t.Fatalf("there is no colour %s or %s", front, back)
					}
					if got := contrast(t, colours[front], colours[back]); got < r.least {
						t.Errorf("%s: %s on %s has %.2f:1, want %v:1", mode, front, back, got, r.least)
					}
				}
			}
		}
	}
}

// TestColoursAreTokens holds colours to their one place.
func TestColoursAreTokens(t *testing.T) {
	files, err := assetFiles.ReadDir("assets/css")
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{"#fff": true} // paper that is printed on, and text on the dark bar
	for _, f := range files[1:] {
		raw, err := assetFiles.ReadFile("assets/css/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, colour := range regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b`).FindAllString(string(raw), -1) {
			if !allowed[colour] {
				t.Errorf("%s has the colour %s", f.Name(), colour)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is the relative luminance of a colour written #rrggbb.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
