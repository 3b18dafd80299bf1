package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a person waits for something to appear.
const patience = busy * 20 * time.Second

//go:embed testdata/web/look.js
var look string

// question is what look.js is asked.
type question struct {
	What       string   `json:"what"` // link, button, field, text, table or marks
	Name       string   `json:"name,omitempty"`
	Value      *string  `json:"value,omitempty"`
	Within     []within `json:"within,omitempty"`
	Node       bool     `json:"node,omitempty"`       // the element itself is wanted
	Incomplete bool     `json:"incomplete,omitempty"` // an incomplete form is sent knowingly
}

// answer is what look.js says.
type answer struct {
	Problem       string
	Text          string
	Marks         []string
	Columns       []string
	Rows          [][]string
	X, Y          float64
	Width, Height float64
	Goes          bool // to another page
	Type          string
	Checked       bool
	Value         string
	Href          string
	Option        string // chosen in a list
}

// in narrows where the steps that follow look: to the part of the page with a
// heading.
func (p *visitor) in(part string) *visitor {
	return &visitor{p.tab, append(append([]within(nil), p.within...), within{Part: part})}
}

// row narrows it to the row that says something.
func (p *visitor) row(text string) *visitor {
	return &visitor{p.tab, append(append([]within(nil), p.within...), within{Row: text})}
}

// alert narrows it to what the page says to be wrong.
func (p *visitor) alert() *visitor {
	return &visitor{p.tab, append(append([]within(nil), p.within...), within{Role: "alert"})}
}

// asked asks once. A page that is being left has no answer.
func (p *visitor) asked(q question) answer {
	q.Within = p.within
	raw, err := json.Marshal(q)
	if err != nil {
		return answer{Problem: err.Error()}
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	a, err := chromedp.Run(ctx, chromedp.Evaluate[answer](fmt.Sprintf("(%s)(%s)", look, raw)))
	if err != nil {
		return answer{Problem: err.Error()}
	}
	return a
}

// looks asks until there is an answer.
func (p *visitor) looks(q question) answer {
	p.t.Helper()
	var a answer
	p.until(func() bool { a = p.asked(q); return a.Problem == "" }, func() string { return a.Problem })
	return a
}

// until waits for something, and says what kept it when it does not come.
func (p *visitor) until(ok func() bool, kept func() string) {
	p.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			p.t.Fatalf("%s; the page %s says:\n%s", kept(), p.location(), p.whole().asked(question{What: "text"}).Text)
		}
	}
}

func (p *visitor) whole() *visitor { return &visitor{tab: p.tab} }

// opens goes to a page of the site by its path.
func (p *visitor) opens(path string) {
	p.t.Helper()
	if refused := p.navigate(p.site + path); refused != "" {
		p.t.Fatalf("open %s: %s", path, refused)
	}
}

// follows clicks a link by its text.
func (p *visitor) follows(text string) {
	p.t.Helper()
	p.clicks(question{What: "link", Name: text})
}

// section goes through the navigation: a section, and a subsection of it.
func (p *visitor) section(names ...string) {
	p.t.Helper()
	for _, name := range names {
		p.follows(name)
	}
}

// presses clicks what looks like a button, by its name.
func (p *visitor) presses(name string) {
	p.t.Helper()
	p.clicks(question{What: "button", Name: name})
}

// clicks clicks something with the mouse, and when that leads to another page
// or to a download, waits for it. It returns the browser's error, if it is that
// what the person sees then.
func (p *visitor) clicks(q question) {
	p.t.Helper()
	if refused := p.clickRefused(q); refused != "" {
		p.t.Fatalf("%q leads to %s", q.Name, refused)
	}
}

// clickRefused is clicks where the browser may refuse to go on.
func (p *visitor) clickRefused(q question) (refused string) {
	p.t.Helper()
	a := p.looks(q)
	before := p.watch.arrivals()
	p.mouse(a)
	if !a.Goes {
		return ""
	}
	p.arrives(before, "click "+q.Name)
	refused, _ = p.watch.shown()
	return refused
}

func (p *visitor) mouse(a answer) {
	p.t.Helper()
	for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMouseMoved, input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		e := input.DispatchMouseEventParams{Type: kind, X: a.X, Y: a.Y}
		if kind != input.DispatchMouseEventTypeMouseMoved {
			e.Button, e.Buttons, e.ClickCount = input.MouseButtonLeft, 1, 1
		}
		p.do("click", func() error { _, err := chromedp.Call(p.ctx, input.DispatchMouseEvent, e); return err })
	}
}

// arrives waits until another page has come, or a download has begun.
func (p *tab) arrives(before int, what string) {
	p.t.Helper()
	eventually(p.t, patience/busy, what+": something comes of it", func() bool { return p.watch.arrivals() > before })
	p.photograph()
}

// fills writes into a field, by its label.
func (p *visitor) fills(label, value string) {
	p.t.Helper()
	p.mouse(p.looks(question{What: "field", Name: label}))
	p.do("select what is in "+label, func() error {
		_, err := chromedp.Run(p.ctx, chromedp.Evaluate[chromedp.Void](`document.activeElement.select()`))
		return err
	})
	p.do("write into "+label, func() error {
		_, err := chromedp.Call(p.ctx, input.InsertText, input.InsertTextParams{Text: value})
		return err
	})
	if got := p.looks(question{What: "field", Name: label}).Value; got != value {
		p.t.Fatalf("%q has %q, after %q was written into it", label, got, value)
	}
}

// ticks makes a check box, switch or radio button be on, by its label.
func (p *visitor) ticks(label string) {
	p.t.Helper()
	if a := p.looks(question{What: "field", Name: label}); !a.Checked {
		p.mouse(a)
	}
	if !p.looks(question{What: "field", Name: label}).Checked {
		p.t.Fatalf("%q does not let itself be chosen", label)
	}
}

// chooses takes one of the options of a list, by its label.
func (p *visitor) chooses(label, option string) {
	p.t.Helper()
	node := p.node(question{What: "field", Name: label})
	p.do("choose "+option, func() error {
		yes := true
		_, err := chromedp.Call(p.ctx, runtime.CallFunctionOn, runtime.CallFunctionOnParams{
			ObjectID: node, ReturnByValue: &yes,
			FunctionDeclaration: `function() { this.focus(); }`,
		})
		return err
	})
	p.do("choose "+option, func() error { return chromedp.Do(p.ctx, chromedp.KeyEvent(option)) })
	if got := p.looks(question{What: "field", Name: label}).Option; got != option {
		p.t.Fatalf("%q has %q, after %q was chosen", label, got, option)
	}
}

// attaches chooses a file, by the label of its field.
func (p *visitor) attaches(label, path string) {
	p.t.Helper()
	node := p.node(question{What: "field", Name: label})
	p.do("choose a file", func() error {
		_, err := chromedp.Call(p.ctx, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: []string{path}, ObjectID: node})
		return err
	})
}

func (p *visitor) node(q question) runtime.RemoteObjectID {
	p.t.Helper()
	p.looks(q)
	q.Node, q.Within = true, p.within
	raw, err := json.Marshal(q)
	if err != nil {
		p.t.Fatal(err)
	}
	object, err := chromedp.Run(p.ctx, chromedp.Evaluate[*runtime.RemoteObject](fmt.Sprintf("(%s)(%s)", look, raw)))
	if err != nil {
		p.t.Fatal(err)
	}
	return object.ObjectID
}

// sees waits until the page says all of these.
func (p *visitor) sees(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		want := strings.Join(strings.Fields(text), " ")
		p.until(func() bool { return strings.Contains(p.asked(question{What: "text"}).Text, want) }, func() string { return fmt.Sprintf("%q is not to be seen", want) })
	}
}

// seesNot looks at the page as it is now.
func (p *visitor) seesNot(texts ...string) {
	p.t.Helper()
	said := p.reads()
	for _, text := range texts {
		if strings.Contains(said, text) {
			p.t.Errorf("%q is to be seen on %s:\n%s", text, p.location(), said)
		}
	}
}

// reads is what the page says.
func (p *visitor) reads() string {
	p.t.Helper()
	return p.looks(question{What: "text"}).Text
}

// marks are the texts of what a selector finds.
func (p *visitor) marks(selector string) []string {
	p.t.Helper()
	return p.looks(question{What: "marks", Name: selector}).Marks
}

// evaluates asks the page by an expression.
func (p *visitor) evaluates(expression string) string {
	p.t.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return text
}

// soon waits until the page says something that happens elsewhere: with script
// the page comes to it by itself, without it is opened again.
func (p *visitor) soon(texts ...string) {
	p.t.Helper()
	if p.script {
		p.sees(texts...)
		return
	}
	said := ""
	eventually(p.t, patience/busy, strings.Join(texts, ", ")+" on "+p.location(), func() bool {
		if refused := p.navigate(p.location()); refused != "" {
			p.t.Fatalf("open %s again: %s", p.location(), refused)
		}
		said = p.reads()
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(said, text) })
	})
}

// table reads a table, each row by the texts of its headers.
func (p *visitor) table(caption string) []map[string]string {
	p.t.Helper()
	a := p.looks(question{What: "table", Name: caption})
	var rows []map[string]string
	for _, cells := range a.Rows {
		if len(cells) != len(a.Columns) {
			continue // a row that says that there is nothing
		}
		row := make(map[string]string)
		for i, cell := range cells {
			row[a.Columns[i]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

// rows waits until a table has so many rows, and reads it.
func (p *visitor) rows(caption string, want int) []map[string]string {
	p.t.Helper()
	var rows []map[string]string
	p.until(func() bool { rows = p.table(caption); return len(rows) == want }, func() string {
		return fmt.Sprintf("%q has %d rows, want %d", caption, len(rows), want)
	})
	return rows
}

// linkOf is the path that a link leads to.
func (p *visitor) linkOf(name string) string {
	p.t.Helper()
	return strings.TrimPrefix(p.looks(question{What: "button", Name: name}).Href, p.site)
}

// location is the address that the browser shows.
func (p *tab) location() string {
	history, err := chromedp.Run(p.ctx, chromedp.NavigationEntries())
	if err != nil || len(history.Entries) == 0 {
		return fmt.Sprint("unknown: ", err)
	}
	return history.Entries[history.CurrentIndex].URL
}

// saved waits for the next file that the browser saves.
func (p *visitor) saved() (name string, content []byte) {
	p.t.Helper()
	var state string
	p.until(func() bool { name, state = p.watch.nextDownload(); return state == "completed" }, func() string {
		return fmt.Sprintf("nothing was downloaded (%q is %q)", name, state)
	})
	content, err := os.ReadFile(filepath.Join(p.downloads, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return name, content
}
