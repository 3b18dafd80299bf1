package settings

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes in a configuration file, written "64MiB", "512KiB",
// "2GiB", or as a plain number.
type Size int64

type sizeUnit struct {
	name  string
	shift uint
}

func sizeUnits() []sizeUnit {
	return []sizeUnit{{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}}
}

// UnmarshalText reads the text form.
func (s *Size) UnmarshalText(text []byte) error {
	digits, shift := strings.ReplaceAll(string(text), "_", ""), uint(0)
	for _, u := range sizeUnits() {
		if n, ok := strings.CutSuffix(digits, u.name); ok {
			digits, shift = strings.TrimSuffix(n, " "), u.shift
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return fmt.Errorf("%q is not a size: write it like \"64MiB\", \"512KiB\" or \"2GiB\"", text)
	}
	if n > math.MaxInt64>>shift {
		return fmt.Errorf("size %q is too large", text)
	}
	*s = Size(n << shift)
	return nil
}

// MarshalText writes the text form.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String is the exact form in the largest unit: "64MiB", "1000B".
func (s Size) String() string {
	for _, u := range sizeUnits() {
		if s != 0 && s%(1<<u.shift) == 0 {
			return fmt.Sprintf("%d%s", int64(s)>>u.shift, u.name)
		}
	}
	return "0B"
}
