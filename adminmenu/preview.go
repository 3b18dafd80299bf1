package adminmenu

import (
	"fmt"
	"slices"
	"strings"

	"vedette/internal/acts"
)

// previewLines says what an act will do: its lines, then its consequences.
func previewLines(p acts.Preview) []line {
	lines := toldLines(p)
	if p.Fingerprint.IsZero() {
		return append(lines, consequenceLines(p.Consequences)...)
	}
	lines = append(lines, value("Fingerprint", p.Fingerprint.String()))
	return append(lines, consequenceLines(p.Consequences)...)
}

// toldLines are the sentences of a preview.
func toldLines(p acts.Preview) []line {
	var lines []line
	for _, l := range p.Lines {
		lines = append(lines, words(inMoments(l)))
	}
	return lines
}

// mostNamed is how many of those whom a consequence concerns are named: more
// would hide the consequences behind it.
const mostNamed = 5

// consequenceLines lists consequences with today's numbers, and behind them
// those without a counterpart in this product, as not in use here. Whom two in a
// row concern is named once.
func consequenceLines(all []acts.Consequence) []line {
	if len(all) == 0 {
		return nil
	}
	lines := []line{blank(), heading("Consequences")}
	var before, unused []string
	for _, c := range all {
		if !c.InUse {
			unused = append(unused, c.Text)
			continue
		}
		text := fmt.Sprintf("%s (today: %d)", c.Text, c.Count)
		if len(c.Who) > 0 && !slices.Equal(c.Who, before) {
			named, more := c.Who[:min(len(c.Who), mostNamed)], ""
			if rest := c.Count - len(named); rest > 0 {
				more = fmt.Sprintf(" and %d more", rest)
			}
			text += " " + strings.Join(named, ", ") + more
		}
		before = c.Who
		lines = append(lines, item(text))
	}
	switch len(unused) {
	case 0:
		return lines
	case 1:
		return append(lines, item(unused[0]+" (not in use here)"))
	}
	return append(lines, item("Not in use here: "+strings.Join(unused, " ")))
}
