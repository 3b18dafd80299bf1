package pki

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// ReadKeyFile reads a configured file that holds a private key: a regular file of at most MaxFileSize octets that only
// its owner can read. A file open to others is refused with a *RuleError that names the mode and the command to mend it.
func ReadKeyFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // never wait for a pipe's other end
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read key file %s: not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, &RuleError{Rule: RuleKeyFile,
			Text: fmt.Sprintf("the key file %s is open to others than its owner (mode %04o)", path, mode),
			Hint: "close it: chmod 600 " + path + "; and consider the key known to all who could read it"}
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read key file %s: %w", path, err)
	}
	if len(data) > MaxFileSize {
		return nil, errTooLarge(len(data))
	}
	return data, nil
}
