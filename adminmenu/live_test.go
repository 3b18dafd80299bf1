package adminmenu

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
)

func TestTwoMenusSeeEachOthersChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		one, two := management(t, f), management(t, f)
		one.walk(generateChain(f))
		one.expect("CN=new.example")
		two.wait(1100 * time.Millisecond)
		two.expect("CN=new.example")

		f.uploads("")
		one.wait(1100 * time.Millisecond)
		for _, d := range []*driver{one, two} {
			d.expect("can be installed")
			d.choose("kata.pem")
			d.at("Uploaded certificate")
		}
		one.choose("Remove kata.pem")
		one.button("Yes")
		two.wait(2 * time.Second)
		two.expect("another administrator installed or removed it")
		two.refuse("Install certificate")
	})
}

func TestErrorOfLoadingIsShownBesideTheLastState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		d := management(t, f)
		f.failing("ServerCertificate", &acts.Error{Code: acts.Unavailable, Text: "the state file is busy", Hint: "wait a moment"})
		d.wait(1100 * time.Millisecond)
		d.expect("Cannot be read now", "the state file is busy", "wait a moment", "CN=sensor-1.example")
		f.failing("ServerCertificate", nil)
		d.wait(1100 * time.Millisecond)
		d.refuse("Cannot be read")

		d.errorsOK = true
		f.failing("ServerCertificate", errors.New("page 7 has a wrong checksum"))
		d.wait(1100 * time.Millisecond)
		d.expect("Something failed inside the program", "The log has the cause")
		d.refuse("checksum")
		if !strings.Contains(d.log.String(), "page 7 has a wrong checksum") {
			t.Error("the log has no cause")
		}
	})
}

func TestOnlyTheWindowOnTopIsLoadedAndSlowLoadsAreRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		d := management(t, f)
		loads := func(d *driver, howLong time.Duration) int {
			before := f.called("ServerCertificate")
			d.wait(howLong)
			return f.called("ServerCertificate") - before
		}
		if n := loads(d, 10*time.Second); n < 9 || n > 11 {
			t.Errorf("%d loads in 10 s", n)
		}
		d.choose("New")
		d.wait(time.Second)
		if n := loads(d, 10*time.Second); n != 0 {
			t.Errorf("%d loads of a window below", n)
		}
		d.press("esc")
		d.at("Certificate management")
		f.change(func(f *fake) { f.slow = 2 * time.Second })
		d.wait(3 * time.Second)
		if n := loads(d, 100*time.Second); n < 8 || n > 12 {
			t.Errorf("%d loads in 100 s, each of 2 s", n)
		}
	})
}

func TestSelectionMarksFilterAndScrollingStayWhenATableIsLoadedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := func(from, to int) (all []tableRow) {
			for i := from; i < to; i++ {
				all = append(all, tableRow{key: fmt.Sprint("row", i), cells: []string{fmt.Sprintf("row %02d", i), fingerprint(fmt.Sprint(i)).String()}})
			}
			return all
		}
		var now atomic.Value
		now.Store(rows(0, 40))
		opened := ""
		tb := &table{columns: []column{{title: "Name", width: 10}, {title: "Fingerprint", width: 48, wrap: true}}, marking: true, empty: "There is no row.", open: func(r tableRow) { opened = r.key }}
		d := drive(t, alone(func(s *menuSession) *window {
			return &window{title: "Table", part: tb, live: watch(func(context.Context) ([]tableRow, error) { return now.Load().([]tableRow), nil }, tb.set)}
		}))
		d.expect("> row 00")
		d.press("pgdn", "down", "space")
		selected := tb.selected
		d.expect("*row")
		before := d.screen.text()
		now.Store(rows(0, 40))
		d.wait(2 * time.Second)
		if after := d.screen.text(); after != before {
			t.Fatalf("loading again moved the table:\n%s\nbefore:\n%s", after, before)
		}
		now.Store(append(rows(50, 60), rows(0, 40)...)) // ten new ones above
		d.wait(2 * time.Second)
		if tb.selected != selected || len(tb.marks) != 1 {
			t.Errorf("selected %s, before %s; %d marks", tb.selected, selected, len(tb.marks))
		}
		d.press("end")
		d.expect("> row 39")
		d.press("enter")
		if opened != "row39" {
			t.Errorf("opened %q", opened)
		}
		d.press("/", "r", "o", "w", " ", "3", "?")
		d.expect("No row contains")
		d.press("backspace")
		d.expect("Filter (10 of 50)", "row 31", "> row 39")
		d.refuse("row 29")
		now.Store(rows(0, 35))
		d.wait(2 * time.Second)
		d.expect("Filter (5 of 35)", "> row 34")
		d.press("enter", "home")
		d.expect("> row 30")
		d.press("esc")
		d.refuse("Filter (")
		d.expect("> row 30")
		now.Store([]tableRow(nil))
		d.wait(2 * time.Second)
		d.expect("There is no row.")
		d.press("up", "down", "space", "enter", "pgup", "home", "end")
	})
}
