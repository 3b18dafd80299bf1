package accounts

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPasswordRules(t *testing.T) {
	for _, tt := range []struct{ password, faults string }{
		{"Abcdefg1", ""},
		{"abcdefg1!", ""},
		{"ABCDEFG1!", ""},
		{"Abcdefgh!", ""},
		{"Пароль-Пароль1", ""},
		{"two words 7", ""},
		{"Abcdef1", "is shorter than 8 characters"},
		{"abcdefgh", "needs three of: lower case, upper case, digits, other characters"},
		{"abcdefg1", "needs three of: lower case, upper case, digits, other characters"},
		{"", "is shorter than 8 characters, needs three of: lower case, upper case, digits, other characters"},
		{"Admin.User1", "is the name of the account"},
		{"aDMIN.uSER1", "is the name of the account"},
		{"Abcdefg1\x00", "holds characters that cannot be typed"},
		{"Abcdefg1\xff", "holds characters that cannot be typed"},
		{"Aa1" + strings.Repeat("x", maxPassword), "is longer than 512 bytes"},
	} {
		err := CheckPassword("Admin.User1", tt.password)
		if tt.faults == "" {
			if err != nil {
				t.Errorf("%q: %v", tt.password, err)
			}
			continue
		}
		var rule *RuleError
		if !errors.As(err, &rule) || strings.Join(rule.Faults, ", ") != tt.faults || rule.What != "password" {
			t.Errorf("%q: %v, want %q", tt.password, err, tt.faults)
		}
	}
}

func TestNameRules(t *testing.T) {
	for _, name := range []string{"admin", "Administrator", "a", "0x", "anna.b-c_d", strings.Repeat("n", 64)} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".a", "-a", "a b", "a/b", "a\n", "ä", "local", "Local", strings.Repeat("n", 65), "a\x00"} {
		if err := CheckName(name); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}

func TestGeneratedPasswordsAreStrongAndReadable(t *testing.T) {
	if bits := groups * perGroup * math.Log2(float64(len(alphabet))); bits < 100 {
		t.Errorf("%.0f bits", bits)
	}
	seen, used := map[string]bool{}, map[rune]int{}
	const n = 2000
	for range n {
		p := GeneratePassword()
		if err := CheckPassword("admin", p); err != nil {
			t.Fatalf("%q: %v", p, err)
		}
		if len(p) != 29 || strings.Count(p, "-") != 5 || strings.ContainsAny(p, "0o1liO") || seen[p] {
			t.Fatalf("%q", p)
		}
		seen[p] = true
		for _, r := range p {
			used[r]++
		}
	}
	// Each of 31 characters is expected 1548 times, standard deviation 39.
	for _, r := range alphabet {
		if used[r] < 1200 || used[r] > 1900 {
			t.Errorf("%c occurs %d times", r, used[r])
		}
	}
}

// TestOnlyTestsMakePasswordsThatAreCheapToGuess looks for the name in the whole
// tree.
func TestOnlyTestsMakePasswordsThatAreCheapToGuess(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "NewCheap(") {
			return err
		}
		seen++
		if !strings.HasSuffix(path, "_test.go") && path != filepath.Join("..", "..", "internal", "accounts", "accounts.go") {
			t.Errorf("%s makes them", path)
		}
		return nil
	})
	if err != nil || seen < 2 {
		t.Errorf("%d files with the name, %v", seen, err)
	}
}
