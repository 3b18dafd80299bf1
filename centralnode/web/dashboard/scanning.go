package dashboard

import (
	"slices"
	"strings"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// engine is a row of the engines that look at objects.
type engine struct {
	acts.ScanEngine
	State page.Badge
	Word  string // for its technology
}

// scanning tells the state of scanning, and of each engine, by the words in which
// what needs a person tells it.
func scanning(s acts.Status) (page.Badge, []engine) {
	fine := page.Badge{Word: "OK", Tone: page.Good}
	all := fine
	if slices.ContainsFunc(s.Needs, func(n acts.Need) bool { return n.About == acts.AboutScan }) {
		all = words[acts.NeedProblem]
	}
	engines := make([]engine, len(s.Scan.Engines))
	for i, e := range s.Scan.Engines {
		engines[i] = engine{ScanEngine: e, State: fine, Word: acts.TechnologyTitle(e.Technology)}
		switch {
		case e.Trouble == "":
		case slices.ContainsFunc(s.Needs, func(n acts.Need) bool { return n.About == acts.AboutScan && strings.Contains(n.Text, e.Trouble) }):
			engines[i].State = words[acts.NeedProblem]
		default:
			engines[i].State = words[acts.NeedNote] // nobody asks for scans
		}
	}
	return all, engines
}
