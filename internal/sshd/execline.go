package sshd

import (
	"fmt"
	"strings"
)

// MaxLine is the longest command line in bytes that Split takes.
const MaxLine = 128 << 10

// SyntaxError says what is wrong with a command line, and where.
type SyntaxError struct {
	Offset int // in bytes
	Text   string
}

// Error returns the sentence for a person.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("command line, byte %d: %s", e.Offset+1, e.Text)
}

// Split splits a command line into arguments. Arguments are separated by
// blanks, tabs and line ends. Single quotes keep everything; double quotes
// keep everything but a backslash before one of \ " $ `, which takes the next
// byte as it is; outside of quotes a backslash does so before every byte. There
// is no expansion of any kind. The operators of a shell (| & ; < > ( ) $ `) are
// refused outside of quotes, because here they would not do what they look
// like. Bytes need not be UTF-8; a zero byte is refused.
func Split(line string) ([]string, error) {
	if len(line) > MaxLine {
		return nil, &SyntaxError{MaxLine, fmt.Sprintf("the line is longer than %d bytes", MaxLine)}
	}
	if i := strings.IndexByte(line, 0); i >= 0 {
		return nil, &SyntaxError{i, "a zero byte"}
	}
	args := []string{}
	var arg strings.Builder
	inArg := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\t', '\n', '\r':
			if inArg {
				args = append(args, arg.String())
				arg.Reset()
				inArg = false
			}
		case '\'':
			end := strings.IndexByte(line[i+1:], '\'')
			if end < 0 {
				return nil, &SyntaxError{i, "a single quote that is not closed"}
			}
			arg.WriteString(line[i+1 : i+1+end])
			i += 1 + end
			inArg = true
		case '"':
			end, err := doubleQuoted(line, i, &arg)
			if err != nil {
				return nil, err
			}
			i = end
			inArg = true
		case '\\':
			if i+1 == len(line) {
				return nil, &SyntaxError{i, "a backslash with nothing after it"}
			}
			i++
			arg.WriteByte(line[i])
			inArg = true
		case '|', '&', ';', '<', '>', '(', ')', '$', '`':
			return nil, &SyntaxError{i, fmt.Sprintf("%q outside of quotes: there is no shell here", c)}
		default:
			arg.WriteByte(c)
			inArg = true
		}
	}
	if inArg {
		args = append(args, arg.String())
	}
	return args, nil
}

// doubleQuoted appends what stands between the double quote at start and its
// fellow to arg and returns the fellow's offset.
func doubleQuoted(line string, start int, arg *strings.Builder) (int, error) {
	for i := start + 1; i < len(line); i++ {
		switch c := line[i]; c {
		case '"':
			return i, nil
		case '\\':
			if i+1 < len(line) && strings.IndexByte("\\\"$`", line[i+1]) >= 0 {
				i++
			}
			arg.WriteByte(line[i])
		default:
			arg.WriteByte(c)
		}
	}
	return 0, &SyntaxError{start, "a double quote that is not closed"}
}

// Quote makes a command line that Split splits into args, and a POSIX shell
// too.
func Quote(args []string) string {
	var line strings.Builder
	for i, arg := range args {
		if i > 0 {
			line.WriteByte(' ')
		}
		if arg != "" && strings.IndexFunc(arg, needsQuotes) < 0 {
			line.WriteString(arg)
			continue
		}
		line.WriteByte('\'')
		line.WriteString(strings.ReplaceAll(arg, "'", `'\''`))
		line.WriteByte('\'')
	}
	return line.String()
}

func needsQuotes(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("-_./:=,@%+", r)
}
