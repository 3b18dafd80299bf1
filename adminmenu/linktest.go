package adminmenu

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"vedette/internal/acts"
)

// Bounds of a test of the channel, and what a person is offered first.
const (
	mostTestSeconds  = 30
	offeredSeconds   = 5
	mbit             = 1_000_000
	mostTestMbit     = acts.MaxIngress / mbit
	titleLinkTest    = "Test link"
	wordToCentral    = "to the Central Node"
	wordFromCentral  = "from the Central Node"
	titleLinkTested  = "Result of the test"
	titleTestingLink = "Testing the link"
)

// linkTest asks which way, for how long and how fast the channel is filled,
// tests it, and shows what it carries.
func (s *menuSession) linkTest(b Sensor) {
	way := newPicker("Direction", []string{wordToCentral, wordFromCentral})
	seconds := newField(fmt.Sprintf("Seconds, 1 to %d", mostTestSeconds), strconv.Itoa(offeredSeconds))
	rate := newField(fmt.Sprintf("At most Mbit/s, 1 to %d", mostTestMbit), strconv.Itoa(mostTestMbit))
	seconds.limit, rate.limit = 2, 4
	f := &pickForm{form: form{fields: []*field{way.field, seconds, rate}}, picker: way}
	w := &window{title: titleLinkTest, part: f, text: text{lines: []line{
		words("Fills the channel between this Sensor and its Central Node for a few seconds, to learn what it carries."),
	}}}
	next := func() {
		in := acts.TestLink{Back: way.word() == wordFromCentral}
		n, err := strconv.Atoi(seconds.String())
		if err != nil || n < 1 || n > mostTestSeconds {
			s.notice, w.focus, f.at = fmt.Sprintf("A test takes 1 to %d seconds.", mostTestSeconds), inPart, 1
			return
		}
		in.Duration = time.Duration(n) * time.Second
		if n, err = strconv.Atoi(rate.String()); err != nil || n < 1 || n > mostTestMbit {
			s.notice, w.focus, f.at = fmt.Sprintf("A test sends at most 1 to %d Mbit/s.", mostTestMbit), inPart, 2
			return
		}
		in.Rate = uint64(n) * mbit
		s.offer(titleConfirm, linkTestLines(in), wordYes, wordNo, func() {
			s.close(w)
			await(s, titleTestingLink, testingLines(in), func(ctx context.Context) (acts.LinkTest, error) { return b.TestLink(ctx, s.who, in) }, func(r acts.LinkTest) {
				s.show(titleLinkTested, linkTestedLines(r))
			})
		})
	}
	f.done = next
	w.buttons = []button{{wordOk, next}, {wordCancel, func() { s.close(w) }}}
	s.open(w)
}

// linkTestLines say before a test what it does, and who notices.
func linkTestLines(in acts.TestLink) []line {
	return []line{
		heading("Test the link?"),
		value("Direction", acts.LinkTest{Back: in.Back}.Direction()),
		value("How long", acts.WindowName(in.Duration)),
		value("How fast", "as fast as the channel goes, at most "+acts.BitRate(in.Rate)),
		blank(),
		item("Agents go first: what they send may take a little longer meanwhile, and nothing of it is lost."),
		item("Others on the same line notice it as they would a download. A lower rate spares them."),
	}
}

// testingLines stand while a test runs.
func testingLines(in acts.TestLink) []line {
	return []line{
		words(fmt.Sprintf("The channel is tested for %s, %s, with at most %s.", acts.WindowName(in.Duration), acts.LinkTest{Back: in.Back}.Direction(), acts.BitRate(in.Rate))),
		words("Leaving this window ends the test."),
	}
}

// linkTestedLines is what a test found.
func linkTestedLines(r acts.LinkTest) []line {
	var lines []line
	for i, text := range r.Found() {
		if i == 0 {
			lines = append(lines, line{label: "Capacity", text: text, ink: strong})
			continue
		}
		lines = append(lines, words(text))
	}
	lines = append(lines,
		value("Direction", r.Direction()),
		value("Test", r.Rates()),
		value("Agents", acts.BitRate(r.Others)+" meanwhile"),
		value("Round trip", r.RoundTrips()),
		value("Time", moment(r.Time)))
	if r.Back || r.Configured > 0 { // agents send the other way, or the setting is what counts
		return lines
	}
	return append(lines, blank(), words("Link state sets it against 15 % of the SPAN traffic."))
}
