package settings

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
)

// form is what a Go type is to a configuration file.
type form int

const (
	formAny   form = iota // whatever the library makes of it
	formText              // a text that the type parses itself
	formTable             // struct
	formMap               // table with free keys
	formList
	formString
	formBool
	formInteger
	formFloat
)

// textUnmarshaler is the interface of types that parse their own text.
type textUnmarshaler = encoding.TextUnmarshaler

// target strips pointers.
func target(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func formOf(t reflect.Type) form {
	t = target(t)
	if reflect.PointerTo(t).Implements(reflect.TypeFor[textUnmarshaler]()) {
		return formText
	}
	switch t.Kind() {
	case reflect.Struct:
		return formTable
	case reflect.Map:
		return formMap
	case reflect.Slice, reflect.Array:
		return formList
	case reflect.String:
		return formString
	case reflect.Bool:
		return formBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return formInteger
	case reflect.Float32, reflect.Float64:
		return formFloat
	}
	return formAny
}

// field is one key of a struct.
type field struct {
	name   string
	typ    reflect.Type
	index  []int
	secret bool
}

// fieldsOf lists the keys of a struct in the order of its declaration. Fields
// of embedded structs without a name of their own count as its own.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		if f.Anonymous && name == "" && target(f.Type).Kind() == reflect.Struct {
			for _, inner := range fieldsOf(target(f.Type)) {
				inner.index = append([]int{i}, inner.index...)
				out = append(out, inner)
			}
			continue
		}
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		out = append(out, field{name: name, typ: f.Type, index: []int{i}, secret: f.Tag.Get("secret") == "true"})
	}
	return out
}

func findField(t reflect.Type, name string) (field, bool) {
	fields := fieldsOf(t)
	i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
	if i < 0 {
		return field{}, false
	}
	return fields[i], true
}

// suggest finds the key that was probably meant: a similar one in the same
// table, or one of the same name elsewhere.
func suggest(root, table reflect.Type, name string) string {
	best, least := "", 1+len(name)/4
	for _, f := range fieldsOf(table) {
		if d := distance(plain(name), plain(f.name)); d <= least {
			best, least = f.name, d-1
		}
	}
	if best != "" {
		return best
	}
	return elsewhere(root, "", name, 0)
}

// plain folds what people mix up in keys.
func plain(s string) string { return strings.ToLower(strings.ReplaceAll(s, "-", "_")) }

func elsewhere(t reflect.Type, path, name string, depth int) string {
	if depth > 8 { // a type that holds itself
		return ""
	}
	for _, f := range fieldsOf(t) {
		if plain(f.name) == plain(name) {
			return join(path, f.name)
		}
		if formOf(f.typ) == formTable {
			if found := elsewhere(target(f.typ), join(path, f.name), name, depth+1); found != "" {
				return found
			}
		}
	}
	return ""
}

// distance counts the characters to insert, delete, exchange or swap with
// their neighbour to turn a into b.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := range x {
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
