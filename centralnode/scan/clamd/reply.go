package clamd

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/internal/foreign"
)

// Bounds on what is taken over from an answer.
const (
	maxNames = 64
	maxName  = 128 // bytes of each
	maxQuote = 200 // bytes of an answer in an error
)

// verdict is what clamd said about one object.
type verdict struct {
	found   []string // names of what was detected
	passed  []string // names of reports that something was not looked at
	tooLong bool     // longer than StreamMaxLength
}

// parseVerdict reads the answer to INSTREAM. Anything but a clear answer is an
// error.
func parseVerdict(a answer) (verdict, error) {
	var v verdict
	var failure string
	for line := range strings.SplitSeq(a.text, "\x00") {
		about, ours := strings.CutPrefix(line, "stream: ")
		name, found := strings.CutSuffix(about, " FOUND")
		switch {
		case ours && found && name != "":
			if notLookedAt(name) {
				v.passed = append(v.passed, name)
			} else {
				v.found = append(v.found, name)
			}
		case line == "stream: OK":
		case strings.HasPrefix(line, "INSTREAM size limit exceeded"):
			v.tooLong = true
		case strings.HasSuffix(line, "ERROR"):
			failure = line
		default:
			return verdict{}, fmt.Errorf("clamd answered %s", quote(a.text))
		}
	}
	switch {
	case len(v.found) > 0 || v.tooLong || len(v.passed) > 0 && failure == "":
		return v, nil
	case failure != "":
		return verdict{}, fmt.Errorf("clamd answered %s", quote(failure))
	case !a.sent:
		return verdict{}, fmt.Errorf("clamd answered %s before it had the whole object", quote(a.text))
	}
	return v, nil
}

func quote(s string) string { return strconv.Quote(foreign.Bounded(foreign.Clean(s), maxQuote)) }

const (
	limitsPrefix    = "Heuristics.Limits.Exceeded"
	encryptedPrefix = "Heuristics.Encrypted"
	methodPrefix    = "Vedette.NotLookedAt" // of a signature of ours; see the package comment
)

// notLookedAt reports whether a name says that clamd passed over something.
func notLookedAt(name string) bool {
	return strings.HasPrefix(name, limitsPrefix) || strings.HasPrefix(name, encryptedPrefix) || strings.HasPrefix(name, methodPrefix)
}

// skipped says why clamd did not look at all of an object.
func (v verdict) skipped(size int64) string {
	if v.tooLong {
		return fmt.Sprintf("clamd takes no object of %d bytes: raise StreamMaxLength in clamd.conf", size)
	}
	if len(v.passed) == 0 {
		return ""
	}
	name := foreign.Bounded(v.passed[0], maxName)
	if strings.HasPrefix(name, encryptedPrefix) {
		return "a part is encrypted, clamd cannot look into it (" + name + ")"
	}
	if strings.HasPrefix(name, methodPrefix) {
		return "a part is packed by a method that clamd cannot unpack (" + name + ")"
	}
	reached := "a limit of its own"
	if limit, ok := strings.CutPrefix(name, limitsPrefix+"."); ok && strings.HasPrefix(limit, "Max") {
		reached = limit + " in clamd.conf"
	}
	return "clamd did not look at all of it, " + reached + " was reached (" + name + ")"
}

// detections are the names that were found, each once, as far as they are kept.
func (v verdict) detections() []engine.Detection {
	var out []engine.Detection
	seen := make(map[string]bool)
	for _, name := range v.found {
		name = foreign.Bounded(name, maxName)
		if len(out) < maxNames && !seen[name] {
			seen[name] = true
			out = append(out, engine.Detection{Name: name, Importance: importance(name)})
		}
	}
	return out
}

// importance follows the names of ClamAV: applications that somebody may want
// (PUA), what looks wrong without being known (Heuristics), and malware.
func importance(name string) engine.Importance {
	switch {
	case strings.HasPrefix(name, "PUA."):
		return engine.Low
	case strings.HasPrefix(name, "Heuristics."):
		return engine.Medium
	}
	return engine.High
}

// version is what clamd says of itself.
type version struct {
	raw      string
	program  string // "ClamAV 1.4.6"
	ruleSet  string // number of its daily database; empty: it has none
	dataBase int64  // when that was made: YYYYMMDDHHMM in UTC; 0: not known
}

// parseVersion reads the answer to VERSION: "ClamAV 1.4.6", and with the
// official database behind it "/27451/Sun Nov 15 09:25:00 2026", in the zone of
// clamd's clock, which is taken to be the given one.
func parseVersion(text string, zone *time.Location) (version, error) {
	program, rest, _ := strings.Cut(text, "/")
	if !strings.HasPrefix(program, "ClamAV ") || len(text) > maxQuote || foreign.Clean(text) != text {
		return version{}, fmt.Errorf("the program that was asked is not clamd: it answered %s", quote(text))
	}
	v := version{raw: text, program: program}
	number, made, _ := strings.Cut(rest, "/")
	if _, err := strconv.ParseUint(number, 10, 32); err != nil {
		return v, nil
	}
	v.ruleSet = number
	if at, err := time.ParseInLocation(time.ANSIC, made, zone); err == nil {
		v.dataBase, _ = strconv.ParseInt(at.UTC().Format("200601021504"), 10, 64) // digits only
	}
	return v, nil
}
