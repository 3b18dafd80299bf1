package simulate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"vedette/pki"
)

// MakeIdentities writes n agent certificates with their keys into a folder, as
// agent-00001.pem and so on, mode 0600: ready for `agent-certificate upload`
// and for ReadIdentities. Files that exist are kept.
func MakeIdentities(dir string, n int, now func() time.Time) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder for certificates: %w", err)
	}
	for i := range n {
		name := fmt.Sprintf("agent-%05d", i+1)
		f, err := os.OpenFile(filepath.Join(dir, name+".pem"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("write certificate: %w", err)
		}
		pair, err := pki.GenerateAgent(pki.AgentOptions{Name: name, Now: now})
		if err == nil {
			_, err = f.Write(pair.EncodePEM())
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("write certificate %s: %w", name, errors.Join(err, os.Remove(f.Name())))
		}
	}
	return nil
}

// ReadIdentities reads all PEM files of a folder, in the order of their names.
func ReadIdentities(dir string, now time.Time) ([]*pki.Pair, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.pem"))
	if err != nil {
		return nil, fmt.Errorf("list certificates: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no certificates (*.pem) in %s", dir)
	}
	slices.Sort(files)
	pairs := make([]*pki.Pair, len(files))
	for i, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		if pairs[i], _, err = pki.ParsePair(data, now); err != nil { // expiry does not matter here
			return nil, fmt.Errorf("read certificate %s: %w", path, err)
		}
	}
	return pairs, nil
}
