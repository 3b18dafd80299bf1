package e2e

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vedette/internal/acts"
)

// documented is a file of the tree as it is printed.
func documented(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks are the blocks of lines in a section of docs/external-systems.md.
func blocks(t *testing.T, heading string) []string {
	t.Helper()
	_, section, ok := strings.Cut(documented(t, "docs/external-systems.md"), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("docs/external-systems.md has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var found []string
	for i, part := range strings.Split("\n"+section, "\n```\n") {
		if i%2 == 1 {
			found = append(found, part)
		}
	}
	if len(found) == 0 {
		t.Fatalf("section %q has no lines", heading)
	}
	return found
}

// printedLine is a documented line, and what it says behind # comes of it.
type printedLine struct{ line, result string }

var remark = regexp.MustCompile(`\s+# (.*)$`)

func printedLines(block string) []printedLine {
	var lines []printedLine
	for line := range strings.Lines(block) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		result := ""
		if m := remark.FindStringSubmatch(line); m != nil {
			result = m[1]
		}
		lines = append(lines, printedLine{line, result})
	}
	return lines
}

// shell is where a person pastes lines: one bash for all, in a folder, at which
// centralnode, ssh and scp find the Central Node of the test.
type shell struct {
	t      *testing.T
	k      *desk
	script strings.Builder
	names  *strings.Replacer
}

func newShell(t *testing.T, n *node, k *desk) *shell {
	host, port, _ := net.SplitHostPort(k.ssh)
	s := &shell{t: t, k: k, names: strings.NewReplacer("CENTRAL-NODE:443", n.address, "CN:443", n.address, "@CENTRAL-NODE", "@"+host, "CENTRAL-NODE", n.address)}
	k.write("config", "Host *\n  Port "+port+"\n  UserKnownHostsFile "+k.path("known_hosts")+"\n  IdentityFile "+k.path("id")+"\n  IdentitiesOnly yes\n")
	s.script.WriteString("shopt -s expand_aliases\nset -u\n" +
		`ssh() { command ssh -F config "$@"; }; scp() { command scp -F config "$@"; }` + "\n" +
		`centralnode() { ` + filepath.Join(bin, "centralnode") + ` --config ` + n.config + ` "$@"; }` + "\n")
	return s
}

// behind is printed after each line.
const behind = "--- exit code "

// paste has the shell run a line, with names of the test in the place of those
// that are printed.
func (s *shell) paste(line string) {
	s.script.WriteString(s.names.Replace(line) + "\ncode=$?; echo; echo '" + behind + "'$code\n")
}

// run runs everything, and returns what each line has printed; all of them have
// to succeed.
func (s *shell) run() []string {
	s.t.Helper()
	o := s.k.doLine(s.script.String(), []string{"bash"})
	var printed []string
	for part := range strings.SplitSeq(o.out, behind) {
		if len(printed) > 0 {
			code, rest, _ := strings.Cut(part, "\n")
			if code != "0" {
				s.t.Errorf("exit code %s after\n%s%s", code, printed[len(printed)-1], o.err)
			}
			part = rest
		}
		printed = append(printed, strings.TrimSpace(part))
	}
	return printed[:len(printed)-1]
}

// TestDocumentedLinesIntegrateASystem pastes the lines of docs/external-systems.md
// and holds what they print against what is said beside them.
func TestDocumentedLinesIntegrateASystem(t *testing.T) {
	t.Parallel()
	n, k := nodeWithDoor(t)
	sh := newShell(t, n, k)
	k.write("sample.bin", "an ordinary object")
	lines := printedLines(blocks(t, "Integrate a system with curl")[0])
	var results []string
	for _, l := range lines {
		sh.paste(l.line)
		results = append(results, l.result)
		if strings.Contains(l.result, "pending") {
			sh.paste(`centralnode external-system accept "${api##*/}" --yes --fingerprint "$(openssl x509 -in cert.pem -noout -fingerprint -sha256 | cut -d= -f2)"`)
			results = append(results, "accepted")
		}
	}
	for _, check := range blocks(t, "Check the connection") {
		sh.paste(strings.Replace(check, "sensors/ID/", "sensors/${api##*/}/", 1))
		results = append(results, `"state":"accepted"`)
	}
	described := regexp.MustCompile("`(curl [^`]*-F [^`]*)`").FindStringSubmatch(documented(t, "proto/openapi/openapi.yaml"))
	if described == nil {
		t.Fatal("the description has no line of curl")
	}
	sh.paste(strings.NewReplacer("c.pem", "cert.pem", "k.pem", "key.pem", "@FILE", "@sample.bin", "/ID/", "/${api##*/}/").Replace(described[1]))
	results = append(results, "OK")
	printed := sh.run()
	if len(printed) != len(results) {
		t.Fatalf("%d lines have printed something, want %d:\n%s", len(printed), len(results), strings.Join(printed, "\n"+behind+"\n"))
	}
	for i, got := range printed {
		switch word, _, _ := strings.Cut(results[i], ":"); {
		case word == "401 pending":
			if !strings.Contains(got, `"code":"pending"`) || !strings.Contains(got, `"status":401`) {
				t.Errorf("line %d: %s, want %s", i, got, results[i])
			}
		case strings.HasPrefix(results[i], `{"scans"`):
			if got != results[i] && got != strings.Replace(results[i], "processing", "not detected", 1) {
				t.Errorf("line %d: %s, want %s", i, got, results[i])
			}
		case word == "OK":
			if got != "OK" {
				t.Errorf("line %d: %s, want OK", i, got)
			}
		case strings.HasPrefix(word, "alerts"):
			if !strings.HasPrefix(got, `{"detects":[],"token":"`) {
				t.Errorf("line %d: %s", i, got)
			}
		case word == `"state"`:
			if !strings.Contains(got, results[i]) {
				t.Errorf("line %d: %s", i, got)
			}
		}
	}
	n.stop()
}

// TestDocumentedLinesOfTheAdministrator pastes the commands of the same pages for
// a system that is accepted, with an alert.
func TestDocumentedLinesOfTheAdministrator(t *testing.T) {
	t.Parallel()
	n, k := nodeWithDoor(t)
	s := acceptedSystem(t, n, "file-store")
	if code, body := s.submit(s.write("eicar.com", eicar), "1"); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	s.verdict("1")
	sh := newShell(t, n, k)
	count := 0
	for _, heading := range []string{"Alerts", "Take an external system out"} {
		for _, l := range printedLines(blocks(t, heading)[0]) {
			line := strings.NewReplacer(" ID", " "+s.id+" --yes", " 17", " 1").Replace(remark.ReplaceAllString(l.line, ""))
			sh.paste(line)
			count++
		}
	}
	for _, inline := range []string{"centralnode external-system list", "centralnode scan show", "centralnode external-system priority on"} {
		if !strings.Contains(documented(t, "docs/external-systems.md"), "`"+inline+"`") {
			t.Errorf("docs/external-systems.md does not say %s any more", inline)
		}
		sh.paste(inline)
		count++
	}
	if printed := sh.run(); len(printed) != count || count < 8 {
		t.Errorf("%d lines have run of %d", len(printed), count)
	}
	if a := read[acts.Alert](n, "alert", "show", "1"); a.State != acts.AlertInProcess {
		t.Errorf("the alert is %s", a.State)
	}
	list := read[acts.ExternalSystemList](n, "external-system", "list")
	if len(list.Systems) != 0 || !list.MaximumScanPriority {
		t.Errorf("afterwards: %+v", list)
	}
	n.stop()
}

// TestDocumentedConfigurationOfScanningWorks starts a Central Node with the
// documented lines, and has the documented rules find something.
func TestDocumentedConfigurationOfScanningWorks(t *testing.T) {
	t.Parallel()
	engines, limits := blocks(t, "Choose what scans: engines"), blocks(t, "Limits")[0]
	dir := t.TempDir()
	lists := map[string]string{"hashes.txt": "", "rules.txt": ""}
	for line := range strings.Lines(engines[len(engines)-1]) {
		file := "rules.txt"
		if regexp.MustCompile(`^[0-9a-f]{32}`).MatchString(line) {
			file = "hashes.txt"
		}
		lists[file] += line
	}
	for name, text := range lists {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "yara"), 0o700); err != nil {
		t.Fatal(err)
	}
	n := newNode(t, limits, strings.ReplaceAll(engines[0], "/etc/vedette/", dir+"/"))
	status := read[acts.ScanStatus](n, "scan", "show")
	var names []string
	for _, e := range status.Engines {
		names = append(names, e.Name)
	}
	if strings.Join(names, " ") != "builtin clamd yara" {
		t.Errorf("engines: %v", names)
	}
	s := acceptedSystem(t, n, "file-store")
	if code, body := s.submit(s.write("letter.rtf", `{\rtf1 {\object\objclass Equation.3}}`), "1"); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	if v := s.verdict("1"); v != "detect" {
		t.Errorf("the documented rule does not find: %s", v)
	}
	alerts := read[acts.AlertList](n, "alert", "list").Alerts
	if len(alerts) != 1 || strings.Join(alerts[0].Detections, " ") != "Rtf.Equation" || alerts[0].Importance != "medium" {
		t.Errorf("alerts: %+v", alerts)
	}
	n.stop()
}

// callInTable is a call as the table of docs/api.md names it.
var callInTable = regexp.MustCompile("`(GET|POST|DELETE)((?:, (?:GET|POST|DELETE))*) ([^`\\[]+)")

// TestDocumentedCallsExist makes every call of the table in docs/api.md.
func TestDocumentedCallsExist(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s := acceptedSystem(t, n, "file-store")
	_, table, ok := strings.Cut(documented(t, "docs/api.md"), "\n## External systems\n")
	if !ok {
		t.Fatal("docs/api.md has no section about external systems")
	}
	table, _, _ = strings.Cut(table, "\n- **States**")
	count, root := 0, ""
	for row := range strings.Lines(table) {
		if !strings.HasPrefix(row, "| `") {
			continue
		}
		cell := strings.SplitN(row, " | ", 2)[0]
		for _, m := range callInTable.FindAllStringSubmatch(cell, -1) {
			path := m[3]
			if after, short := strings.CutPrefix(path, "..."); short {
				path = root + after
			} else {
				root = path[:strings.LastIndexByte(path, '/')]
			}
			path = strings.NewReplacer("/ID/", "/"+s.id+"/", "SCANID", "1", "TASK", "1").Replace(path)
			for _, method := range strings.Fields(m[1] + strings.ReplaceAll(m[2], ",", " ")) {
				code, body := s.curl("-X", method, "https://"+n.address+path)
				count++
				// What has no parameters or no object here says so, in its own words.
				answered := code == http.StatusOK || code == http.StatusNoContent
				if !answered && (code == http.StatusMethodNotAllowed || !strings.Contains(body, `"code":"bad_request"`) && !strings.Contains(body, `"title":"No such `)) {
					t.Errorf("%s %s: %d %s", method, path, code, body)
				}
			}
		}
	}
	if count < 13 {
		t.Errorf("the table has %d calls", count)
	}
	n.stop()
}
