package home

import (
	"errors"
	"io"
	"strconv"
	"strings"
)

// maxRecord is the longest control record of scp in bytes, without its first
// byte and with its line end.
const maxRecord = 1024

// errRecord says that a client does not speak the protocol of scp.
var errRecord = errors.New("protocol error")

// readRecord reads a control record after its first byte, up to its line end,
// which it leaves out. It reads byte by byte: what follows may be a key, which
// is to be in one buffer only.
func readRecord(in io.Reader) (string, error) {
	var line []byte
	var one [1]byte
	for len(line) < maxRecord {
		if _, err := io.ReadFull(in, one[:]); err != nil {
			return "", err
		}
		if one[0] == '\n' {
			return string(line), nil
		}
		line = append(line, one[0])
	}
	return "", errRecord
}

// parseFile reads "0644 123 kata.pem", what follows the C or D of a file or
// folder. The name is one of a folder's entries: no slash, not . or .., no
// control characters.
func parseFile(record string) (size int64, name string, err error) {
	mode, rest, ok := strings.Cut(record, " ")
	if !ok || len(mode) != 4 || strings.Trim(mode, "01234567") != "" {
		return 0, "", errRecord
	}
	digits, name, ok := strings.Cut(rest, " ")
	if !ok {
		return 0, "", errRecord
	}
	if size, err = parseNumber(digits); err != nil {
		return 0, "", err
	}
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	if name == "" || name == "." || name == ".." || strings.Contains(name, "/") || strings.ContainsFunc(name, control) {
		return 0, "", errRecord
	}
	return size, name, nil
}

// checkTimes checks "1700000000 0 1700000000 0", what follows the T: seconds
// and microseconds of change and of access.
func checkTimes(record string) error {
	fields := strings.Split(record, " ")
	if len(fields) != 4 {
		return errRecord
	}
	for _, f := range fields {
		if _, err := parseNumber(f); err != nil {
			return err
		}
	}
	return nil
}

// parseNumber takes decimal digits alone, as many as fit into 63 bits.
func parseNumber(digits string) (int64, error) {
	if strings.Trim(digits, "0123456789") != "" {
		return 0, errRecord
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, errRecord
	}
	return n, nil
}
