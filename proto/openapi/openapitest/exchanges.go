package openapitest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"vedette/proto/openapi"
)

// Exchanges judges exchanges and counts them. Make one with New.
type Exchanges struct {
	document *openapi3.T
	paths    *paths

	mu   sync.Mutex // guards seen
	seen map[answer]int
}

// answer is a described answer of an operation.
type answer struct {
	operation string
	status    int
}

// New reads the description.
func New(t testing.TB) *Exchanges {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(openapi.Document)
	if err != nil {
		t.Fatalf("read the description: %v", err)
	}
	if err := document.Validate(context.Background()); err != nil {
		t.Fatalf("the description is not valid: %v", err)
	}
	closeAnswers(document)
	return &Exchanges{document: document, paths: newPaths(document), seen: make(map[answer]int)}
}

// Transport judges what goes through next.
func Transport(t testing.TB, next http.RoundTripper) http.RoundTripper {
	t.Helper()
	return New(t).Transport(t, next)
}

// Handler judges what h answers.
func Handler(t testing.TB, h http.Handler) http.Handler {
	t.Helper()
	return New(t).Handler(t, h)
}

// Missing names the described answers that were not given, as "operation
// status", in order: those of the given operations, or of all when none are
// given.
func (e *Exchanges) Missing(operations ...string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var missing []string
	for _, item := range e.document.Paths.Map() {
		for _, o := range item.Operations() {
			if len(operations) > 0 && !slices.Contains(operations, o.OperationID) {
				continue
			}
			for status := range o.Responses.Map() {
				n, err := strconv.Atoi(status)
				if err != nil || e.seen[answer{o.OperationID, n}] == 0 {
					missing = append(missing, o.OperationID+" "+status)
				}
			}
		}
	}
	slices.Sort(missing)
	return missing
}

// Operations are the identifiers of everything described, in order.
func (e *Exchanges) Operations() []string {
	var all []string
	for _, item := range e.document.Paths.Map() {
		for _, o := range item.Operations() {
			all = append(all, o.OperationID)
		}
	}
	slices.Sort(all)
	return all
}

// Counts says how often each answer was given, as "operation status".
func (e *Exchanges) Counts() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	counts := make(map[string]int, len(e.seen))
	for a, n := range maps.All(e.seen) {
		counts[fmt.Sprintf("%s %d", a.operation, a.status)] = n
	}
	return counts
}

func (e *Exchanges) count(operation string, status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen[answer{operation, status}]++
}

// closeAnswers forbids members of answers that are not described. Clients have
// to tolerate new ones; a server may not have any that nobody reads about.
func closeAnswers(document *openapi3.T) {
	for _, item := range document.Paths.Map() {
		for _, o := range item.Operations() {
			for _, r := range o.Responses.Map() {
				for _, m := range r.Value.Content {
					closeSchema(m.Schema)
				}
			}
		}
	}
}

func closeSchema(r *openapi3.SchemaRef) {
	if r == nil || r.Value == nil {
		return
	}
	s := r.Value
	if len(s.Properties) > 0 && s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil {
		s.AdditionalProperties.Has = new(bool)
	}
	closeSchema(s.Items)
	for _, p := range s.Properties {
		closeSchema(p)
	}
}
