package settings

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Value is one key of a configuration. Text is its value as the file would
// have it: `"0.0.0.0:443"`, `"5m"`, `1024`, `["a", "b"]`. A secret that is set
// reads `"***"`.
type Value struct{ Key, Text string }

const masked = `"***"`

// Flatten lists all keys of a configuration struct with their values, in the
// order of its declaration, keys of maps in order. `KEY = TEXT` is a line that
// a configuration file may hold, except for masked secrets and elements of
// lists of tables, which are numbered: servers[0].address.
func Flatten(v any) []Value {
	f := &flattener{}
	f.walk("", reflect.ValueOf(v), false)
	return f.values
}

type flattener struct{ values []Value }

func (f *flattener) add(key, text string, secret bool) {
	if secret && text != `""` && text != "[]" {
		text = masked
	}
	f.values = append(f.values, Value{Key: key, Text: text})
}

func (f *flattener) walk(path string, v reflect.Value, secret bool) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			f.add(path, `""`, secret)
			return
		}
		if _, ok := v.Interface().(encoding.TextMarshaler); ok {
			break
		}
		v = v.Elem()
	}
	switch formOf(v.Type()) {
	case formTable:
		for _, field := range fieldsOf(v.Type()) {
			if inner, err := v.FieldByIndexErr(field.index); err == nil {
				f.walk(join(path, field.name), inner, field.secret)
			}
		}
	case formMap:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		for _, k := range keys {
			f.walk(join(path, fmt.Sprint(k)), v.MapIndex(k), secret)
		}
	case formList:
		if isTable(v.Type().Elem()) {
			for i := range v.Len() {
				f.walk(fmt.Sprintf("%s[%d]", path, i), v.Index(i), secret)
			}
			return
		}
		f.add(path, literal(v), secret)
	default:
		f.add(path, literal(v), secret)
	}
}

// literal writes a value as TOML has it.
func literal(v reflect.Value) string {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			return quote(err.Error())
		}
		return quote(string(text))
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return `""`
		}
		return literal(v.Elem())
	case reflect.Slice, reflect.Array:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = literal(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Float32, reflect.Float64:
		s := strconv.FormatFloat(v.Float(), 'f', -1, v.Type().Bits())
		if !strings.ContainsAny(s, ".IN") {
			s += ".0"
		}
		return s
	}
	if formOf(v.Type()) == formInteger {
		return fmt.Sprint(v)
	}
	return quote(fmt.Sprint(v))
}

// quote writes a TOML basic string that shows everything it holds.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
