package conduct

import (
	"slices"

	"vedette/internal/foreign"
)

// maxWho is how many of those whom an act concerns are named.
const maxWho = 10

// Some gives the names that stand in a preview for all of them: the first in
// order, each once, fit for a screen. Those without a name are left out.
func Some(names []string) []string {
	var out []string
	for _, name := range names {
		if name != "" {
			out = append(out, foreign.Line(name))
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(maxWho, len(out))]
}
