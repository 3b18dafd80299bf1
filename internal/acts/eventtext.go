package acts

import (
	"fmt"
	"strings"
)

// What says in one line what an event is about: the command line, the program
// that ended and how, or the agent's message.
func (e Event) What() string {
	var what string
	if p := e.Process; p != nil {
		if what = p.Executable; len(p.Args) > 0 {
			what = CommandLine(p.Args)
		}
		if p.ExitCode != nil {
			what = strings.TrimSpace(fmt.Sprintf("%s (exit %d)", what, *p.ExitCode))
		}
	}
	return strings.TrimSpace(what + " " + e.Message)
}

// Who is the user of an event by name, or else by id; empty: it has none.
func (e Event) Who() string {
	switch {
	case e.User == nil:
		return ""
	case e.User.Name != "":
		return e.User.Name
	}
	return e.User.ID
}

// CommandLine writes arguments as a shell would take them, for people to read.
func CommandLine(args []string) string {
	var line strings.Builder
	for i, arg := range args {
		if i > 0 {
			line.WriteByte(' ')
		}
		if arg == "" || strings.ContainsFunc(arg, quoted) {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		line.WriteString(arg)
	}
	return line.String()
}

// quoted says whether an argument with this character needs quotation marks.
func quoted(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("-_./:=,@%+", r)
}
