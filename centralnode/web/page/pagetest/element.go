package pagetest

import (
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Element is an element of a page. Its document is read as the templates write
// it: every element but the void ones is closed.
type Element struct {
	Name     string
	Attr     map[string]string
	Children []*Element

	text  string // of a piece of text, which has no name
	inner *Element
}

func parse(t testing.TB, body string) *Element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(body))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	root := &Element{Name: "#page"}
	at := root
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the page is not well formed: %v\n%s", err, body)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &Element{Name: token.Name.Local, Attr: make(map[string]string), inner: at}
			for _, a := range token.Attr {
				e.Attr[a.Name.Local] = a.Value
			}
			at.Children = append(at.Children, e)
			at = e
		case xml.EndElement:
			at = at.inner
		case xml.CharData:
			at.Children = append(at.Children, &Element{text: string(token)})
		}
	}
	return root
}

// Text is what can be read in the element, each run of spaces as one.
func (e *Element) Text() string {
	var b strings.Builder
	e.read(&b)
	return strings.Join(strings.Fields(b.String()), " ")
}

// inline are the elements that do not part words.
var inline = []string{"", "a", "b", "code", "em", "span", "strong", "time", "wbr", "abbr", "svg"}

func (e *Element) read(b *strings.Builder) {
	if e.Name == "head" || e.Name == "title" && e.inner.Name == "svg" {
		return
	}
	b.WriteString(e.text)
	for _, c := range e.Children {
		if !slices.Contains(inline, c.Name) {
			b.WriteByte(' ')
		}
		c.read(b)
		if !slices.Contains(inline, c.Name) {
			b.WriteByte(' ')
		}
	}
}

// All gives the elements below this one that a selector matches: names,
// .classes, #ids, [attributes] and [attributes=values], and one below another
// with a space between them ("tr[data-key=x] td.number").
func (e *Element) All(selector string) []*Element {
	found := []*Element{e}
	for part := range strings.FieldsSeq(selector) {
		var next []*Element
		for _, f := range found {
			next = f.descend(part, next)
		}
		found = next
	}
	return found
}

// Find gives the first of them; nil: there is none.
func (e *Element) Find(selector string) *Element {
	if found := e.All(selector); len(found) > 0 {
		return found[0]
	}
	return nil
}

func (e *Element) descend(simple string, found []*Element) []*Element {
	for _, c := range e.Children {
		if c.Name != "" && c.matches(simple) && !slices.Contains(found, c) {
			found = append(found, c)
		}
		found = c.descend(simple, found)
	}
	return found
}

func (e *Element) matches(simple string) bool {
	end := strings.IndexAny(simple, ".#[")
	if end < 0 {
		end = len(simple)
	}
	if name := simple[:end]; name != "" && name != "*" && name != e.Name {
		return false
	}
	for rest := simple[end:]; rest != ""; {
		kind := rest[0]
		end := 1 + strings.IndexAny(rest[1:], ".#[")
		if kind == '[' {
			end = strings.IndexByte(rest, ']') + 1
		}
		if end <= 0 {
			end = len(rest)
		}
		what := rest[1:end]
		rest = rest[end:]
		switch kind {
		case '.':
			if !slices.Contains(strings.Fields(e.Attr["class"]), what) {
				return false
			}
		case '#':
			if e.Attr["id"] != what {
				return false
			}
		case '[':
			name, value, valued := strings.Cut(strings.TrimSuffix(what, "]"), "=")
			has, ok := e.Attr[name]
			if !ok || valued && has != strings.Trim(value, `"'`) {
				return false
			}
		}
	}
	return true
}

// controls are the elements of a form that have names.
func (e *Element) controls() []*Element {
	var out []*Element
	for _, name := range []string{"input", "select", "textarea", "button"} {
		for _, c := range e.All(name) {
			if c.Attr["name"] != "" {
				out = append(out, c)
			}
		}
	}
	return out
}

func (e *Element) names() map[string]bool {
	out := make(map[string]bool)
	for _, c := range e.controls() {
		out[c.Attr["name"]] = true
	}
	return out
}

// values are what the form sends when nobody fills it in and no button with a
// name is clicked.
func (e *Element) values() url.Values {
	out := make(url.Values)
	for _, c := range e.controls() {
		name, value := c.Attr["name"], c.Attr["value"]
		_, disabled := c.Attr["disabled"]
		_, checked := c.Attr["checked"]
		kind := c.Attr["type"]
		switch {
		case disabled, c.Name == "button", kind == "submit", kind == "file":
		case kind == "checkbox" || kind == "radio":
			if checked && value == "" {
				value = "on"
			}
			if checked {
				out.Add(name, value)
			}
		case c.Name == "textarea":
			out.Add(name, c.raw())
		case c.Name == "select":
			out[name] = append(out[name], c.chosen()...)
		default:
			out.Add(name, value)
		}
	}
	return out
}

func (e *Element) raw() string {
	var b strings.Builder
	for _, c := range e.Children {
		b.WriteString(c.text)
	}
	return b.String()
}

// chosen are the values of the options that are selected; the first is, where
// none says so.
func (e *Element) chosen() []string {
	var first, out []string
	for _, o := range e.All("option") {
		value, ok := o.Attr["value"]
		if !ok {
			value = o.Text()
		}
		if first == nil {
			first = []string{value}
		}
		if _, ok := o.Attr["selected"]; ok {
			out = append(out, value)
		}
	}
	if out == nil {
		return first
	}
	return out
}
