package page

import (
	"vedette/internal/acts"
)

// View is a page to be shown.
type View struct {
	Template string // room/file, as given to Templates
	Title    string
	Above    []Link // the pages that it belongs to, outermost first
	Data     any    // what the template knows as .Data
	Status   int    // 0: 200
	// Live pages have their regions (elements with id and data-live) brought up
	// to date by server-sent events: the handler is asked again, and what came
	// out different is sent.
	Live bool
	// Once: the page shows what may be seen only once, a password or a key. A
	// form that is sent again gets no second look.
	Once bool
}

// Link is a link with its text.
type Link struct {
	Text string
	Path string
}

// Outcome is what came of a form.
type Outcome struct {
	// To is the path of the page that follows; it shows the notice.
	To     string
	Notice Notice
	// Page is shown instead, as the answer itself: a form with its faults, or
	// what must not be asked for again.
	Page *View
}

// Kind says how a notice looks. It always says the same in words.
type Kind string

// The kinds of notices.
const (
	Done    Kind = "done"
	Caution Kind = "caution"
	Fault   Kind = "fault"
)

// Notice tells what came of an act.
type Notice struct {
	Kind  Kind
	Title string
	Lines []string
	// Download is a path that the browser fetches at once, with its file name.
	Download Link
}

func (n Notice) empty() bool { return n.Title == "" && len(n.Lines) == 0 && n.Download.Path == "" }

// Confirm is the window that asks before an act.
type Confirm struct {
	Title   string
	Above   []Link
	Preview acts.Preview // with the revision that the form carries
	// Lines are said before those of the preview.
	Lines []string
	// Post is the path of the form, and Fields what it carries beside token and
	// revision, in order.
	Post   string
	Fields []Field
	// Choices are what the person decides with it (the type of an external
	// system).
	Choices []Choice
	Yes     string // text of the button, "Yes" when empty
	Cancel  string // path of the page that it leads back to
	Danger  bool   // it takes something away from somebody
}

// Field is a hidden field of a form.
type Field struct{ Name, Value string }

// Choice is a group of radio buttons.
type Choice struct {
	Name    string
	Legend  string
	Options []Option
}

// Option is one of a choice.
type Option struct {
	Value, Text string
	Chosen      bool
}
