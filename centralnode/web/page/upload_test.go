package page_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
)

// uploads is a page that takes files; take sees them.
func uploads(take func(r *page.Request) error) func(*page.Kit) error {
	return func(k *page.Kit) error {
		if err := galleryTemplates(k); err != nil {
			return err
		}
		k.Get("/upload", "", func(*page.Request) (page.View, error) {
			return page.View{Template: "gallery/upload.html", Title: "Upload"}, nil
		})
		k.Post("/upload", "", func(r *page.Request) (page.Outcome, error) {
			return page.Outcome{To: "/upload", Notice: page.Notice{Title: "Taken"}}, take(r)
		})
		return nil
	}
}

func TestFilesAreTakenAndOverwrittenAfterwards(t *testing.T) {
	key := bytes.Repeat([]byte("private key "), 4000)
	var kept []byte
	b := pagetest.New(t, uploads(func(r *page.Request) error {
		data, name, err := r.File("file", 1<<20)
		if err != nil || name != "kata.pem" || !bytes.Equal(data, key) || r.PostFormValue("text") != "a\nb" {
			t.Errorf("%q, %d bytes, text %q, %v", name, len(data), r.PostFormValue("text"), err)
		}
		kept = data
		return nil
	})).SignedIn(acts.Administrator)
	p := b.Get("/upload").SubmitFiles("", url.Values{"text": {"a\r\nb"}}, map[string][]pagetest.File{"file": {{Name: `C:\keys\kata.pem`, Data: key}}})
	if !p.Contains("Taken") {
		t.Fatal(p.Text())
	}
	if len(kept) != len(key) || len(bytes.Trim(kept, "\x00")) != 0 {
		t.Error("the file is still in memory")
	}
}

func TestFilesAreRefusedInWords(t *testing.T) {
	small := pagetest.File{Name: "small.pem", Data: []byte("small")}
	for name, c := range map[string]struct {
		files []pagetest.File
		want  string
	}{
		"none":           {nil, "No file was chosen"},
		"an empty field": {[]pagetest.File{{}}, "No file was chosen"},
		"too large":      {[]pagetest.File{{Name: "large.pem", Data: make([]byte, 1001)}}, "the file large.pem is too large: it has 1.001 kB"},
		"two":            {[]pagetest.File{small, small}, "more than one file was chosen"},
		"far too large":  {[]pagetest.File{{Name: "huge", Data: make([]byte, 1<<20)}}, "what was sent is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			b := pagetest.New(t, uploads(func(r *page.Request) error {
				_, _, err := r.File("file", 1000)
				return err
			})).SignedIn(acts.Administrator)
			p := b.Get("/upload").SubmitFiles("", nil, map[string][]pagetest.File{"file": c.files})
			if p.Status != http.StatusUnprocessableEntity || !strings.Contains(strings.ToLower(p.Text()), strings.ToLower(c.want)) {
				t.Errorf("%d %s", p.Status, p.Text())
			}
		})
	}
}

func TestSeveralFilesOfOneField(t *testing.T) {
	b := pagetest.New(t, uploads(func(r *page.Request) error {
		files, err := r.Files("file", 1000)
		if err != nil || len(files) != 2 || files[0].Name != "one" || files[1].Name != `two\u{202e}` || string(files[1].Data) != "2" {
			t.Errorf("%+v, %v", files, err)
		}
		return nil
	})).SignedIn(acts.Administrator)
	p := b.Get("/upload").SubmitFiles("", nil, map[string][]pagetest.File{"file": {{Name: "one", Data: []byte("1")}, {Name: "../../two\u202e", Data: []byte("2")}}})
	if !p.Contains("Taken") {
		t.Fatal(p.Text())
	}
}

func TestWhatNoPageOfOursSendsIsRefused(t *testing.T) {
	c := &counter{}
	b := c.browser(t).SignedIn(acts.Administrator)
	for name, change := range map[string]func(url.Values){
		"too many values": func(v url.Values) { v["row"] = make([]string, 5000) },
		"too long":        func(v url.Values) { v.Set("name", strings.Repeat("x", 300_000)) },
		"far too long":    func(v url.Values) { v.Set("name", strings.Repeat("x", 2_000_000)) },
		"no text":         func(v url.Values) { v.Set("name", "a\xffb") },
		"a NUL":           func(v url.Values) { v.Set("name", "a\x00b") },
	} {
		values := b.Get("/form").Values("/form")
		change(values)
		if p := b.Send("/form", values); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, p.Status, p.Text())
		}
	}
	if c.done.Load() != 0 {
		t.Error("one was done")
	}
}

func TestTextIsOneLineAsItWasMeant(t *testing.T) {
	var got string
	c := &counter{do: func(r *page.Request) (page.Outcome, error) {
		got = r.Text("name")
		if r.Revision() != 7 {
			t.Errorf("revision %d", r.Revision())
		}
		return page.Outcome{To: "/form"}, nil
	}}
	b := c.browser(t).SignedIn(acts.Administrator)
	for typed, want := range map[string]string{
		"  anna \n": "anna", "a\tb\nc": "a b c", "a\u009b\x1b[31mb": "a[31mb", strings.Repeat("é", 600): strings.Repeat("é", 512),
	} {
		if b.Submit("/form", map[string]string{"name": typed}); got != want {
			t.Errorf("%q reads as %q, want %q", typed, got, want)
		}
	}
}
