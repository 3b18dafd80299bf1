package builtin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"vedette/centralnode/scan/engine"
)

const someMD5 = "44d88612fea8a8f36de82e1278abb02f"

func TestHostileLinesOfHashListsAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		line, wrong string
	}{
		"no name":            {someMD5, "there is no name"},
		"short hash":         {someMD5[1:] + " A", "neither an MD5"},
		"SHA-1":              {someMD5 + "deadbeef A", "neither an MD5"},
		"odd digits":         {someMD5 + "f A", "neither an MD5"},
		"not digits":         {"z" + someMD5[1:] + " A", "other than hexadecimal digits"},
		"name first":         {"A " + someMD5, "neither an MD5"},
		"four fields":        {someMD5 + " A high B", `"B" is more than`},
		"unknown importance": {someMD5 + " A critical", `"critical" is not an importance`},
		"upper importance":   {someMD5 + " A High", `"High" is not an importance`},
		"long name":          {someMD5 + " " + strings.Repeat("n", 129), "longer than 128"},
		"control in name":    {someMD5 + " A\x1b[31m", "do not show"},
		"no UTF-8 in name":   {someMD5 + " A\xff", "do not show"},
		"bidi in name":       {someMD5 + " A\u202e", "do not show"},
		"zero in name":       {someMD5 + " A\x00", "do not show"},
		"long line":          {someMD5 + strings.Repeat(" ", maxLine) + "A", "longer than 16384"},
		"huge hash":          {strings.Repeat("a", 4000) + " A", "neither an MD5"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseHashList(context.Background(), strings.NewReader("# good\n"+someMD5+" Good low\n"+c.line+"\n"), maxHashes)
			var at *lineError
			if !errors.As(err, &at) || at.line != 3 || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("the error is %v, want line 3 and %q", err, c.wrong)
			}
			if err != nil && (len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\x1b\x00\n\u202e")) {
				t.Errorf("the message is %q", err)
			}
		})
	}
}

func TestHashListHasABound(t *testing.T) {
	_, err := parseHashList(context.Background(), strings.NewReader(strings.Repeat(someMD5+" A\n", 3)), 2)
	if err == nil || !strings.Contains(err.Error(), "line 3: more than") {
		t.Errorf("the error is %v", err)
	}
}

func TestHostileLinesOfRulesAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ line, wrong string }{
		"name only":           {`A`, "is not an importance"},
		"no condition":        {`A high`, "where a condition"},
		"no importance":       {`A hex 4d5a at 0`, `"hex" is not an importance`},
		"unknown word":        {`A high regex x`, `"regex" where a condition`},
		"unknown type":        {`A high type no/such hex 4d5a at 0`, "no file is recognised"},
		"type of anything":    {`A high type application/octet-stream hex 4d5a at 0`, "no file is recognised"},
		"type late":           {`A high hex 4d5a at 0 type text/plain`, `"type" where and`},
		"odd hex":             {`A high hex 4d5 at 0`, "hexadecimal digits"},
		"empty hex":           {`A high hex  at 0`, "hexadecimal digits"},
		"no place":            {`A high hex 4d5a`, "where at, within or anywhere"},
		"no number":           {`A high hex 4d5a at`, "is not a number"},
		"negative":            {`A high hex 4d5a at -1`, "is not a number"},
		"hexadecimal number":  {`A high hex 4d5a at 0x10`, "is not a number"},
		"far":                 {`A high hex 4d5a at 1099511627777`, "is not a number"},
		"huge":                {`A high hex 4d5a at 99999999999999999999999`, "is not a number"},
		"short anywhere":      {`A high hex 4d5a anywhere`, "4 to 1024"},
		"long":                {`A high hex ` + strings.Repeat("41", 1025) + ` at 0`, "1 to 1024"},
		"empty text":          {`A high text "" at 0`, "1 to 1024"},
		"never within":        {`A high text "abcdef" within 5`, "never within"},
		"bare text":           {`A high text abcd anywhere`, "quotation marks"},
		"open text":           {`A high text "abcd anywhere`, "has no end"},
		"backslash at end":    {`A high text "abcd\`, "the escapes are"},
		"unknown escape":      {`A high text "ab\cd" anywhere`, "the escapes are"},
		"half escape":         {`A high text "abcd\x4" anywhere`, "the escapes are"},
		"glued":               {`A high text "abcd"anywhere`, "a space has to follow"},
		"dangling and":        {`A high hex 4d5a at 0 and`, "where a condition"},
		"too many conditions": {`A high hex 4d at 0` + strings.Repeat(" and hex 4d at 0", 16), "more than 16 conditions"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseRules(context.Background(), strings.NewReader("Good low hex 41 at 0\n\n"+c.line), room{maxRules, maxPatternBytes})
			var at *lineError
			if !errors.As(err, &at) || at.line != 3 || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("the error is %v, want line 3 and %q", err, c.wrong)
			}
		})
	}
}

func TestRulesHaveABound(t *testing.T) {
	three := strings.Repeat("A low hex 4142 at 0\n", 3)
	for _, left := range []room{{2, 100}, {100, 5}} {
		if _, err := parseRules(context.Background(), strings.NewReader(three), left); err == nil || !strings.Contains(err.Error(), "line 3: more than") {
			t.Errorf("with room %v the error is %v", left, err)
		}
	}
}

func TestParsingEndsWithItsContext(t *testing.T) {
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := parseHashList(gone, strings.NewReader(strings.Repeat("#\n", 10_000)), maxHashes); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

// numbered is a list of n SHA-256 hashes and as many names.
func numbered(n int) []byte {
	var b bytes.Buffer
	b.Grow(n * 90)
	for i := range n {
		fmt.Fprintf(&b, "%x Family.Variant.%d\n", sumOf(i), i)
	}
	return b.Bytes()
}

func sumOf(i int) [sha256.Size]byte { return sha256.Sum256(fmt.Append(nil, i)) }

// TestHashesTakeBoundedMemory has names that all differ: 32 bytes of hash, 4 of
// reference and 24 of name. A million took 56 MiB.
func TestHashesTakeBoundedMemory(t *testing.T) {
	n := 100_000
	file := numbered(n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l, err := parseHashList(context.Background(), bytes.NewReader(file), maxHashes)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(file)
	kept, taken := int64(after.HeapAlloc)-int64(before.HeapAlloc), after.TotalAlloc-before.TotalAlloc
	t.Logf("%d hashes keep %d KiB, and took %d KiB on the way", l.len(), kept>>10, taken>>10)
	if kept > int64(72*n) {
		t.Errorf("%d hashes keep %d bytes, at most 72 each are right", n, kept)
	}
	if taken > uint64(600*n) {
		t.Errorf("%d hashes took %d bytes on the way, at most 600 each are right", n, taken)
	}
	for _, i := range []int{0, 1, n / 2, n - 1} {
		var got []string
		l.find([16]byte{}, sumOf(i), func(d engine.Detection) { got = append(got, d.Name) })
		if want := []string{fmt.Sprintf("Family.Variant.%d", i)}; !slices.Equal(got, want) {
			t.Errorf("found %q, want %q", got, want)
		}
	}
	l.find([16]byte{}, sumOf(n), func(d engine.Detection) { t.Errorf("found %v, which is not there", d) })
}

func TestRepeatedNamesAreKeptOnce(t *testing.T) {
	var b bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&b, "%x Same.Name low\n", sumOf(i))
	}
	l, err := parseHashList(context.Background(), &b, maxHashes)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.names) != 2+len("Same.Name") {
		t.Errorf("names take %d bytes", len(l.names))
	}
}

func FuzzHashList(f *testing.F) {
	f.Add([]byte(someMD5 + " A low\n# x\n"))
	f.Add([]byte("\xef\xbb\xbf" + someMD5 + someMD5 + "\tB\r\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		l, err := parseHashList(t.Context(), bytes.NewReader(file), 1000)
		if err != nil {
			return
		}
		for _, e := range l.md5 {
			mustBeGood(t, l.detection(e.name))
		}
		for _, e := range l.sha256 {
			mustBeGood(t, l.detection(e.name))
			found := false
			l.find([16]byte{}, e.sum, func(engine.Detection) { found = true })
			if !found {
				t.Errorf("%x is not found", e.sum)
			}
		}
	})
}

func mustBeGood(t *testing.T, d engine.Detection) {
	if err := checkName([]byte(d.Name)); err != nil {
		t.Error(err)
	}
	if _, err := parseImportance([]byte(d.Importance)); err != nil {
		t.Error(err)
	}
}

func FuzzRules(f *testing.F) {
	f.Add([]byte(`A high type application/pdf hex 4d5a at 0 and text "a\x41\"b " within 100`))
	f.Add([]byte(`B low text "abcd" anywhere`))
	f.Fuzz(func(t *testing.T, file []byte) {
		rules, err := parseRules(t.Context(), bytes.NewReader(file), room{1000, 1 << 16})
		if err != nil {
			return
		}
		var set ruleSet
		set.compile(rules)
		for _, r := range rules {
			mustBeGood(t, r.detection)
		}
		// An object made of a rule's patterns is looked at without harm.
		var content []byte
		for _, r := range rules {
			for _, c := range r.conditions {
				content = append(content, c.bytes...)
			}
		}
		o := object{bytes.NewReader(content), int64(len(content)), content[:min(len(content), bufferSize)], nil}
		found, err := set.look(t.Context(), o, [16]byte{}, [32]byte{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			free := r.typ == "" && !slices.ContainsFunc(r.conditions, func(c condition) bool { return c.at != anywhere })
			if free && len(found) < maxDetections && !slices.ContainsFunc(found, func(d engine.Detection) bool { return d.Name == r.detection.Name }) {
				t.Errorf("rule %s is not found in its own patterns", r.detection.Name)
			}
		}
	})
}
