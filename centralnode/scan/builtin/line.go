package builtin

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"vedette/centralnode/scan/engine"
	"vedette/internal/foreign"
)

const (
	maxLine = 16 << 10 // bytes of a line of any file of rules
	maxName = 128      // bytes of a name
	// linesAtOnce are read before anybody asks whether it is still worth it.
	linesAtOnce = 4096
)

// lineError is what is wrong with one line.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }

// eachLine gives every line that says something, without the blanks around it.
// The bytes are valid until the function returns.
func eachLine(ctx context.Context, r io.Reader, take func(line []byte) error) error {
	b := bufio.NewReaderSize(r, maxLine+2) // with the line's end
	for number := 1; ; number++ {
		if number%linesAtOnce == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		line, err := b.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			if errors.Is(err, bufio.ErrBufferFull) {
				return &lineError{number, fmt.Errorf("longer than %d bytes", maxLine)}
			}
			return err
		}
		end := err != nil
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")) // some editors begin with a byte order mark
		}
		line = bytes.Trim(line, " \t\r\n")
		if len(line) > 0 && line[0] != '#' {
			if err := take(line); err != nil {
				return &lineError{number, err}
			}
		}
		if end {
			return nil
		}
	}
}

// nextField takes a word off the front of a line.
func nextField(line []byte) (field, rest []byte) {
	end := bytes.IndexAny(line, " \t")
	if end < 0 {
		return line, nil
	}
	return line[:end], bytes.TrimLeft(line[end:], " \t")
}

// checkName refuses names that could not be shown as they are.
func checkName(name []byte) error {
	switch {
	case len(name) == 0:
		return errors.New("there is no name")
	case len(name) > maxName:
		return fmt.Errorf("the name is longer than %d bytes", maxName)
	case plain(name):
		return nil
	case foreign.Clean(string(name)) != string(name):
		return fmt.Errorf("the name %s has characters that do not show", excerpt(name))
	}
	return nil
}

func plain(s []byte) bool {
	for _, c := range s {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

func parseImportance(word []byte) (engine.Importance, error) {
	switch i := engine.Importance(word); i {
	case engine.High, engine.Medium, engine.Low:
		return i, nil
	}
	return "", fmt.Errorf("%s is not an importance: these are high, medium and low", excerpt(word))
}

// excerpt is a bit of a file in a message.
func excerpt(s []byte) string {
	return strconv.Quote(foreign.Bounded(string(s[:min(len(s), 256)]), 64))
}
