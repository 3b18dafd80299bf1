package adminmenu

import (
	"context"
	"fmt"
	"slices"
	"time"

	"vedette/internal/acts"
)

// decision is an act that a person confirms after reading its preview: it is
// done to exactly what the preview was of.
type decision[T any] struct {
	question, doing string
	preview         func(context.Context) (acts.Preview, error)
	// lines say below the question what is previewed; nil: all of it, to compare.
	lines func(acts.Preview) []line
	deed  func(ctx context.Context, revision uint64) (T, error)
	then  func(T)
}

// decide asks, and acts. Where nothing is left to do, it says so.
func decide[T any](s *menuSession, c decision[T]) {
	fetch(s, titleConfirm, c.preview, func(p acts.Preview) {
		if !p.Asks { // another administrator was faster
			s.show("Nothing to do", previewLines(p))
			return
		}
		lines := c.lines
		if lines == nil {
			lines = func(p acts.Preview) []line { return append([]line{blank()}, comparison(p)...) }
		}
		s.ask(titleConfirm, append([]line{heading(c.question)}, lines(p)...), wordYes, wordNo, func() {
			act(s, c.doing, func(ctx context.Context) (T, error) { return c.deed(ctx, p.Revision) }, c.then)
		})
	})
}

// took is how long something took, to the point that a person cares for.
func took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.3g s", d.Seconds())
}

// mayNot says why a person cannot do what a window is for, in whose place it
// then shows no button; nothing when the person can. The daemon decides: this
// spares a way that ends in a refusal.
func (s *menuSession) mayNot(what string, roles ...acts.Role) []line {
	if slices.Contains(roles, s.who.Role) {
		return nil
	}
	may := string(roles[0])
	for _, r := range roles[1:] {
		may += " or " + string(r)
	}
	return []line{blank(), warn(fmt.Sprintf("To %s takes the role %s; %s has the role %s.", what, may, s.who.Account, s.who.Role))}
}
