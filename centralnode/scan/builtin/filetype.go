package builtin

import (
	"fmt"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// headSize is how much of an object decides its type. The library looks at 3072
// bytes unless it is told otherwise.
const headSize = 3072

// fileType is a recognised type: its own name first, then of what it is derived.
type fileType []string

// recognise tells the type of a file from its beginning, which a stranger chose.
func recognise(head []byte) (t fileType, err error) {
	defer func() {
		if r := recover(); r != nil {
			t, err = nil, fmt.Errorf("recognise the type of the object: %v", r)
		}
	}()
	for m := mimetype.Detect(head[:min(len(head), headSize)]); m != nil; m = m.Parent() {
		t = append(t, mediaType(m.String()))
	}
	return t, nil
}

// name is the media type without parameters.
func (t fileType) name() string {
	if len(t) == 0 {
		return ""
	}
	return t[0]
}

// parseType reads the type of a rule, in the name that recognise uses.
func parseType(s string) (string, error) {
	m := mimetype.Lookup(strings.ToLower(s))
	if m == nil || mediaType(m.String()) == "application/octet-stream" {
		return "", fmt.Errorf("no file is recognised as type %q", s)
	}
	return mediaType(m.String()), nil
}

func mediaType(s string) string {
	s, _, _ = strings.Cut(s, ";")
	return s
}
