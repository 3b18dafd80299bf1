package page

import (
	"fmt"
	"strings"
)

// Badge shows a state by its word, a shape and a colour.
type Badge struct {
	Word string
	Tone Tone
}

// Tone is what a state means to the person who sees it.
type Tone string

// The tones, each with a shape and a colour of its own.
const (
	Good    Tone = "good"    // as it should be: blue disc
	Waiting Tone = "waiting" // a person has to decide or look: orange triangle
	Bad     Tone = "bad"     // cut off or broken: red diamond
	Off     Tone = "off"     // neither: grey ring
)

// tones are those of the words that the product uses, without regard to case.
var tones = map[string]Tone{
	"accepted": Good, "connected": Good, "ok": Good, "on": Good, "valid": Good, "normal activity": Good, "running": Good,
	"done": Good, "in use": Good, "closed": Good, "healthy": Good, "up": Good, "enabled": Good, "ready": Good, "clean": Good,
	"pending": Waiting, "warning": Waiting, "new": Waiting, "in process": Waiting, "expires soon": Waiting, "medium": Waiting,
	"degraded": Waiting, "late": Waiting, "refused": Waiting, "not yet valid": Waiting, "must change password": Waiting,
	"rejected": Bad, "exceeded": Bad, "critical inactivity": Bad, "expired": Bad, "high": Bad, "failed": Bad, "withdrawn": Bad,
	"down": Bad, "detect": Bad, "error": Bad, "full": Bad, "critical": Bad,
}

// newBadge makes the badge of a word; the tone is the word's own where none is
// given.
func newBadge(word any, tone ...Tone) Badge {
	b := Badge{Word: fmt.Sprint(word), Tone: Off}
	if len(tone) > 0 {
		b.Tone = tone[0]
	} else if known, ok := tones[strings.ToLower(b.Word)]; ok {
		b.Tone = known
	}
	if strings.TrimSpace(b.Word) == "" {
		b.Word = nothing
	}
	return b
}
