package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// clientFiles are the source of an external system in TypeScript. Everything
// else of it comes from the npm registry, by name and exact version, and from
// the description that the Central Node serves.
var clientFiles = []string{"package.json", "openapi-ts.config.ts", "tsconfig.json", "round.ts"}

// TestGeneratedClientDoesTheWholeRound has a foreign generator make a client of
// the description that the daemon serves. A program that was written against
// this client integrates and does everything that the description has, with its
// own certificate and with verification of the server.
func TestGeneratedClientDoesTheWholeRound(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s := newSystem(t, n, "generated:client@1")
	for _, name := range clientFiles {
		text, err := os.ReadFile(filepath.Join("testdata", "client", name))
		if err != nil {
			t.Fatal(err)
		}
		s.write(name, string(text))
	}
	s.inside(t, "curl", "-sS", "--fail", "--cacert", "kata.crt", "--output", "openapi.yaml", "https://"+n.address+"/kata/openapi.yaml")
	// What npm keeps of earlier runs is enough.
	s.inside(t, "npm", "install", "--prefer-offline", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund")
	s.inside(t, filepath.Join("node_modules", ".bin", "openapi-ts"), "--silent")
	s.inside(t, filepath.Join("node_modules", ".bin", "tsc"))

	a := newAgent(t, `package_period = "200ms"`)
	a.must("--message-broker=enable", "--type=kata", "--servers="+n.address, "--tls=yes", "--pinned-certificate="+n.certificate())
	a.start()
	const mark = "mark-for-a-generated-client"
	marked(t, mark)

	s.inside(t, "node", filepath.Join("built", "round.js"), "ask", n.address, s.id)
	if shown := s.shown(); shown.Name != "a generated client" {
		t.Errorf("the request is called %q", shown.Name)
	}
	s.accept("--type", "mail")
	s.inside(t, "node", filepath.Join("built", "round.js"), "round", n.address, s.id, mark)
	a.stop()
	n.stop()
}

// inside runs a program in the system's folder, to its end and with success.
func (s *system) inside(t *testing.T, program string, args ...string) {
	t.Helper()
	o := command(t, "env", append([]string{"--chdir=" + s.dir, program}, args...)...)
	if o.code != 0 {
		t.Fatalf("%s %q: exit %d\n%s%s", program, args, o.code, o.out, o.err)
	}
}
