package page

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRegionsAreFoundWithWhatIsInThem(t *testing.T) {
	text := `<p>before</p><section id="a" class="panel" data-live><section><sectional></sectional></section>x</section><div data-live id="b-2"><div>y</div></div><div>after</div>`
	found, err := regions(rendered{text: []byte(text)})
	if err != nil || len(found) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	for i, want := range []string{
		`<section id="a" class="panel" data-live><section><sectional></sectional></section>x</section>`, `<div data-live id="b-2"><div>y</div></div>`,
	} {
		if got := text[found[i].from:found[i].to]; got != want {
			t.Errorf("region %s is %q, want %q", found[i].id, got, want)
		}
	}
	page, err := marked(rendered{text: []byte(text)})
	if err != nil || !strings.Contains(string(page), `data-live data-hash="`+found[0].hash+`"><section>`) || !strings.HasSuffix(string(page), "after</div>") {
		t.Errorf("marked: %s, %v", page, err)
	}
}

func TestHashesLeaveOutTokens(t *testing.T) {
	of := func(text string, tokens ...string) string {
		t.Helper()
		found, err := regions(rendered{[]byte(text), tokens})
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		return found[0].hash
	}
	const head, tail = `<i>tok1</i><div id="a" data-live>`, `</div>`
	first := of(head+"x tok2 y tok3 z"+tail, "tok1", "tok2", "tok3")
	if other := of(head+"x next y more z"+tail, "tok1", "next", "more"); other != first {
		t.Error("tokens make a region another")
	}
	if other := of(head+"x tok2 Y tok3 z"+tail, "tok1", "tok2", "tok3"); other == first {
		t.Error("another text has the same hash")
	}
}

func TestBrokenRegionsAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"without id": `<div data-live></div>`, "a table's part": `<tbody id="a" data-live></tbody>`, "without end": `<div id="a" data-live><div></div>`,
		"too many": strings.Repeat(`<div id="a" data-live></div>`, maxRegions+1),
	} {
		if found, err := regions(rendered{text: []byte(text)}); err == nil {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

func TestWhatTheScriptKnowsIsNoPartOfTheAddress(t *testing.T) {
	r := &Request{Request: httptest.NewRequest(http.MethodGet, "/a?x=%20+b&live=0123456789abcdefrows%2Cshort%2C0123456789abcdefcount-2&y", nil)}
	if known := takeKnown(r); known != nil || !strings.Contains(r.URL.RawQuery, "live=") {
		t.Fatalf("a person's request: %v, %s", known, r.URL)
	}
	r.Header.Set("Accept", "text/event-stream")
	known := takeKnown(r)
	if len(known) != 2 || known["rows"] != "0123456789abcdef" || known["count-2"] != "0123456789abcdef" || r.URL.RequestURI() != "/a?x=%20+b&y" {
		t.Fatalf("%v, %s", known, r.URL)
	}
}

// TestForeignTextIsNoRegion: a name that looks like a region's attribute, in an
// attribute of ours, is a name.
func TestForeignTextIsNoRegion(t *testing.T) {
	const text = `<!DOCTYPE html><input value="x data-live y" aria-label='z data-live' checked data-liver=1/><td title=data-live>a data-live b &lt;div data-live&gt; 3 < 4</td>` +
		`<section data-live class="</section> data-live" id="rows"><br/>x</section>`
	found, err := regions(rendered{text: []byte(text)})
	if err != nil || len(found) != 1 || found[0].id != "rows" || !strings.HasSuffix(text, text[found[0].from:found[0].to]) {
		t.Fatalf("%+v, %v", found, err)
	}
}

func FuzzRegionsAreInTheText(f *testing.F) {
	f.Add(`<section id="a" data-live><section></section></section>`)
	f.Add(`<div data-live id=b><a href='"'>`)
	f.Add(`</div <div id="`)
	f.Fuzz(func(t *testing.T, text string) {
		page := rendered{text: []byte(text), tokens: []string{"a"}}
		found, err := regions(page)
		if err != nil {
			return
		}
		at := 0
		for _, r := range found {
			if r.from < at || r.open <= r.from || r.to < r.open || r.to > len(text) || len(r.hash) != hashLength {
				t.Fatalf("%q: %+v", text, found)
			}
			at = r.to
		}
		if out, err := marked(page); err != nil || len(out) < len(text) {
			t.Fatalf("%q: %q, %v", text, out, err)
		}
	})
}

func BenchmarkRegions(b *testing.B) {
	row := `<tr data-key="adams"><td><input type="checkbox" name="host" value="adams" aria-label="adams"></td><td><a href="/hosts?host=adams">adams</a></td><td class="number">31,337</td></tr>`
	page := rendered{text: []byte(`<section id="a" data-live>` + strings.Repeat(row, 400) + `</section>`)}
	b.SetBytes(int64(len(page.text)))
	for b.Loop() {
		if found, err := regions(page); err != nil || len(found) != 1 {
			b.Fatal(err)
		}
	}
}
