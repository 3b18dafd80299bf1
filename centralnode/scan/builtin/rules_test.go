package builtin_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// chunk is how much of an object the engine reads at a time.
const chunk = 64 << 10

func TestRulesMatchWherePatternsHaveToBe(t *testing.T) {
	w := newWorld(t, "a.rules", `
# name        importance  conditions
At.Zero        high   hex 4D5a at 0
At.Far         medium text "far away" at 70000
Within.Eight   low    text "abcd" within 8
Anywhere       high   text "needle" anywhere
Both           high   text "left" anywhere and text "right" anywhere
Escapes        high   text "\"\\\r\n\t\x00\xfF" at 1
Pdf.Script     high   type application/pdf text "JavaScript" anywhere
Zip.Family     high   type application/zip hex 504b at 0
`)
	far := func(s string) []byte { return append(bytes.Repeat([]byte("-"), 70000), s...) }
	for name, c := range map[string]struct {
		content []byte
		want    []string
	}{
		"nothing":                     {nil, nil},
		"at zero":                     {[]byte("MZ"), []string{"At.Zero"}},
		"not at zero":                 {[]byte("-MZ"), nil},
		"too short for it":            {[]byte("M"), nil},
		"behind the first read":       {far("far away"), []string{"At.Far"}},
		"one off":                     {far("-far away"), nil},
		"cut at the end":              {far("far awa"), nil},
		"within, at its last place":   {[]byte("----abcd"), []string{"Within.Eight"}},
		"within, one too far":         {[]byte("-----abcd"), nil},
		"within, twice":               {[]byte("abcd-----abcd"), []string{"Within.Eight"}},
		"anywhere":                    {far("a needle here"), []string{"Anywhere"}},
		"one of two":                  {far("left"), nil},
		"two of two, the other order": {far("right left"), []string{"Both"}},
		"escapes":                     {[]byte("-\"\\\r\n\t\x00\xff"), []string{"Escapes"}},
		"type and pattern":            {[]byte("%PDF-1.4\nJavaScript"), []string{"Pdf.Script"}},
		"pattern without type":        {[]byte("JavaScript"), nil},
		"derived type":                {[]byte("PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00" + strings.Repeat("\x00", 16) + "word/document.xml"), []string{"Zip.Family"}},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.wants(c.content, c.want...)
		})
	}
}

func TestPatternsAreFoundAcrossReads(t *testing.T) {
	pattern := "a pattern that lies across the end of a read"
	w := newWorld(t, "a.rules", fmt.Sprintf("Across high text %q anywhere\nFixed low text %q at %d\n", pattern, pattern, chunk-7))
	content := make([]byte, 2*chunk)
	for _, before := range []int{0, 1, 2, 7, len(pattern) / 2, len(pattern) - 1, len(pattern)} {
		clear(content)
		copy(content[chunk-before:], pattern)
		want := []string{"Across"}
		if before == 7 {
			want = append(want, "Fixed")
		}
		w.wants(content, want...)
	}
	// The end of the object cuts the pattern.
	clear(content)
	copy(content[2*chunk-len(pattern)+1:], pattern)
	w.wants(content)
}

func TestLimitOfWithinIsExactAcrossReads(t *testing.T) {
	w := newWorld(t, "a.rules", fmt.Sprintf("Near high text \"needle\" within %d\n", chunk+3))
	content := bytes.Repeat([]byte{'n'}, 2*chunk)
	copy(content[chunk-3:], "needle")
	w.wants(content, "Near")
	content = bytes.Repeat([]byte{'n'}, 2*chunk)
	copy(content[chunk-2:], "needle")
	w.wants(content)
}

func TestManyDetectionsAreBounded(t *testing.T) {
	var rules strings.Builder
	for i := range 500 {
		fmt.Fprintf(&rules, "Rule.%d low hex 41 at 0\n", i)
	}
	w := newWorld(t, "a.rules", rules.String())
	if n := len(w.scan([]byte("AAA")).Detections); n != 100 {
		t.Errorf("%d detections, want 100", n)
	}
}
