package kv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// writerChild changes the store from several goroutines until it is killed, and
// prints each acknowledgement.
func writerChild(args []string) error {
	s, err := Open(args[0], Options{Program: "test"})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	var out sync.Mutex
	failed := make(chan error, 4)
	for g := range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("%s/%d/%06d", args[1], g, n)
				ops := []Op{put(key, strings.Repeat(key, 1+n%40)), put(fmt.Sprintf("latest/%d", g), key)}
				r, err := s.Apply(context.Background(), ops, nil)
				if err != nil {
					failed <- err
					return
				}
				out.Lock()
				fmt.Printf("%d %d %s\n", g, r, key)
				out.Unlock()
			}
		})
	}
	wg.Wait()
	return <-failed
}

func TestKillAtRandomMomentsLosesNothingAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "state.db")
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	total := 0
	for round := range 20 {
		cmd := child(t, "writer", path, fmt.Sprint("round", round))
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		killAt := 10 + random.IntN(60)
		var acks []string
		lines := bufio.NewScanner(pipe)
		for lines.Scan() {
			if acks = append(acks, lines.Text()); len(acks) == killAt {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("round %d: the writer ended by itself: %v\n%s", round, err, strings.Join(acks, "\n"))
		}
		if len(acks) < killAt {
			t.Fatalf("round %d: only %d acknowledgements", round, len(acks))
		}
		total += len(acks)
		s := open(t, path)
		last := map[string]string{}
		for _, ack := range acks {
			var g, key string
			var r Revision
			if _, err := fmt.Sscan(ack, &g, &r, &key); err != nil {
				break // the line that the kill cut
			}
			e, err := s.Get(t.Context(), key)
			if err != nil || e.Revision != r || !strings.HasPrefix(string(e.Value), key) {
				t.Errorf("round %d: acknowledged %s, found revision %d, %v", round, ack, e.Revision, err)
			}
			last[g] = key
		}
		for g, key := range last {
			e, err := s.Get(t.Context(), "latest/"+g)
			if err != nil || string(e.Value) < key {
				t.Errorf("round %d: latest of %s is %q, acknowledged %q, %v", round, g, e.Value, key, err)
			}
		}
		if err := errors.Join(s.Check(), s.Close()); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	t.Logf("%d acknowledged changes in 20 rounds", total)
}

// fullChild works on a file system of four megabytes that only it sees.
func fullChild(args []string) error {
	dir, ctx := args[0], context.Background()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err != nil {
		return err
	}
	path := filepath.Join(dir, "state", "state.db")
	s, err := Open(path, Options{Program: "test"})
	if err != nil {
		return err
	}
	model, n := map[string]string{}, 0
	if err := smallChanges(s, dir, model); err != nil {
		return err
	}
	fill := func() error {
		for ; ; n++ {
			op := put(fmt.Sprintf("key/%04d", n), strings.Repeat("x", 20_000))
			if _, err := s.Apply(ctx, []Op{op}, nil); err != nil {
				return err
			}
			play(model, op)
			if n > 500 {
				return fmt.Errorf("four megabytes held ten")
			}
		}
	}
	for range 3 { // full, and full again
		err := fill()
		if !errors.Is(err, ErrStorage) || !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("want a full disk: %w", err)
		}
		if state := s.State(); state.Degraded || !state.Full || state.Reason == "" {
			return fmt.Errorf("state %+v", state)
		}
		if err := equals(s, model); err != nil {
			return err
		}
	}
	full := len(model)
	if err := os.Remove(ballast); err != nil {
		return err
	}
	if err := fill(); !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("want a full disk again: %w", err)
	}
	if len(model) <= full {
		return fmt.Errorf("room was made and not used")
	}
	fmt.Printf("%d changes before, %d after room was made\n", full, len(model))
	if err := errors.Join(s.Check(), s.Close()); err != nil {
		return err
	}
	return reopenedFull(path, model)
}

// smallChanges fills the disk with something else and goes on working.
func smallChanges(s *Store, dir string, model map[string]string) error {
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, make([]byte, 8<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("want a disk filled by something else: %w", err)
	}
	for n := range 300 {
		ops := []Op{put(fmt.Sprintf("audit/%04d", n), strings.Repeat("r", 400)), put("head", fmt.Sprint(n))}
		if _, err := s.Apply(context.Background(), ops, nil); err != nil {
			return fmt.Errorf("small change %d on a full disk: %w", n, err)
		}
		play(model, ops[0])
		play(model, ops[1])
	}
	return os.Remove(other)
}

func reopenedFull(path string, model map[string]string) error {
	s, err := Open(path, Options{Program: "test"})
	if err != nil {
		return fmt.Errorf("start on a full disk: %w", err)
	}
	return errors.Join(equals(s, model), s.Check(), s.Close())
}

func TestAFullDiskRefusesChangesAndRecoversWhenThereIsRoom(t *testing.T) {
	cmd := child(t, "full", t.TempDir())
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	out, err := cmd.Output()
	if os.Getenv("CI") != "true" && (errors.Is(err, syscall.EPERM) || strings.HasPrefix(string(out), "mount: ")) {
		t.Skipf("no file system can be mounted here: %v %s", err, out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// holderChild keeps a store open until its input ends.
func holderChild(args []string) error {
	s, err := Open(args[0], Options{Program: "test"})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return s.Close()
}

func TestAFileInUseIsRefusedWithTheProcessThatHasIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "state.db")
	cmd := child(t, "holder", path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatal(line, err)
	}
	_, err = Open(path, Options{Program: "test", LockTimeout: 60 * time.Millisecond})
	var refusal *OpenError
	if !errors.As(err, &refusal) || !errors.Is(err, ErrInUse) || refusal.Next == "" ||
		!strings.Contains(err.Error(), fmt.Sprintf("process %d uses it", cmd.Process.Pid)) {
		t.Errorf("Open: %v", err)
	}
	// Who waits long enough gets it.
	opened := make(chan error)
	go func() {
		s, err := Open(path, Options{Program: "test", LockTimeout: time.Minute})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if err := <-opened; err != nil {
		t.Errorf("after the other process ended: %v", err)
	}
}
