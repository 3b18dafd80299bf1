package adminmenu

import (
	"slices"
	"testing"
)

func TestOpenColumnsShareWhatTheOthersLeave(t *testing.T) {
	tb := &table{columns: []column{{title: "A", least: 15}, {title: "B", width: 12}, {title: "C"}, {title: "D"}}}
	for columns, want := range map[int][]int{
		120: {34, 12, 34, 34},
		63:  {15, 12, 15, 15},
		52:  {15, 12, 9, 9},
		30:  {15, 12, 4, 4}, // more than there is: what has no room is cut
	} {
		if got := tb.widths(columns); !slices.Equal(got, want) {
			t.Errorf("%d columns: %v, want %v", columns, got, want)
		}
	}
}

func TestCellsThatWrapEndWhereTheyMust(t *testing.T) {
	tb := &table{columns: []column{{title: "First title", width: 6, wrap: true, most: 2}, {title: "B", width: 5}}}
	for name, tt := range map[string]struct {
		row  tableRow
		want [][]string
	}{
		"short":    {tableRow{cells: []string{"one", "two"}}, [][]string{{"one", "two"}}},
		"wraps":    {tableRow{cells: []string{"one two", "three!"}}, [][]string{{"one", "thre…"}, {"two", ""}}},
		"too long": {tableRow{cells: []string{"one two three"}}, [][]string{{"one", ""}, {"two…", ""}}},
		"one word": {tableRow{cells: []string{"abcdefghijklmnop"}}, [][]string{{"abcdef", ""}, {"ghijk…", ""}}},
		"note":     {tableRow{cells: []string{"one", "two"}, note: "said of all of it\x1b"}, [][]string{{"one", "two"}, {"said of all …", ""}}},
	} {
		got := tb.lines(look{}, tt.row, 15)
		if !slices.EqualFunc(got, tt.want, slices.Equal[[]string]) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	if got, want := tb.titles(look{}, 15), [][]string{{"First", "B"}, {"title", ""}}; !slices.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("titles: %q, want %q", got, want)
	}
}
