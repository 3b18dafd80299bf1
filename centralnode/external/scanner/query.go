package scanner

import (
	"net/url"
	"strings"

	"vedette/proto/problem"
)

// maxID bounds a scanId and a sensorInstanceId, in bytes.
const maxID = 128

const idRule = "1 to 128 characters of A-Z, a-z, 0-9 and . _ : @ ~ + = -"

// isID reports whether s can be a scanId or a sensorInstanceId: what needs no
// escaping anywhere but in a path.
func isID(s string) bool {
	if s == "" || len(s) > maxID {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("._:@~+=-", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// query is the query of a request, read strictly: what is misspelt or given
// twice is refused, because leaving it out would answer another question.
type query struct{ values url.Values }

func queryOf(u *url.URL) (query, *problem.Problem) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return query{}, badRequest("The query is malformed.")
	}
	return query{values}, nil
}

// one is a parameter that is given at most once. An empty one is like none.
func (q query) one(name string) (string, *problem.Problem) {
	if p := q.spelt(name); p != nil {
		return "", p
	}
	switch given := q.values[name]; len(given) {
	case 0:
		return "", nil
	case 1:
		return given[0], nil
	default:
		return "", badRequest(name + " is given more than once.")
	}
}

// list is a parameter that is a list: separated by commas, or given again for
// each element. An empty one is like none.
func (q query) list(name string) ([]string, *problem.Problem) {
	if p := q.spelt(name); p != nil {
		return nil, p
	}
	var list []string
	for _, given := range q.values[name] {
		if given != "" {
			list = append(list, strings.Split(given, ",")...)
		}
	}
	return list, nil
}

// spelt refuses a parameter that differs in upper and lower case only.
func (q query) spelt(name string) *problem.Problem {
	for given := range q.values {
		if given != name && strings.EqualFold(given, name) {
			return badRequest("A parameter is misspelt: it is written " + name + ".")
		}
	}
	return nil
}

// instance is the sensorInstanceId of the query; none is "".
func (q query) instance() (string, *problem.Problem) {
	instance, p := q.one("sensorInstanceId")
	if p != nil {
		return "", p
	}
	if instance != "" && !isID(instance) {
		return "", badRequest("sensorInstanceId has " + idRule + ".")
	}
	return instance, nil
}
