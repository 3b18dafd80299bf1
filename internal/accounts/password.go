package accounts

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of names and passwords.
const (
	maxName     = 64
	minPassword = 8
	maxPassword = 512 // bytes, so that a password check has a bounded cost
)

// RuleError lists every rule that a name or a password breaks. It never holds
// the password.
type RuleError struct {
	What   string // "name" or "password"
	Faults []string
}

func (e *RuleError) Error() string {
	return "this " + e.What + " " + strings.Join(e.Faults, ", ")
}

var nameRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// reservedName is what records call those who come in without a password, over
// the daemon's own socket.
const reservedName = "local"

// CheckName says what is wrong with an account name: Latin letters, digits,
// dot, dash and underscore, beginning with a letter or digit, at most 64.
func CheckName(name string) error {
	var faults []string
	if len(name) > maxName {
		faults = append(faults, fmt.Sprintf("is longer than %d characters", maxName))
	}
	if !nameRule.MatchString(name) {
		faults = append(faults, "needs Latin letters, digits, dots, dashes or underscores, a letter or digit first")
	}
	if strings.EqualFold(name, reservedName) {
		faults = append(faults, "is reserved for the console")
	}
	if len(faults) > 0 {
		return &RuleError{What: "name", Faults: faults}
	}
	return nil
}

// CheckPassword says which of the documented rules a password breaks: at least
// 8 characters, three of the four classes lower case, upper case, digits and
// others, not the name of the account.
func CheckPassword(name, password string) error {
	var faults []string
	var lower, upper, digit, other int
	for _, r := range password {
		switch {
		case unicode.IsLower(r):
			lower = 1
		case unicode.IsUpper(r):
			upper = 1
		case unicode.IsDigit(r):
			digit = 1
		default:
			other = 1
		}
	}
	if !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl) {
		faults = append(faults, "holds characters that cannot be typed")
	}
	if utf8.RuneCountInString(password) < minPassword {
		faults = append(faults, fmt.Sprintf("is shorter than %d characters", minPassword))
	}
	if len(password) > maxPassword {
		faults = append(faults, fmt.Sprintf("is longer than %d bytes", maxPassword))
	}
	if lower+upper+digit+other < 3 {
		faults = append(faults, "needs three of: lower case, upper case, digits, other characters")
	}
	if strings.EqualFold(password, name) {
		faults = append(faults, "is the name of the account")
	}
	if len(faults) > 0 {
		return &RuleError{What: "password", Faults: faults}
	}
	return nil
}

// The alphabet of generated passwords: nothing that looks like something else.
const (
	alphabet = "abcdefghjkmnpqrstuvwxyz23456789" // 31 characters, 4.95 bits each
	groups   = 6
	perGroup = 4
)

// GeneratePassword returns a password to read out and type: six groups of four
// letters and digits, 118 bits less the little that the rules take.
func GeneratePassword() string {
	for {
		var b strings.Builder
		for i := range groups * perGroup {
			if i > 0 && i%perGroup == 0 {
				b.WriteByte('-')
			}
			b.WriteByte(alphabet[draw(len(alphabet))])
		}
		// One in a thousand has no digit.
		if CheckPassword("", b.String()) == nil {
			return b.String()
		}
	}
}

// draw returns a random number below n <= 256, each equally likely.
func draw(n int) int {
	limit := 256 / n * n
	for {
		var b [1]byte
		rand.Read(b[:]) // never fails
		if int(b[0]) < limit {
			return int(b[0]) % n
		}
	}
}
