package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/spf13/cobra"

	"vedette/internal/foreign"
)

// Format is the form of a command's data.
type Format string

// The formats.
const (
	FormatTable Format = "table"
	FormatJSON  Format = "json"
	FormatJSONL Format = "jsonl" // one object a line, for what has no end
)

// formatFlag is --output: a value out of a few.
type formatFlag struct {
	format  *Format
	allowed []string
}

func (f formatFlag) String() string { return string(*f.format) }
func (f formatFlag) Type() string   { return strings.Join(f.allowed, "|") }

func (f formatFlag) Set(s string) error {
	if !slices.Contains(f.allowed, s) {
		return fmt.Errorf("use one of %s", strings.Join(f.allowed, ", "))
	}
	*f.format = Format(s)
	return nil
}

// OutputFlag adds --output with the formats that a command has, the default
// first, and returns where the choice will be.
func OutputFlag(cmd *cobra.Command, formats ...Format) *Format {
	chosen := formats[0]
	allowed := make([]string, len(formats))
	for i, f := range formats {
		allowed[i] = string(f)
	}
	cmd.Flags().VarP(formatFlag{&chosen, allowed}, "output", "o", "form of the data")
	complete(cmd, "output", allowed...)
	return &chosen
}

// complete offers fixed words for a flag.
func complete(cmd *cobra.Command, flag string, words ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is missing: a mistake in the tree, met by every test of it
	}
}

// CompleteFlag offers fixed words for a flag of cmd.
func CompleteFlag(cmd *cobra.Command, flag string, words ...string) { complete(cmd, flag, words...) }

// WriteJSON writes v as indented JSON. Text from outside keeps its exact value
// for programs, but what could steer a terminal is written as \u escapes.
func WriteJSON(w io.Writer, v any) error { return writeJSON(w, v, "  ") }

// WriteJSONL writes v as one line of JSON.
func WriteJSONL(w io.Writer, v any) error { return writeJSON(w, v, "") }

func writeJSON(w io.Writer, v any, indent string) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err := w.Write(visible(buf.Bytes()))
	return err
}

// visible escapes characters without a shape. They can only stand inside of
// JSON strings, where an escape means the same.
func visible(doc []byte) []byte {
	if bytes.IndexFunc(doc, shapeless) < 0 {
		return doc
	}
	var out []byte
	for _, r := range string(doc) {
		switch {
		case !shapeless(r):
			out = append(out, string(r)...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

func shapeless(r rune) bool { return r > '~' && !unicode.IsPrint(r) }

// Table is a table with aligned columns. Every cell is taken for foreign text.
type Table struct {
	w *tabwriter.Writer
}

// NewTable begins a table with its header.
func NewTable(w io.Writer, header ...string) *Table {
	t := &Table{tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)}
	t.Row(header...)
	return t
}

// Row adds a row; empty cells show as "-".
func (t *Table) Row(cells ...string) { fmt.Fprintln(t.w, Cells("\t", cells...)) }

// Flush writes the table.
func (t *Table) Flush() error { return t.w.Flush() }

// Cells joins cleaned cells; empty ones show as "-".
func Cells(separator string, cells ...string) string {
	clean := make([]string, len(cells))
	for i, cell := range cells {
		if clean[i] = foreign.Line(cell); clean[i] == "" {
			clean[i] = "-"
		}
	}
	return strings.Join(clean, separator)
}

// Fields is a list of names and values.
type Fields struct {
	w *tabwriter.Writer
}

// NewFields begins a list.
func NewFields(w io.Writer) *Fields {
	return &Fields{tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)}
}

// Add adds a name with its values, one a line; a name without values is left
// out.
func (f *Fields) Add(name string, values ...string) {
	for i, value := range values {
		label := name + ":"
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(f.w, "%s\t%s\n", label, Cells("", value))
	}
}

// Flush writes the list.
func (f *Fields) Flush() error { return f.w.Flush() }

// Time writes a point in time, RFC 3339 in UTC to the second; empty for none.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// YesNo writes a truth.
func YesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// OnOff writes the position of a switch.
func OnOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}
