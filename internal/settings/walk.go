package settings

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	toml "github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// walker goes through the expressions of a document, compares them with the
// struct they are for, and notes faults and origins.
type walker struct {
	name    string
	data    []byte
	parser  unstable.Parser
	root    reflect.Type
	faults  []Fault
	origins map[string]string
	set     map[string]int // line at which a key was set
	tables  map[string]int // line of a table's header
	counts  map[string]int // elements of an array of tables so far
}

func newWalker(name string, data []byte) *walker {
	return &walker{
		name:    name,
		data:    data,
		origins: make(map[string]string),
		set:     make(map[string]int),
		tables:  make(map[string]int),
		counts:  make(map[string]int),
	}
}

// place is a spot in the struct: its path and its type.
type place struct {
	path   string
	typ    reflect.Type
	secret bool
}

func (w *walker) document(root reflect.Type) {
	w.root = root
	w.parser.Reset(w.data)
	table, known := place{typ: root}, true
	for w.parser.NextExpression() {
		switch e := w.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table, known = w.header(e)
		case unstable.KeyValue:
			if known {
				w.keyValue(table, e)
			}
		}
	}
	if w.parser.Error() != nil {
		// The library's own run gives the syntax error its place.
		var anything map[string]any
		if err := toml.Unmarshal(w.data, &anything); err != nil {
			w.faults = append(w.faults, w.libraryFault(err))
		}
	}
}

// header enters [table] or [[table]].
func (w *walker) header(e *unstable.Node) (place, bool) {
	at, last, ok := w.follow(place{typ: w.root}, e.Key())
	if !ok {
		return place{}, false
	}
	line := w.line(last)
	if e.Kind == unstable.ArrayTable {
		if formOf(at.typ) != formList || !isTable(elem(at.typ)) {
			w.fault(last, "%q is not a list of tables: write [%s]", at.path, at.path)
			return place{}, false
		}
		at = place{path: fmt.Sprintf("%s[%d]", at.path, w.count(at.path)), typ: elem(at.typ)}
		w.origins[at.path] = w.origin(line)
		return at, true
	}
	if at = w.latest(at); !isTable(at.typ) {
		if formOf(at.typ) == formList {
			w.fault(last, "%q is a list of tables: write [[%s]]", at.path, at.path)
		} else {
			w.fault(last, "%q is a single value, not a table", at.path)
		}
		return place{}, false
	}
	if first, ok := w.tables[at.path]; ok {
		w.fault(last, "table %q begins a second time, first at line %d", at.path, first)
		return place{}, false
	}
	w.tables[at.path] = line
	return at, true
}

// count returns the index of the next element of an array of tables.
func (w *walker) count(path string) int {
	n := w.counts[path]
	w.counts[path]++
	return n
}

// latest is the newest element where the place is an array of tables.
func (w *walker) latest(at place) place {
	if n := w.counts[at.path]; n > 0 && formOf(at.typ) == formList {
		return place{path: fmt.Sprintf("%s[%d]", at.path, n-1), typ: elem(at.typ)}
	}
	return at
}

func (w *walker) keyValue(table place, e *unstable.Node) {
	at, last, ok := w.follow(table, e.Key())
	if !ok {
		return
	}
	if first, ok := w.set[at.path]; ok {
		w.fault(last, "%q is set a second time, first at line %d", at.path, first)
		return
	}
	w.set[at.path] = w.line(last)
	w.value(at, e.Value(), last)
}

// follow steps along a dotted key. It returns where that leads and the key's
// last part.
func (w *walker) follow(at place, key unstable.Iterator) (place, *unstable.Node, bool) {
	var last *unstable.Node
	for key.Next() {
		last = key.Node()
		at = w.latest(at)
		name := string(last.Data)
		t := target(at.typ)
		switch formOf(t) {
		case formTable:
			f, ok := findField(t, name)
			if !ok {
				w.unknown(last, at, t, name)
				return place{}, last, false
			}
			at = place{path: join(at.path, name), typ: f.typ, secret: f.secret}
		case formMap:
			at = place{path: join(at.path, name), typ: t.Elem()}
		case formAny:
			at = place{path: join(at.path, name), typ: t}
		default:
			w.fault(last, "%q is a single value and has no key %q", at.path, name)
			return place{}, last, false
		}
	}
	return at, last, true
}

func (w *walker) unknown(n *unstable.Node, at place, table reflect.Type, name string) {
	text := fmt.Sprintf("unknown key %q", join(at.path, name))
	if meant := suggest(w.root, table, name); meant != "" {
		text += fmt.Sprintf(" (did you mean %q?)", meant)
	}
	w.fault(n, "%s", text)
}

// value compares a value with the type it is for, and notes its origin.
func (w *walker) value(at place, n, key *unstable.Node) {
	spot := n
	if n.Raw.Length == 0 { // arrays carry no position
		spot = key
	}
	t := target(at.typ)
	want := formOf(t)
	if wants := describe(t); !fits(want, t, n.Kind) {
		w.fault(spot, "%q wants %s, not %s", at.path, wants, kindName(n.Kind))
		return
	}
	w.origins[at.path] = w.origin(w.line(spot))
	switch want {
	case formText:
		if err := parseText(t, n.Data); err != nil {
			if at.secret {
				err = fmt.Errorf("not accepted")
			}
			w.fault(spot, "%q: %v", at.path, err)
		}
	case formInteger:
		if err := parseInteger(t, n.Data); err != nil {
			w.fault(spot, "%q: %v", at.path, err)
		}
	case formTable, formMap:
		delete(w.origins, at.path) // its keys have origins of their own
		w.inline(at, n)
	case formList:
		w.list(at, n, key)
	}
}

func (w *walker) inline(at place, n *unstable.Node) {
	children := n.Children()
	for children.Next() {
		if c := children.Node(); c.Kind == unstable.KeyValue {
			w.keyValue(at, c)
		}
	}
}

func (w *walker) list(at place, n, key *unstable.Node) {
	children := n.Children()
	i := 0
	for children.Next() {
		c := children.Node()
		if c.Kind == unstable.Comment {
			continue
		}
		w.value(place{path: fmt.Sprintf("%s[%d]", at.path, i), typ: elem(at.typ), secret: at.secret}, c, key)
		i++
	}
}

// fits reports whether a value of this kind can be for this type.
func fits(want form, t reflect.Type, kind unstable.Kind) bool {
	switch want {
	case formText:
		return kind == unstable.String || kind == unstable.Integer && t == reflect.TypeFor[Size]()
	case formTable, formMap:
		return kind == unstable.InlineTable
	case formList:
		return kind == unstable.Array
	case formString:
		return kind == unstable.String
	case formBool:
		return kind == unstable.Bool
	case formInteger:
		return kind == unstable.Integer
	case formFloat:
		return kind == unstable.Float || kind == unstable.Integer
	}
	return true
}

func describe(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Duration]():
		return `a duration such as "30s"`
	case reflect.TypeFor[Size]():
		return `a size such as "64MiB"`
	}
	switch formOf(t) {
	case formTable, formMap:
		return "a table"
	case formList:
		return "a list"
	case formBool:
		return "true or false"
	case formInteger:
		return "a whole number"
	case formFloat:
		return "a number"
	}
	return "a text in quotes"
}

func kindName(k unstable.Kind) string {
	switch k {
	case unstable.String:
		return "a text"
	case unstable.Bool:
		return "true or false"
	case unstable.Integer, unstable.Float:
		return "a number"
	case unstable.Array:
		return "a list"
	case unstable.InlineTable:
		return "a table"
	}
	return "a date or time"
}

// parseText tries the text on a fresh value of the type.
func parseText(t reflect.Type, text []byte) error {
	return reflect.New(t).Interface().(textUnmarshaler).UnmarshalText(text)
}

func parseInteger(t reflect.Type, text []byte) error {
	s := strings.ReplaceAll(string(text), "_", "")
	bits := t.Bits()
	if t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64 {
		if _, err := strconv.ParseUint(strings.TrimPrefix(s, "+"), 0, bits); err != nil {
			return fmt.Errorf("%s is not between 0 and %d", text, uint64(1)<<(bits-1)-1+uint64(1)<<(bits-1))
		}
		return nil
	}
	if _, err := strconv.ParseInt(s, 0, bits); err != nil {
		return fmt.Errorf("%s is not between %d and %d", text, int64(-1)<<(bits-1), int64(1)<<(bits-1)-1)
	}
	return nil
}

func isTable(t reflect.Type) bool {
	f := formOf(t)
	return f == formTable || f == formMap || f == formAny
}

func elem(t reflect.Type) reflect.Type { return target(t).Elem() }

func (w *walker) fault(n *unstable.Node, format string, args ...any) {
	start := w.parser.Shape(n.Raw).Start
	w.faults = append(w.faults, Fault{File: w.name, Line: start.Line, Column: start.Column, Text: fmt.Sprintf(format, args...)})
}

func (w *walker) line(n *unstable.Node) int { return w.parser.Shape(n.Raw).Start.Line }

func (w *walker) origin(line int) string { return fmt.Sprintf("%s:%d", w.name, line) }
