package policy

import (
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vedette/internal/settings"
)

// ErrUnderPolicy refuses a local change.
var ErrUnderPolicy = errors.New("these settings are under policy and cannot be changed on this host")

// Change is what the command line sets; nil leaves a setting as it is.
type Change struct {
	Enabled           *bool
	Servers           *[]string
	PinnedCertificate *string // path; empty removes the pin
	ClientCertificate *string // path of a PFX; empty removes it
	ClientPassword    *string // of ClientCertificate
	Timeout           *time.Duration
	SyncPeriod        *time.Duration
	Compression       *bool
}

// Apply writes a change into the local settings. Certificates and password are
// copied, so that the files they came from are not needed any more. When the
// change is refused or faulty nothing is different afterwards.
func Apply(f Files, c Change) (*Policy, error) {
	managed, _, err := loadLayer(f.Policy)
	if err != nil {
		return nil, fmt.Errorf("whether local changes are allowed is unknown: %w", err)
	}
	if managed.UnderPolicy != nil && *managed.UnderPolicy {
		return nil, ErrUnderPolicy
	}
	local, _, err := loadLayer(f.local())
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	old := *local
	made, err := c.into(local, f.Dir)
	undo := func() {
		for _, path := range made {
			_ = os.Remove(path)
		}
	}
	if err != nil {
		undo()
		return nil, err
	}
	previous, hadPrevious := os.ReadFile(f.local())
	if err := writePrivate(f.local(), local.encode()); err != nil {
		undo()
		return nil, fmt.Errorf("write local settings: %w", err)
	}
	p, err := Load(f)
	if err != nil {
		if hadPrevious == nil {
			err = errors.Join(err, writePrivate(f.local(), previous))
		} else {
			err = errors.Join(err, os.Remove(f.local()))
		}
		undo()
		return nil, err
	}
	for _, path := range []*string{old.ClientCertificate, old.ClientPasswordFile} {
		if path != nil && *path != "" && (local.ClientCertificate == nil || *path != *local.ClientCertificate) &&
			(local.ClientPasswordFile == nil || *path != *local.ClientPasswordFile) {
			_ = os.Remove(*path) // an old copy of ours; the settings do not name it any more
		}
	}
	return p, nil
}

// into changes a layer and returns the files that it made.
func (c Change) into(l *Layer, dir string) (made []string, err error) {
	if c.Enabled != nil {
		l.Enabled = c.Enabled
	}
	if c.Servers != nil {
		list, err := ParseServers(*c.Servers)
		if err != nil {
			return nil, err
		}
		l.Servers, l.Address = &list, nil
	}
	if c.PinnedCertificate != nil {
		text := ""
		if *c.PinnedCertificate != "" {
			cert, err := ReadCertificate(*c.PinnedCertificate)
			if err != nil {
				return nil, fmt.Errorf("pinned certificate: %w", withHint(err))
			}
			text = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
		}
		l.Certificate = &text
	}
	if c.Timeout != nil {
		l.Timeout = ptr(settings.Duration(*c.Timeout))
	}
	if c.SyncPeriod != nil {
		l.SyncPeriod = ptr(settings.Duration(*c.SyncPeriod))
	}
	if c.Compression != nil {
		l.Compression = c.Compression
	}
	return c.client(l, dir)
}

func (c Change) client(l *Layer, dir string) (made []string, err error) {
	switch {
	case c.ClientCertificate == nil && c.ClientPassword != nil:
		return nil, errors.New("a client password belongs to a client certificate: give both")
	case c.ClientCertificate == nil:
		return nil, nil
	case *c.ClientCertificate == "":
		l.ClientCertificate, l.ClientPasswordFile = ptr(""), ptr("")
		return nil, nil
	}
	password := ""
	if c.ClientPassword != nil {
		password = *c.ClientPassword
	}
	data, err := readBounded(*c.ClientCertificate)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	pair, err := DecodeClient(data, password)
	if err != nil {
		return nil, fmt.Errorf("client certificate %s: %w", *c.ClientCertificate, err)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	// A name of its own each time, so that the old pair of files stays whole
	// until the settings name the new one.
	print := pair.Fingerprint()
	name := filepath.Join(abs, fmt.Sprintf("client-%s-%d", hex.EncodeToString(print[:4]), time.Now().UnixNano()))
	if err := writePrivate(name+".pfx", data); err != nil {
		return nil, fmt.Errorf("copy client certificate: %w", err)
	}
	made = append(made, name+".pfx")
	l.ClientCertificate, l.ClientPasswordFile = ptr(name+".pfx"), ptr("")
	if password != "" {
		if strings.ContainsAny(password, "\r\n") {
			return made, errors.New("a client password cannot hold line breaks")
		}
		if err := writePrivate(name+".password", []byte(password+"\n")); err != nil {
			return made, fmt.Errorf("keep client password: %w", err)
		}
		made = append(made, name+".password")
		l.ClientPasswordFile = ptr(name + ".password")
	}
	return made, nil
}

// writePrivate replaces a file atomically and durably; only its owner can read it.
func writePrivate(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
