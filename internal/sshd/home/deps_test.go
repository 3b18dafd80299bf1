package home_test

import (
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Paths of clients cannot reach a file system that the package does not know.
func TestThePackageKnowsNoFileSystem(t *testing.T) {
	banned := map[string]bool{
		"os": true, "os/exec": true, "io/ioutil": true, "path/filepath": true, "syscall": true, "unsafe": true,
		"golang.org/x/sys/unix": true, "embed": true, "plugin": true, "net": true,
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		seen++
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			if path, err := strconv.Unquote(spec.Path.Value); err != nil || banned[path] {
				t.Errorf("%s imports %s (%v)", f.Name(), spec.Path.Value, err)
			}
		}
	}
	if seen < 8 {
		t.Errorf("only %d files were read", seen)
	}
}

// The library's other server gives the host's files to clients.
func TestThePackageUsesOnlyTheLibrarysRequestServer(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		for _, name := range []string{"sftp.NewServer(", "sftp.InMemHandler("} {
			if strings.Contains(read(t, f.Name()), name) {
				t.Errorf("%s uses %s", f.Name(), name)
			}
		}
	}
}
