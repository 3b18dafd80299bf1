package admin

import (
	"slices"
	"strings"

	"vedette/internal/acts"
)

// links adds what is said of Sensors' links: beyond a documented limit they need
// a person, near one that is good to know.
func (n *needs) links(judged []acts.SensorServer) {
	problems := 0
	for _, s := range judged {
		for _, v := range []acts.Verdict{acts.VerdictExceeded, acts.VerdictWarning} {
			text, next := standing(*s.Quality, v)
			if text == "" {
				continue
			}
			need := acts.Need{Level: acts.NeedNote, About: acts.AboutSensors, Subject: s.ID, Text: "Sensor server " + named(s) + ": " + text, Next: next}
			if v == acts.VerdictExceeded {
				need.Level = acts.NeedProblem
				n.problems = append(n.problems, need.Text)
				if problems++; problems > maxEach {
					continue
				}
			}
			n.all = append(n.all, need)
		}
	}
}

// standing says in a sentence which limits have a verdict, and what to do about
// the first of them. That loss and delay together have it, too, follows from
// either of the two.
func standing(q acts.LinkQuality, v acts.Verdict) (text, next string) {
	of := slices.DeleteFunc(slices.Clone(q.Limits), func(j acts.Judged) bool { return j.Verdict != v })
	if len(of) == 0 {
		return "", ""
	}
	next = of[0].Next()
	if of[0].Limit != acts.LimitJoint {
		of = slices.DeleteFunc(of, func(j acts.Judged) bool { return j.Limit == acts.LimitJoint })
	}
	var parts []string
	for _, j := range of {
		parts = append(parts, string(j.Limit)+": "+j.Stand())
	}
	return strings.Join(parts, "; ") + ".", next
}
