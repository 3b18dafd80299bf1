package e2e

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// zipped is an archive of one file. It is compressed: nobody finds in it what is
// in the file who does not open it.
func zipped(t testing.TB, content string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.Create("file")
	if err == nil {
		_, err = f.Write([]byte(content))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// encrypted is an archive with a file that nobody can read.
func encrypted(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.CreateRaw(&zip.FileHeader{Name: "letter.doc", Method: zip.Store, Flags: 1, CompressedSize64: 40, UncompressedSize64: 28})
	if err == nil {
		_, err = f.Write(bytes.Repeat([]byte{0x5a}, 40))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestRealEnginesFindWhatTheyKnow has clamd, yara and the built-in engine look at
// objects: each names itself in its alert, and what was not looked at as a whole
// is never called clean.
func TestRealEnginesFindWhatTheyKnow(t *testing.T) {
	av, rules := newRealClamd(t), newWrappedYARA(t)
	av.start()
	n := newNode(t, fmt.Sprintf("[scan.clamd]\naddress = %q\nmax_file_size = \"2MiB\"", "unix:"+av.socket), rules.lines())
	c := acceptedSystem(t, n, "file-store").caller()
	for _, name := range []string{"builtin", "clamd", "yara"} {
		eventually(t, 30*time.Second, name+" is well", func() bool { return n.engine(name).Trouble == "" })
	}
	cases := []struct {
		id      string
		content []byte
		state   string
		engines []string
	}{
		{"clean", []byte("an ordinary object"), "not detected", nil},
		{"empty", nil, "not detected", nil},
		{"signature", []byte("before " + clamdMark + " behind"), "detect", []string{"clamd"}},
		{"rule", []byte("before " + yaraMark + " behind"), "detect", []string{"yara"}},
		{"both", []byte(clamdMark + yaraMark), "detect", []string{"clamd", "yara"}},
		{"eicar", []byte(eicar), "detect", []string{"builtin"}},
		{"archive", zipped(t, clamdMark), "detect", []string{"clamd"}},
		{"clean-archive", zipped(t, "an ordinary file"), "not detected", nil},
		{"archive-over-limits", zipped(t, strings.Repeat("a", 5<<19)+clamdMark), "error", nil},
		{"over-limits", bytes.Repeat([]byte("a"), 5<<19), "error", nil},
		{"over-stream", bytes.Repeat([]byte("a"), 3<<20+1), "error", nil},
		{"over-limits-and-bad", append([]byte(yaraMark), bytes.Repeat([]byte("a"), 5<<19)...), "detect", []string{"yara"}},
		{"encrypted", encrypted(t), "error", nil},
	}
	for _, v := range cases {
		c.takes(v.id, v.content)
	}
	n.clean()
	states, alerts := c.states(), n.alerts()
	for _, v := range cases {
		var engines []string
		for _, a := range alerts[[2]string{c.id, v.id}] {
			engines = append(engines, a.Engine)
			technology, name, ruleSet := "am", "Test.Signature.UNOFFICIAL", n.engine(a.Engine).RuleSet
			switch a.Engine {
			case "yara":
				technology, name = "yara", "Test_Rule"
				if ruleSet == "" || a.Importance != "medium" {
					t.Errorf("%s: the rule set %q, importance %s", v.id, ruleSet, a.Importance)
				}
			case "builtin":
				name = "EICAR"
			}
			if a.Technology != technology || len(a.Detections) != 1 || !strings.Contains(a.Detections[0], name) || a.RuleSet != ruleSet ||
				a.ObjectSize != int64(len(v.content)) || a.System != c.id || a.Source != "external" {
				t.Errorf("%s: the alert %+v", v.id, a)
			}
		}
		slices.Sort(engines)
		if states[v.id] != v.state || !slices.Equal(engines, v.engines) {
			t.Errorf("%s is %q with alerts of %v, want %q with %v", v.id, states[v.id], engines, v.state, v.engines)
		}
	}
	if verdicts := n.scanning().Verdicts; verdicts["detect"] != 6 || verdicts["error"] != 4 || verdicts["not detected"] != 3 || verdicts["timeout"] != 0 {
		t.Errorf("verdicts: %v", verdicts)
	}
	for path, want := range map[string]int{"detects": 7, "detects?detect_type=am": 4, "detects?detect_type=yara": 3} {
		status, body, err := c.call(http.MethodGet, c.scanner(path), "", nil)
		if got := strings.Count(body, `"alertID":`); err != nil || status != http.StatusOK || got != want {
			t.Errorf("%s: %d, %d alerts, want %d, %v", path, status, got, want, err)
		}
	}
	n.stop()
}
