// Package settings reads a daemon's configuration file: TOML, strictly. A key
// that the program does not know, a value of the wrong kind, a key set twice:
// each is a fault with file, line and column, and all faults come at once, so
// that one correction round is enough. It also remembers where every value
// came from, for `config show`.
//
// Only the commands and the agent's policy import it; every other package
// receives the values it needs. The struct that is filled holds the defaults
// beforehand and names its keys in `toml` tags; a key is matched exactly, also
// in its case. What values mean together is for the struct's own Validate.
package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"

	toml "github.com/pelletier/go-toml/v2"
)

// MaxFile is the most bytes that a configuration file may have.
const MaxFile = 1 << 20

// Load reads the file into the struct that into points to, which holds the
// defaults. Faults of its content are an *Error; after any error the struct is
// of no use.
func Load(path string, into any) (*Origins, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("read configuration: %s is a folder", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Decode(path, data, into)
}

// Decode is Load for text that is already there; name stands for the file in
// faults and origins.
func Decode(name string, data []byte, into any) (*Origins, error) {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() || target.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("read configuration %s: %T is not a pointer to a struct", name, into)
	}
	if len(data) > MaxFile {
		return nil, &Error{Faults: []Fault{{File: name, Line: 1, Column: 1,
			Text: fmt.Sprintf("larger than %s", Size(MaxFile))}}}
	}
	// Editors on Windows begin files with a byte order mark.
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	w := newWalker(name, data)
	w.document(target.Elem().Type())
	if len(w.faults) > 0 {
		return nil, &Error{Faults: w.faults}
	}
	// The walk above knows the faults that people make and words them; the
	// library has the last word on what is TOML.
	err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(into)
	if err != nil {
		return nil, &Error{Faults: []Fault{w.libraryFault(err)}}
	}
	return &Origins{of: w.origins}, nil
}

// libraryFault gives an error of the TOML library its place.
func (w *walker) libraryFault(err error) Fault {
	fault := Fault{File: w.name, Line: 1, Column: 1, Text: err.Error()}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		fault.Line, fault.Column = decode.Position()
	}
	return fault
}
