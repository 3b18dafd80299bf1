// Package vedette_test holds the rules of the tree as tests: who may import
// whom, which heavy dependency has which one room, and what no code may use.
package vedette_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// layers says which of our own folders each folder may import. A folder that
// is not named here may import nothing of ours.
var layers = []struct {
	folder string
	may    []string
	reason string
}{
	{"cmd/internal", []string{"cmd/internal", "internal", "pki", "proto"}, "what the binaries share knows no daemon"},
	{"cmd", []string{"cmd", "centralnode", "sensor", "agent", "adminmenu", "internal", "pki", "proto"}, "binaries join a daemon to its faces"},
	{"scripts", []string{"scripts", "agent", "centralnode", "sensor", "internal", "pki", "proto"}, "whole-system tests and benchmarks may look anywhere but into binaries"},
	{"centralnode/trust", []string{"pki", "proto/problem"}, "the judge is pure: no storage, no network, no clock"},
	{"centralnode/eventlog", []string{"pki", "proto", "internal"}, "the event log knows no other room"},
	{"centralnode/gateway", []string{"centralnode/trust", "internal", "pki", "proto"}, "the door knows the judge and no path"},
	{"centralnode/store", []string{"centralnode/trust", "internal", "pki"}, "entities over internal/kv"},
	{"centralnode/scan/engine", nil, "what engines have in common knows no engine"},
	{"centralnode/scan", []string{"internal", "pki"}, "scanning knows no callers, no door and no lists"},
	{"centralnode/alerts", []string{"centralnode/scan/engine", "internal", "pki"}, "alerts know neither who scans nor who asks"},
	{"centralnode/web/websession", []string{"internal/acts", "internal/sessions"}, "who is signed in knows no page"},
	{"centralnode/web/page/pagetest", []string{"centralnode/web", "internal"}, "a browser for tests builds the world around a page"},
	{"centralnode/web/page", []string{"centralnode/web/websession", "centralnode/web/chart", "internal/acts", "internal/foreign", "pki"}, "what pages are made with knows no act"},
	{"centralnode/web/chart", nil, "drawing knows no data of ours"},
	{"centralnode/web", []string{"centralnode/web", "internal", "pki"}, "the web interface knows words and its own backends, no other room"},
	{"centralnode", []string{"centralnode", "internal", "pki", "proto"}, "a daemon never imports another"},
	{"agent", []string{"agent", "internal", "pki", "proto"}, "the agent never imports a daemon"},
	{"adminmenu", []string{"adminmenu", "internal/acts", "internal/foreign", "pki"}, "the menu knows words and its own backends, no daemon, no store, no protocol"},
	{"sensor/proxy", []string{"internal", "pki", "proto"}, "the agents' path knows no administration"},
	{"sensor/uplink", []string{"internal", "pki", "proto"}, "the link knows no agents"},
	{"sensor/store", []string{"internal", "pki"}, "entities over internal/kv"},
	{"sensor/quality", []string{"internal", "pki", "proto"}, "measuring knows the link and the doors as functions"},
	{"sensor", []string{"sensor", "internal", "pki", "proto"}, "a daemon never imports another"},
	{"internal/acts", []string{"pki"}, "words only"},
	{"internal", []string{"internal", "pki"}, "what both daemons need and neither owns"},
	{"pki", []string{"pki"}, "imports nothing of ours"},
	{"proto", []string{"proto"}, "wire contracts without product knowledge"},
}

// rooms gives each heavy dependency the only folders that may import it.
var rooms = []struct {
	module string
	in     []string
	reason string
}{
	{"go.etcd.io/bbolt", []string{"internal/kv"}, "no transaction leaves the room, and another engine can take its place"},
	{"github.com/nats-io/", []string{"centralnode/eventlog"}, "events may move to another log"},
	{"github.com/spf13/cobra", []string{"cmd"}, "commands are a face, not a core"},
	{"golang.org/x/crypto/ssh", []string{"internal/sshd"}, "one place knows the protocol of administrators"},
	{"github.com/pkg/sftp", []string{"internal/sshd"}, "files over SSH are part of the one door"},
	{"github.com/rivo/tview", []string{"adminmenu"}, "one place draws on terminals"},
	{"github.com/gdamore/tcell", []string{"adminmenu"}, "one place draws on terminals"},
	{"golang.org/x/crypto/argon2", []string{"internal/accounts"}, "one place hashes passwords"},
	{"software.sslmate.com/src/go-pkcs12", []string{"pki"}, "every decode goes through the bound on iterations"},
	{"github.com/pelletier/go-toml", []string{"internal/settings"}, "one strict reader of configuration"},
	{"github.com/prometheus/client_golang", []string{"internal/health"}, "daemons give numbers, one place serves them"},
	{"github.com/gabriel-vasile/mimetype", []string{"centralnode/scan/builtin"}, "one place recognises types of files"},
	{"rsc.io/qr", []string{"centralnode/web/people"}, "one page shows a code to be scanned"},
	{"github.com/chromedp/", []string{"scripts/e2e"}, "a real browser is a matter of whole-system tests"},
	{"github.com/getkin/kin-openapi", []string{"proto/openapi/openapitest"}, "tests hold exchanges against the description; the daemon only serves it"},
}

// banned names what no code of ours may contain, with the reason.
var banned = []struct {
	pattern *regexp.Regexp
	reason  string
}{
	{regexp.MustCompile(`VerifyPeerCertificate\s*:`), "Go skips it on resumed sessions: use VerifyConnection"},
	{regexp.MustCompile(`time\.Sleep\(`), "wait for the event, with a deadline"},
	{regexp.MustCompile(`(?i)\btls\w*\.Clone\(\)`), "clones of a server configuration share ticket keys"},
	{regexp.MustCompile(`\b(slog\.(Info|Warn|Error|Debug|Default)\(|log\.(Print|Fatal|Panic))`), "the logger is a parameter"},
}

const maxLines = 500

type goPackage struct {
	ImportPath, Dir                                              string
	Imports, TestImports, XTestImports                           []string
	GoFiles, CgoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var all []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list found %d packages: this test looks in the wrong place", len(all))
	}
	return all
}

func within(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, "vedette/")
		rule := slices.IndexFunc(layers, func(l struct {
			folder string
			may    []string
			reason string
		}) bool {
			return within(from, []string{l.folder})
		})
		// Tests may build the world around what they test; programs may not.
		for _, to := range p.Imports {
			own, ours := strings.CutPrefix(to, "vedette/")
			if !ours {
				continue
			}
			if rule < 0 || !within(own, append([]string{layers[rule].folder}, layers[rule].may...)) {
				reason := "no rule allows it"
				if rule >= 0 {
					reason = layers[rule].reason
				}
				t.Errorf("%s imports %s: %s", from, own, reason)
			}
		}
	}
}

func TestHeavyDependencyHasOneRoom(t *testing.T) {
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, "vedette/")
		for _, to := range p.Imports {
			for _, r := range rooms {
				if strings.HasPrefix(to, r.module) && !within(from, r.in) {
					t.Errorf("%s imports %s, which belongs to %v: %s", from, to, r.in, r.reason)
				}
			}
		}
	}
}

func TestNoBannedCodeAndNoCrowdedFile(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "demo" || d.Name() == "bin") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".pb.go") || strings.HasSuffix(path, ".connect.go") || path == "deps_test.go" {
			return nil
		}
		seen++
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		lines := 0
		for s := bufio.NewScanner(f); s.Scan(); {
			lines++
			code, _, _ := strings.Cut(s.Text(), "//")
			for _, b := range banned {
				if b.pattern.MatchString(code) {
					t.Errorf("%s:%d: %s: %s", path, lines, strings.TrimSpace(s.Text()), b.reason)
				}
			}
		}
		if lines > maxLines {
			t.Errorf("%s has %d lines, at most %d: split it by noun", path, lines, maxLines)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 20 {
		t.Fatalf("only %d files were read: this test looks in the wrong place", seen)
	}
}
