package scan

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"testing"
	"time"

	"vedette/pki"
)

func TestSubmittedObjectGetsItsVerdictAndLeavesTheSpool(t *testing.T) {
	for name, size := range map[string]int{"small": 100, "at the bound": inlineMost, "above it": inlineMost + 1, "large": 3 << 20, "empty": 0} {
		t.Run(name, func(t *testing.T) {
			alerts := new(alarms)
			r := open(t, Config{Alerts: alerts})
			run(t, r)
			clean := bytes.Repeat([]byte{'x'}, size)
			submitOK(t, r, "gate", "clean", clean)
			submitOK(t, r, "gate", "bad", append([]byte("evil"), clean...))
			within(t, 10*time.Second, "verdicts", func() bool {
				return stateOf(r, "gate", "clean") == NotDetected && stateOf(r, "gate", "bad") == Detect
			})
			if left := files(t, r); len(left) > 0 {
				t.Errorf("still in the spool: %v", left)
			}
			if n := r.quota.Used(); n != 0 {
				t.Errorf("%d bytes of the quota are still used", n)
			}
			found := alerts.all()
			if len(found) != 1 || found[0].Key.ScanID != "bad" || found[0].Size != int64(size+4) || found[0].Type != "text/plain" {
				t.Errorf("alerts: %+v", found)
			}
		})
	}
}

func TestFindingCarriesWhatTheSubmissionSaid(t *testing.T) {
	alerts := new(alarms)
	r := open(t, Config{Alerts: alerts})
	run(t, r)
	u, err := r.Begin("gate")
	if err != nil {
		t.Fatal(err)
	}
	content := []byte("evil thing")
	for _, b := range content {
		if _, err := u.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	s := Submission{
		Key: Key{System: "gate", Instance: "i1", ScanID: "s1"}, Leaf: pki.Fingerprint{1, 2}, SystemName: "Mail gate",
		Name: "offer.doc", Mail: true, Remote: "192.0.2.1",
	}
	if err := u.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "detect", func() bool { return stateOf(r, "gate", "s1") == Detect })
	f := alerts.all()[0]
	m, h := md5.Sum(content), sha256.Sum256(content)
	if f.Key != s.Key || f.Leaf != s.Leaf || f.SystemName != s.SystemName || f.Name != s.Name || !f.Mail || f.Remote != s.Remote ||
		f.MD5 != hex.EncodeToString(m[:]) || f.SHA256 != hex.EncodeToString(h[:]) || f.Engine != "reader" ||
		f.Submitted.IsZero() || f.Scanned.Before(f.Submitted) || len(f.Origin) != 32 || f.Result.RuleSet != "7" {
		t.Errorf("finding: %+v", f)
	}
}

func TestUploadThatDoesNotEndWellLeavesNothing(t *testing.T) {
	large := make([]byte, 100_000)
	for name, end := range map[string]func(u *Upload) error{
		"abandoned": func(u *Upload) error { u.Abandon(); u.Abandon(); return nil },
		"too large": func(u *Upload) error {
			_, err := u.Write(large)
			if !errors.Is(err, ErrTooLarge) {
				return errors.New("taken")
			}
			if err := u.Commit(t.Context(), Submission{Key: Key{System: "gate"}}); !errors.Is(err, ErrTooLarge) {
				return errors.New("committed")
			}
			return nil
		},
		"another system": func(u *Upload) error {
			if u.Commit(t.Context(), Submission{Key: Key{System: "other"}}) == nil {
				return errors.New("committed")
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, Config{Limits: Limits{MaxObjectSize: 150_000}})
			u, err := r.Begin("gate")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := u.Write(large); err != nil {
				t.Fatal(err)
			}
			if s := r.Status(t.Context()); s.Uploading != 1 || s.SpoolBytes != 100_000 || len(files(t, r)) != 1 {
				t.Fatalf("while it arrives: %+v, %v", s, files(t, r))
			}
			if err := end(u); err != nil {
				t.Fatal(err)
			}
			if s := r.Status(t.Context()); s.Uploading != 0 || s.SpoolBytes != 0 || s.Waiting != 0 || len(files(t, r)) != 0 {
				t.Fatalf("after it: %+v, %v", s, files(t, r))
			}
		})
	}
}

func TestSpoolIsForItsOwnerOnly(t *testing.T) {
	r := open(t, Config{})
	u, err := r.Begin("gate")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Abandon()
	if _, err := u.Write(make([]byte, 50_000)); err != nil {
		t.Fatal(err)
	}
	submitOK(t, r, "../../etc", "../../x", make([]byte, 50_000))
	for path, want := range map[string]os.FileMode{
		"/spool": 0o700, "/spool/incoming": 0o700, "/spool/objects": 0o700, "/spool/scratch": 0o700, "/scan.db": 0o600,
		"/spool/" + files(t, r)[0]: 0o600, "/spool/" + files(t, r)[1]: 0o600,
	} {
		info, err := os.Stat(r.cfg.Dir + path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; expected mode %v", path, info.Mode(), err, want)
		}
	}
}
