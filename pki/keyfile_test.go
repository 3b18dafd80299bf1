package pki_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vedette/pki"
)

func TestReadKeyFileRefusesWhatOthersCanRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kata.pem")
	if err := os.WriteFile(path, []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, open := range map[fs.FileMode]bool{0o600: false, 0o400: false, 0o700: false, 0o640: true, 0o604: true, 0o644: true, 0o620: true, 0o601: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		data, err := pki.ReadKeyFile(path)
		if !open {
			if err != nil || string(data) != "key" {
				t.Errorf("mode %o: %q, %v", mode, data, err)
			}
			continue
		}
		var broken *pki.RuleError
		if !errors.As(err, &broken) || broken.Rule != pki.RuleKeyFile || data != nil {
			t.Errorf("mode %o: got %q, %v", mode, data, err)
		} else if !strings.Contains(broken.Hint, "chmod 600 "+path) || !strings.Contains(broken.Text, path) {
			t.Errorf("mode %o: %q, %q", mode, broken.Text, broken.Hint)
		}
	}
	link := path + ".link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := pki.ReadKeyFile(link); !errors.Is(err, &pki.RuleError{Rule: pki.RuleKeyFile}) {
		t.Errorf("through a link: %v", err)
	}
}

func TestReadKeyFileRefusesWhatIsNoKeyFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := pki.ReadKeyFile(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := pki.ReadKeyFile(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("folder: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pki.ReadKeyFile(pipe); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("pipe: %v", err)
	}
	large := filepath.Join(dir, "large")
	for size, refused := range map[int]bool{pki.MaxFileSize: false, pki.MaxFileSize + 1: true} {
		if err := os.WriteFile(large, bytes.Repeat([]byte{'x'}, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := pki.ReadKeyFile(large); errors.Is(err, &pki.RuleError{Rule: pki.RuleSize}) != refused {
			t.Errorf("%d octets: %v", size, err)
		}
	}
}
