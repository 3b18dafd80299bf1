package response

import (
	"encoding/json"
	"strings"
	"testing"

	"vedette/proto/problem"
)

// FuzzBodies holds that every body gets an answer, and that what is called
// well-formed is so by another reader.
func FuzzBodies(f *testing.F) {
	for _, s := range []string{
		``, `null`, `{}`, `{"settings":{"autoTurnoffTimeoutInSec":7200}}`, `{"settings":{"autoTurnoffTimeoutInSec":7200,"excludedRules":[{"protocol":6,"localPortRange":{"fromPort":1,"toPort":2}}]}}`,
		`{"settings":{"objects":[{"file":{"md5":"d8e577bf078c45954f4531885478d5a9"}}]}}`, `{"task":{"shedule":{"startNow":true},"execCommand":"a"}}`,
		strings.Repeat(`[`, 100), `{"settings":{"excludedRules":[null]}}`, `{"settings":{"objects":[null,{"file":null}]}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, p := range map[string]*problem.Problem{
			"settings": checkBody[isolationBody](strings.NewReader(s), maxBody),
			"objects":  checkBody[preventionBody](strings.NewReader(s), maxBody),
			"task":     checkBody[taskBody](strings.NewReader(s), maxBody),
		} {
			switch {
			case p == nil && !json.Valid([]byte(s)):
				t.Errorf("%s: %q is taken and is not JSON", name, s)
			case p == nil && !strings.HasPrefix(strings.TrimLeft(s, " \t\r\n"), "{"):
				t.Errorf("%s: %q is taken and is no object", name, s)
			case p != nil && (p.Detail == "" || p.Status < 400 || p.Status > 499):
				t.Errorf("%s: %q is answered %+v", name, s, p)
			}
		}
	})
}
