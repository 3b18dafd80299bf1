package page

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var customColour = regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]{3,6});`)

// colours reads the custom properties of one scheme.
func colours(block string) map[string]string {
	out := make(map[string]string)
	for _, m := range customColour.FindAllStringSubmatch(block, -1) {
		out[m[1]] = m[2]
	}
	return out
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	digits := strings.TrimPrefix(colour, "#")
	if len(digits) == 3 {
		digits = fmt.Sprintf("%[1]c%[1]c%[2]c%[2]c%[3]c%[3]c", digits[0], digits[1], digits[2])
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(digits[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatalf("colour %q: %v", colour, err)
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

func TestColoursCanBeToldApart(t *testing.T) {
	sheet, err := own.ReadFile("static/vedette.css")
	if err != nil {
		t.Fatal(err)
	}
	light, rest, found := strings.Cut(string(sheet), "@media (prefers-color-scheme: dark)")
	dark, _, end := strings.Cut(rest, "\n}\n")
	if !found || !end {
		t.Fatal("there are no two schemes")
	}
	for scheme, c := range map[string]map[string]string{"light": colours(light), "dark": colours(dark)} {
		check := func(least float64, front string, backs ...string) {
			for _, back := range backs {
				if c[front] == "" || c[back] == "" {
					t.Fatalf("%s: no colour %s or %s", scheme, front, back)
				}
				a, b := luminance(t, c[front]), luminance(t, c[back])
				if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < least {
					t.Errorf("%s: %s on %s has contrast %.2f, want %.1f", scheme, front, back, ratio, least)
				}
			}
		}
		for _, text := range []string{"ink", "quiet", "accent"} {
			check(4.5, text, "ground", "surface", "raised", "accent-soft")
		}
		for _, state := range []string{"good", "waiting", "bad", "off"} {
			check(4.5, state, "ground", "surface", "raised")
		}
		check(4.5, "accent-ink", "accent", "bad")
		for _, front := range []string{"ink", "waiting", "accent", "quiet"} {
			check(4.5, front, "waiting-soft")
		}
		for _, front := range []string{"ink", "bad", "accent", "quiet"} {
			check(4.5, front, "bad-soft")
		}
		check(4.5, "ink", "line") // a section of the navigation under the pointer
		check(3, "control", "ground", "surface", "raised")
		for n := 1; n <= 6; n++ {
			check(3, "s"+strconv.Itoa(n), "surface")
		}
	}
}
