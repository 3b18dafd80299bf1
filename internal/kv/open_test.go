package kv

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

func TestANewStoreIsForItsOwnerOnly(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "deep", "state")
	path := filepath.Join(folder, "state.db")
	s := open(t, path)
	for name, want := range map[string]os.FileMode{path: 0o600, folder: 0o700, filepath.Dir(folder): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want mode %o", name, info.Mode(), err, want)
		}
	}
	if names, err := filepath.Glob(filepath.Join(folder, "*")); err != nil || len(names) != 1 {
		t.Errorf("beside the state file: %v, %v", names, err)
	}
	if len(s.ID()) != 32 || s.Revision() != 0 {
		t.Errorf("new store %q at revision %d", s.ID(), s.Revision())
	}
	if other := temporary(t); other.ID() == s.ID() {
		t.Error("two stores have one name")
	}
}

func TestRestsOfACrashDoNotHinderTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path+unfinished, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	if _, err := os.Stat(path + unfinished); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the rest is still there: %v", err)
	}
}

func TestOfTwoThatStartTogetherOneGetsTheStore(t *testing.T) {
	for range 10 {
		path := filepath.Join(t.TempDir(), "state", "state.db")
		var wg sync.WaitGroup
		var mu sync.Mutex
		var stores []*Store
		for range 4 {
			wg.Go(func() {
				s, err := Open(path, Options{Program: "test", LockTimeout: 60 * time.Millisecond})
				if err != nil && !errors.Is(err, ErrInUse) {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					stores = append(stores, s)
				}
			})
		}
		wg.Wait()
		if len(stores) != 1 {
			t.Fatalf("%d got the store", len(stores))
		}
		if err := stores[0].Close(); err != nil {
			t.Error(err)
		}
	}
}

// database writes a bbolt file that is not one of ours.
func database(t *testing.T, path string, fill func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fill), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestWhatCannotBeOpenedIsNamedAndLeftAsItWas(t *testing.T) {
	valid := func(t *testing.T, path string) []byte {
		s := open(t, path)
		for n := range 20 {
			if _, err := s.Apply(t.Context(), []Op{put("key", strings.Repeat("v", 1+n*500))}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	write := func(t *testing.T, path string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		make func(t *testing.T, path string)
		kind error
		text string
	}{
		{"empty", func(t *testing.T, path string) { write(t, path, nil) }, ErrForeign, "is empty"},
		{"a text", func(t *testing.T, path string) { write(t, path, []byte(strings.Repeat("text\n", 10_000))) }, ErrForeign, "is not a state file"},
		{"a short text", func(t *testing.T, path string) { write(t, path, []byte("x")) }, ErrForeign, "is not a state file"},
		{"zeros", func(t *testing.T, path string) { write(t, path, make([]byte, 1<<20)) }, ErrForeign, "is not a state file"},
		{"another database", func(t *testing.T, path string) {
			database(t, path, func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("x")); return err })
		}, ErrForeign, "not a state file"},
		{"another program's", func(t *testing.T, path string) {
			s, err := Open(path, Options{Program: "sensor"})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}, ErrForeign, `belongs to "sensor", not to "test"`},
		{"newer", func(t *testing.T, path string) {
			steps := make([]Migration, 3)
			for i := range steps {
				steps[i] = Migration{Name: "x", Run: func(*Moving) error { return nil }}
			}
			if err := open(t, path, steps...).Close(); err != nil {
				t.Fatal(err)
			}
		}, ErrNewer, "schema 3, this one knows 0"},
		{"readable by others", func(t *testing.T, path string) {
			valid(t, path)
			if err := os.Chmod(path, 0o640); err != nil {
				t.Fatal(err)
			}
		}, ErrExposed, "mode 0640"},
		{"a link", func(t *testing.T, path string) {
			valid(t, path+".real")
			if err := os.Symlink(path+".real", path); err != nil {
				t.Fatal(err)
			}
		}, ErrForeign, "is not a regular file"},
		{"a folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, ErrForeign, "is not a regular file"},
		{"cut in the middle", func(t *testing.T, path string) {
			data := valid(t, path)
			write(t, path, data[:16384])
		}, ErrDamaged, "is damaged"},
		{"overwritten behind its head", func(t *testing.T, path string) {
			data := valid(t, path)
			for i := 8192; i < len(data); i++ {
				data[i] = 0xa5
			}
			write(t, path, data)
		}, ErrDamaged, "is damaged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			tt.make(t, path)
			before, _ := os.ReadFile(path) // a folder has no content
			for range 2 {                  // a refusal does not keep the lock
				s, err := Open(path, Options{Program: "test", LockTimeout: 60 * time.Millisecond})
				if err == nil {
					t.Fatal(errors.Join(errors.New("it was opened"), s.Close()))
				}
				var refusal *OpenError
				if !errors.As(err, &refusal) || !errors.Is(err, tt.kind) || refusal.Hint() == "" || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("Open: %v, want %v with %q", err, tt.kind, tt.text)
				}
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
			if names, _ := filepath.Glob(path + ".*new"); len(names) > 0 {
				t.Errorf("left behind: %v", names)
			}
		})
	}
}

func TestAFolderThatCannotBeMadeIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(filepath.Join(file, "state", "state.db"), Options{Program: "test"})
	var refusal *OpenError
	if !errors.As(err, &refusal) || refusal.Hint() == "" {
		t.Errorf("Open: %v", err)
	}
}

func TestOldFilesAreBroughtUpToDate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	for _, key := range []string{"a", "b", "c"} {
		if _, err := s.Apply(t.Context(), []Op{put("old/"+key, key)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	id := s.ID()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var ran []string
	steps := []Migration{
		{"rename", func(m *Moving) error {
			ran = append(ran, "rename")
			return m.Each("old/", func(e Entry) error {
				return errors.Join(m.Delete(e.Key), m.Put("new/"+e.Key[4:], append(e.Value, '!')))
			})
		}},
		{"more", func(m *Moving) error {
			ran = append(ran, "more")
			return m.Put("added", []byte("x"))
		}},
	}
	bad := append(steps[:1:1], Migration{"refuse", func(m *Moving) error { return errors.Join(m.Put("half", nil), errors.New("unexpected")) }})
	_, err := Open(path, Options{Program: "test", Migrations: bad})
	if !errors.Is(err, ErrMigrated) || !strings.Contains(err.Error(), "migration 2 (refuse): unexpected") {
		t.Errorf("a migration that does not succeed: %v", err)
	}
	if err := equals(open(t, path), map[string]string{"old/a": "a", "old/b": "b", "old/c": "c"}); err != nil {
		t.Fatalf("after it: %v", err)
	}
	// The store above is closed at the end of the test only.
	path = copyFile(t, path, filepath.Join(t.TempDir(), "state.db"))
	ran = nil
	for range 2 {
		s := open(t, path, steps...)
		if err := equals(s, map[string]string{"new/a": "a!", "new/b": "b!", "new/c": "c!", "added": "x"}); err != nil {
			t.Error(err)
		}
		if e, err := s.Get(t.Context(), "added"); err != nil || e.Revision != 4 || s.Revision() != 4 || s.ID() != id {
			t.Errorf("after migration: %+v, %v; store %q at %d", e, err, s.ID(), s.Revision())
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Join(ran, " ") != "rename more" {
		t.Errorf("migrations that ran: %v", ran)
	}
	_, err = Open(path, Options{Program: "test"})
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.(*OpenError).Hint(), path+".schema-0") {
		t.Errorf("the old program: %v", err)
	}
	if err := equals(open(t, path+".schema-0"), map[string]string{"old/a": "a", "old/b": "b", "old/c": "c"}); err != nil {
		t.Errorf("the copy: %v", err)
	}
}

func copyFile(t *testing.T, from, to string) string {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}
