package settings

import (
	"regexp"
	"strconv"
	"strings"
)

// Default is the origin of what nobody set.
const Default = "default"

// Origins remembers where each value came from. Keys are written as Flatten
// writes them.
type Origins struct{ of map[string]string }

// Set notes that a key has a new origin, for instance "flag --listen".
func (o *Origins) Set(key, origin string) {
	if o.of == nil {
		o.of = make(map[string]string)
	}
	o.of[key] = origin
}

// Of says where a value came from: "default", "FILE:LINE", or what Set noted.
// What the file gave as a whole, such as a list, is the origin of its parts.
func (o *Origins) Of(key string) string {
	for {
		if origin, ok := o.of[key]; ok {
			return origin
		}
		cut := strings.LastIndexAny(key, ".[")
		if cut < 0 {
			return Default
		}
		key = key[:cut]
	}
}

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// join appends a key to a path, in quotes where TOML wants them.
func join(path, name string) string {
	if !bareKey.MatchString(name) {
		name = strconv.Quote(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}
