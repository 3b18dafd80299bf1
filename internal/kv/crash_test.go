package kv

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// event is one step of a recorded run: a call that changed the disk, or an
// acknowledgement.
type event struct {
	What string // write, truncate, sync, rename, ack
	Path string
	To   string // rename
	Off  int64  // write, truncate
	Data []byte // write
}

// crashOp is the nth change of a recorded run.
func crashOp(n int) Op {
	if n%4 == 3 {
		return Op{Key: fmt.Sprintf("key/%d", n-3), Delete: true}
	}
	return Op{Key: fmt.Sprintf("key/%d", n), Value: []byte(strings.Repeat(fmt.Sprint(n), 1+n*700))}
}

const crashOps = 10

// recordChild runs Open and a few changes and prints every step.
func recordChild(args []string) error {
	path, migrated := args[0], args[1] == "upgrade"
	tap, err := newTap()
	if err != nil {
		return err
	}
	var events []event // guarded by tap.mu
	tap.set(func(c call) unix.Errno {
		e := event{Path: c.name}
		switch c.nr {
		case unix.SYS_PWRITE64:
			e.What, e.Off, e.Data = "write", c.off, c.data
		case unix.SYS_FTRUNCATE:
			e.What, e.Off = "truncate", c.off
		case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
			e.What = "sync"
		default:
			e.What, e.To = "rename", c.to
		}
		events = append(events, e)
		return 0
	})
	s, err := Open(path, crashOptions(migrated))
	if err != nil {
		return err
	}
	for n := range crashOps {
		if _, err := s.Apply(context.Background(), []Op{crashOp(n)}, nil); err != nil {
			return err
		}
		tap.mu.Lock()
		events = append(events, event{What: "ack"})
		tap.mu.Unlock()
	}
	tap.off()
	if err := s.Close(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(events)
}

func crashOptions(migrated bool) Options {
	o := Options{Program: "test", LockTimeout: time.Second}
	if migrated {
		o.Migrations = []Migration{
			{"upper case", func(m *Moving) error {
				return m.Each("old/", func(e Entry) error { return m.Put(e.Key, []byte(strings.ToUpper(string(e.Value)))) })
			}},
			{"new prefix", func(m *Moving) error {
				return m.Each("old/", func(e Entry) error {
					if err := m.Delete(e.Key); err != nil {
						return err
					}
					return m.Put("new/"+e.Key[4:], e.Value)
				})
			}},
		}
	}
	return o
}

func record(t *testing.T, path, scenario string) []event {
	t.Helper()
	var events []event
	if err := json.Unmarshal([]byte(runChild(t, "record", path, scenario)), &events); err != nil {
		t.Fatal(err)
	}
	return events
}

// disk is what a power loss leaves of a recorded run, by the guarantees of
// POSIX alone: what was synced stays; of the rest any part may be there.
type disk struct {
	folder string
	made   bool             // the folder's own name is safe
	names  map[string]*file // safe names
	live   map[string]*file // names as the running system saw them
	moves  []event          // renames not yet safe
}

type file struct {
	safe    []byte
	pending []event
}

func (d *disk) play(e event) {
	switch e.What {
	case "write", "truncate":
		f := d.live[e.Path]
		if f == nil {
			f = new(file)
			d.live[e.Path] = f
		}
		f.pending = append(f.pending, e)
	case "sync":
		switch {
		case e.Path == d.folder:
			d.names, d.moves = maps.Clone(d.live), nil
		case e.Path == filepath.Dir(d.folder):
			d.made = true
		default:
			if f := d.live[e.Path]; f != nil {
				f.safe, f.pending = f.content(everything), nil
			}
		}
	case "rename":
		d.live[e.To] = d.live[e.Path]
		delete(d.live, e.Path)
		d.moves = append(d.moves, e)
	}
}

// chance says whether something unsynced reached the disk, and how: not at
// all, in part, or whole.
type chance func() int

const (
	lost = iota
	torn
	whole
)

func everything() int { return whole }
func nothing() int    { return lost }

// content is the file with some of its pending steps.
func (f *file) content(survives chance) []byte {
	out := append([]byte(nil), f.safe...)
	for _, e := range f.pending {
		data := e.Data
		switch survives() {
		case lost:
			continue
		case torn: // at a sector
			data = data[:len(data)/512/2*512]
		}
		size := int(e.Off) + len(data)
		if e.What == "truncate" || size > len(out) {
			out = append(out, make([]byte, max(0, size-len(out)))...)
		}
		if e.What == "truncate" {
			out = out[:size]
			continue
		}
		copy(out[e.Off:], data)
	}
	return out
}

// image writes what is left into a folder.
func (d *disk) image(t *testing.T, into string, survives chance) {
	t.Helper()
	names := maps.Clone(d.names)
	for _, path := range slices.Sorted(maps.Keys(d.live)) { // new names
		if _, old := names[path]; !old && survives() != lost {
			names[path] = d.live[path]
		}
	}
	for _, m := range d.moves {
		if f := names[m.Path]; f != nil && survives() != lost {
			names[m.To] = f
			delete(names, m.Path)
		}
	}
	if !d.made && survives() == lost {
		return
	}
	if err := os.MkdirAll(into, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		if err := os.WriteFile(filepath.Join(into, filepath.Base(path)), names[path].content(survives), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// powerLoss makes the images of a power loss after each step of a run and has
// each one judged, with the number of changes acknowledged before it.
func powerLoss(t *testing.T, events []event, folder string, before map[string][]byte, judge func(path string, acked int) error) {
	t.Helper()
	into := filepath.Join(memoryDir(t), "image")
	d := &disk{folder: folder, names: map[string]*file{}, made: before != nil}
	for path, data := range before {
		d.names[path] = &file{safe: data}
	}
	d.live = maps.Clone(d.names)
	images, acked := 0, 0
	lose := func(step int, variant string, survives chance) {
		d.image(t, into, survives)
		if err := judge(filepath.Join(into, "state.db"), acked); err != nil {
			t.Errorf("power lost after step %d (%s survives, %d changes acknowledged): %v", step, variant, acked, err)
		}
		if err := os.RemoveAll(into); err != nil {
			t.Fatal(err)
		}
		images++
	}
	for step := 0; ; step++ {
		lose(step, "nothing", nothing)
		lose(step, "everything", everything)
		for seed := range uint64(3) {
			random := rand.New(rand.NewPCG(uint64(step), seed))
			lose(step, fmt.Sprint("part ", seed), func() int { return random.IntN(3) })
		}
		if t.Failed() {
			t.FailNow()
		}
		if step == len(events) {
			break
		}
		if e := events[step]; e.What == "ack" {
			acked++
		} else {
			d.play(e)
		}
	}
	t.Logf("%d steps, %d images", len(events), images)
}

// holds opens an image and compares it with the acknowledged changes, or with
// one more, which was under way.
func holds(path string, o Options, model map[string]string, acked int) error {
	s, err := Open(path, o)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // the image is thrown away
	if err := s.Check(); err != nil {
		return err
	}
	for n := range acked {
		play(model, crashOp(n))
	}
	err = equals(s, model)
	if err != nil && acked < crashOps {
		play(model, crashOp(acked))
		err = equals(s, model)
	}
	return err
}

func TestAPowerLossAtAnyStepKeepsWhatWasAcknowledged(t *testing.T) {
	folder := filepath.Join(memoryDir(t), "state")
	events := record(t, filepath.Join(folder, "state.db"), "create")
	powerLoss(t, events, folder, nil, func(path string, acked int) error {
		return holds(path, crashOptions(false), map[string]string{}, acked)
	})
}

func TestAPowerLossDuringAnUpgradeLeavesTheOldOrTheNewFile(t *testing.T) {
	folder := filepath.Join(memoryDir(t), "state")
	path := filepath.Join(folder, "state.db")
	s := open(t, path)
	old, upgraded := map[string]string{}, map[string]string{}
	for n := range 30 {
		op := put(fmt.Sprintf("old/%02d", n), strings.Repeat("v", 100*n))
		if _, err := s.Apply(t.Context(), []Op{op}, nil); err != nil {
			t.Fatal(err)
		}
		old[op.Key] = string(op.Value)
		upgraded[fmt.Sprintf("new/%02d", n)] = strings.ToUpper(string(op.Value))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	events := record(t, path, "upgrade")
	powerLoss(t, events, folder, map[string][]byte{path: data}, func(path string, acked int) error {
		if o, err := Open(path, crashOptions(false)); err == nil {
			// Still the old file, and whole.
			err := equals(o, old)
			if cerr := o.Close(); err == nil {
				err = cerr
			}
			if err != nil {
				return err
			}
		} else {
			// Migrated: then the copy of the old one is safe.
			kept := kept(path, 0)
			o, err := Open(kept, crashOptions(false))
			if err != nil {
				return fmt.Errorf("the copy: %w", err)
			}
			err = equals(o, old)
			if cerr := o.Close(); err == nil {
				err = cerr
			}
			if err != nil {
				return fmt.Errorf("the copy: %w", err)
			}
		}
		return holds(path, crashOptions(true), maps.Clone(upgraded), acked)
	})
}
