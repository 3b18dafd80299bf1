package openapi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"vedette/proto/openapi"
)

func document(t *testing.T) *openapi3.T {
	t.Helper()
	d, err := openapi3.NewLoader().LoadFromData(openapi.Document)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// operations calls do for everything described.
func operations(d *openapi3.T, do func(path string, item *openapi3.PathItem, o *openapi3.Operation)) {
	for path, item := range d.Paths.Map() {
		for _, o := range item.Operations() {
			do(path, item, o)
		}
	}
}

func TestDescriptionIsValidWithItsExamples(t *testing.T) {
	if err := document(t).Validate(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestEveryOperationSaysHowItRefuses(t *testing.T) {
	n := 0
	operations(document(t), func(path string, _ *openapi3.PathItem, o *openapi3.Operation) {
		n++
		if o.OperationID == "" || o.Summary == "" || len(o.Tags) != 1 || !strings.HasPrefix(path, "/kata/") {
			t.Errorf("%s %q: an operation has an identifier, a summary and one tag", path, o.OperationID)
		}
		if o.OperationID == "getDescription" {
			return
		}
		for _, status := range []string{"400", "401", "503"} {
			if o.Responses.Value(status) == nil {
				t.Errorf("%s: %s is not described", o.OperationID, status)
			}
		}
		for status, r := range o.Responses.Map() {
			if status[0] == '4' || status[0] == '5' {
				if r.Value.Content["application/problem+json"] == nil {
					t.Errorf("%s %s has no problem", o.OperationID, status)
				}
			}
			if (status == "429" || status == "503") && r.Value.Headers["Retry-After"] == nil {
				t.Errorf("%s %s does not say when to come again", o.OperationID, status)
			}
		}
	})
	if n < 15 {
		t.Errorf("%d operations are described", n)
	}
}

// plain is a name as generators write it: they make one identifier of names that
// differ in case and signs only.
func plain(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(name))
}

func TestGeneratorsCanTellNamesApart(t *testing.T) {
	d := document(t)
	operations(d, func(_ string, item *openapi3.PathItem, o *openapi3.Operation) {
		seen := make(map[string]string)
		for _, p := range append(slices.Clone(item.Parameters), o.Parameters...) {
			if other, again := seen[plain(p.Value.Name)]; again {
				t.Errorf("%s: %s and %s are one argument of a generated function", o.OperationID, other, p.Value.Name)
			}
			seen[plain(p.Value.Name)] = p.Value.Name
		}
	})
	seen := make(map[string]string)
	note := func(name string) {
		if other, again := seen[plain(name)]; again {
			t.Errorf("the components %s and %s are one file of a generated client", other, name)
		}
		seen[plain(name)] = name
	}
	for name := range d.Components.Schemas {
		note(name)
	}
	for name := range d.Components.Parameters {
		note(name)
	}
}

func TestCodesAreThoseThatTheServerHas(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../problem/problem.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var has []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Code" {
			word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Error(err)
			}
			has = append(has, word)
		}
		return true
	})
	// These are a Sensor's, which no external system speaks to.
	sensors := []string{"sensor_unconfigured", "sensor_pending", "sensor_rejected", "same_server", "central_node_changed", "link_down"}
	has = slices.DeleteFunc(has, func(word string) bool { return slices.Contains(sensors, word) })
	var described []string
	for _, word := range document(t).Components.Schemas["Problem"].Value.Properties["code"].Value.Enum {
		described = append(described, word.(string))
	}
	slices.Sort(has)
	slices.Sort(described)
	if !slices.Equal(has, described) {
		t.Errorf("described %q\n      has %q", described, has)
	}
}
