package adminmenu

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// screenBlock is a screen in docs/menu.md: a mark with the name of its golden
// file, and a fenced text, both indented alike.
var screenBlock = regexp.MustCompile("(?m)^( *)<!-- screen: ([a-z0-9-]+) -->\n *```text\n((?: *[┌│├└ ].*\n)*) *```\n")

// printed is a golden screen as docs show it: without empty rows.
func printed(t *testing.T, name, indent string) string {
	t.Helper()
	golden, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, row := range strings.Split(strings.TrimRight(string(golden), "\n"), "\n") {
		if strings.Trim(row, "│ ") != "" {
			b.WriteString(indent + row + "\n")
		}
	}
	return b.String()
}

// TestDocsShowTheScreensAsTheyAre compares docs/menu.md with the golden files.
// -update copies them there, but never in CI. This file is the last one of the
// package's tests, so that it copies what the others wrote.
func TestDocsShowTheScreensAsTheyAre(t *testing.T) {
	path := filepath.Join("..", "docs", "menu.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if marks, blocks := strings.Count(string(text), "<!-- screen:"), len(screenBlock.FindAll(text, -1)); blocks != marks || blocks == 0 {
		t.Errorf("%d of %d screens have the form that is compared", blocks, marks)
	}
	renewed := screenBlock.ReplaceAllStringFunc(string(text), func(block string) string {
		part := screenBlock.FindStringSubmatch(block)
		want := printed(t, part[2], part[1])
		if part[3] != want && !*update {
			t.Errorf("the screen %s is\n%s\nin docs/menu.md it is\n%s", part[2], want, part[3])
		}
		return part[1] + "<!-- screen: " + part[2] + " -->\n" + part[1] + "```text\n" + want + part[1] + "```\n"
	})
	if *update && os.Getenv("CI") != "true" {
		if err := os.WriteFile(path, []byte(renewed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
