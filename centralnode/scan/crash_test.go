package scan

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"vedette/internal/disktest"
)

// harness lets a child take objects, crashes it, and checks what is there after.
type harness struct {
	t   *testing.T
	rng *rand.Rand
	// spec.Next is what each caller submits next: all before it was acknowledged.
	spec childSpec
	// deleted has the scan IDs whose deletion was acknowledged.
	deleted map[string]bool
	// detected has the scan IDs of which the verdict detect was seen.
	detected map[string]bool
	// sent is what each caller submits next by acknowledgements that do not count.
	// Objects from what the others say on are there, or not: absent are those that
	// were not.
	sent   []int
	absent map[string]bool
	// crash ends the child, and recover makes its disk usable again after that.
	// cutsPower says that the disk goes before the child does.
	crash     func(child *os.Process)
	cutsPower bool
	recover   func()
	acked     int
	// unread counts the objects that had no verdict when a child died.
	unread int
	// verdicts counts the verdicts detect that outlived a crash.
	verdicts int
}

// callers is how many submit at once.
const callers = 12

func newHarness(t *testing.T, dir string) *harness {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	h := &harness{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), deleted: make(map[string]bool), detected: make(map[string]bool), absent: make(map[string]bool),
		spec:    childSpec{Dir: filepath.Join(dir, "scan"), Alerts: filepath.Join(dir, "alerts"), Next: make([]int, callers)},
		crash:   func(child *os.Process) { _ = child.Kill() },
		recover: func() {},
	}
	return h
}

// rounds runs rounds of crashes, each with a check.
func (h *harness) rounds(n int) {
	h.t.Helper()
	for range n {
		h.round(1+h.rng.IntN(100), time.Duration(h.rng.Int64N(int64(10*time.Millisecond))))
		h.recover()
		h.verify()
	}
	h.t.Logf("%d rounds, %d objects acknowledged, %d of them without a verdict at the crash, %d deleted", n, h.acked, h.unread, len(h.deleted))
	if h.unread == 0 || h.verdicts == 0 || len(h.detected) == 0 {
		h.t.Errorf("no crash came before a verdict, or none after one (%d, %d seen): the test shows nothing", h.verdicts, len(h.detected))
	}
}

// round lets a child acknowledge so many objects, crashes it a little later and
// notes what it had acknowledged.
func (h *harness) round(enough int, after time.Duration) {
	h.t.Helper()
	spec, err := json.Marshal(h.spec)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childEnv+"="+string(spec))
	var stderr bytes.Buffer
	child.Stderr = &stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := child.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		h.t.Fatal(err)
	}
	count := 0
	h.sent = slices.Clone(h.spec.Next)
	var killer *time.Timer
	// Who is cut off with the disk tells nobody anything: the kernel may even call
	// a sync done that the cut undid. It goes on all the same until it is killed,
	// for as long as a busy machine lets it.
	var over atomic.Bool
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var a ack
		if json.Unmarshal(lines.Bytes(), &a) != nil {
			break // cut in the middle of a line
		}
		if killer == nil && count+1 >= enough {
			killer = time.AfterFunc(after, func() {
				over.Store(h.cutsPower)
				h.crash(child.Process)
			})
		}
		if !a.Detected && !a.Deleted {
			if a.N != h.sent[a.Caller] {
				h.t.Fatalf("caller %d: acknowledged %d, expected %d", a.Caller, a.N, h.sent[a.Caller])
			}
			h.sent[a.Caller]++
		}
		switch {
		case over.Load():
		case a.Detected:
			h.detected[idOf(a.Caller, a.N)] = true
		case a.Deleted:
			h.deleted[idOf(a.Caller, a.N)] = true
		default:
			h.spec.Next[a.Caller] = h.sent[a.Caller]
			count++
		}
	}
	if killer == nil {
		_ = child.Process.Kill()
	}
	_ = child.Wait() // it was killed
	if killer == nil || killer.Stop() {
		h.t.Fatalf("child ended by itself: %s", &stderr)
	}
	h.acked += count
}

// verify starts the room again and checks that everything that was acknowledged
// gets its verdict, that every finding has one alert, and that what was deleted
// is gone.
func (h *harness) verify() {
	t := h.t
	t.Helper()
	alerts, err := openAlertFile(h.spec.Alerts)
	if err != nil {
		t.Fatal(err)
	}
	defer alerts.file.Close()
	r := open(t, Config{Dir: h.spec.Dir, Alerts: alerts, Engines: lookers()})
	for _, s := range r.States("gate", "", true, nil) {
		if h.detected[s.Key.ScanID] && s.State != Detect {
			t.Fatalf("%s was seen with the verdict detect, and is %q after the crash", s.Key.ScanID, s.State)
		}
		if s.State == Detect {
			h.verdicts++
		}
	}
	s := r.Status(t.Context())
	if s.Degraded {
		t.Fatalf("after the crash: %s", s.Reason)
	}
	h.unread += s.Waiting
	stop := run(t, r)
	within(t, 20*time.Second, "all verdicts", func() bool { return r.Waiting("gate") == 0 })
	stop()
	found := make(map[string]Scan)
	for _, s := range r.States("gate", "", true, nil) {
		found[s.Key.ScanID] = s
	}
	count := alerts.counts()
	for caller, next := range h.spec.Next {
		// One more may have become durable without an acknowledgement.
		sent := h.sent[caller]
		for n := range sent + 1 {
			id := idOf(caller, n)
			h.check(id, n, found, count, n >= next || h.absent[id], deletable(n, sent))
			if _, there := found[id]; !there && n < sent {
				h.absent[id] = true
			}
		}
		if _, there := found[idOf(caller, sent)]; there {
			sent++ // or it would be sent under an ID in use
		}
		h.spec.Next[caller] = sent
	}
	if left := files(t, r); len(left) > 0 || r.quota.Used() != 0 {
		t.Errorf("in the spool: %v, %d bytes counted", left, r.quota.Used())
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// deletable reports whether the deletion of an object may have been begun.
func deletable(n, next int) bool {
	victim, ok := deletes(n + 3)
	return ok && victim == n && n+3 <= next
}

func (h *harness) check(id string, n int, found map[string]Scan, alerts map[string]int, mayMiss, mayBeDeleted bool) {
	h.t.Helper()
	want, wantAlerts := NotDetected, 0
	if evil(n) {
		want, wantAlerts = Detect, 1
	}
	s, there := found[id]
	switch {
	case h.deleted[id] && there:
		h.t.Fatalf("%s is back after its deletion: %+v", id, s)
	case h.deleted[id], mayBeDeleted && !there:
		if alerts[id] > wantAlerts {
			h.t.Fatalf("%s has %d alerts", id, alerts[id])
		}
		return
	case !there && mayMiss:
		return
	case !there:
		h.t.Fatalf("%s was acknowledged and is LOST", id)
	case s.State != want:
		h.t.Fatalf("%s has the verdict %q because %q, expected %q", id, s.State, s.Reason, want)
	case alerts[id] != wantAlerts:
		h.t.Fatalf("%s has %d alerts, expected %d", id, alerts[id], wantAlerts)
	}
}

// TestEverythingAcknowledgedGetsAVerdictAfterKill kills the process with SIGKILL
// at random moments under load.
func TestEverythingAcknowledgedGetsAVerdictAfterKill(t *testing.T) {
	newHarness(t, t.TempDir()).rounds(20)
}

// TestObjectThatEndsTheProcessIsGivenUp has an object that ends the process
// whenever it is scanned.
func TestObjectThatEndsTheProcessIsGivenUp(t *testing.T) {
	h := newHarness(t, t.TempDir())
	h.spec.Fatal = true
	r := open(t, Config{Dir: h.spec.Dir})
	for _, id := range []string{"before", "poison", "after"} {
		submitOK(t, r, "gate", id, []byte(id))
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	spec, err := json.Marshal(h.spec)
	if err != nil {
		t.Fatal(err)
	}
	for died := 0; ; died++ {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), childEnv+"="+string(spec))
		err := child.Run()
		if err == nil && died == mostCrashes {
			break
		}
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != fatalCode || died == mostCrashes {
			t.Fatalf("start after %d crashes: %v", died, err)
		}
	}
	r = open(t, Config{Dir: h.spec.Dir})
	for id, want := range map[string]State{"before": NotDetected, "poison": Failed, "after": NotDetected} {
		if got := stateOf(r, "gate", id); got != want {
			t.Errorf("%s: %q, expected %q", id, got, want)
		}
	}
}

// TestEverythingAcknowledgedGetsAVerdictAfterPowerCut stops the file system under
// load, so that everything that was not synced is gone, and mounts it again.
func TestEverythingAcknowledgedGetsAVerdictAfterPowerCut(t *testing.T) {
	d := disktest.New(t, filepath.Join(t.TempDir(), "mount"), "1G")
	h := newHarness(t, d.Mount)
	h.cutsPower = true
	h.crash = func(child *os.Process) {
		if err := d.Cut(); err != nil {
			t.Errorf("cut: %v", err)
		}
		_ = child.Kill()
	}
	h.recover = d.Restart
	h.rounds(10)
}
