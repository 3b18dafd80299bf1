package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// until waits for the end of a clamd, and then says nothing.
func until(ctx context.Context) string {
	<-ctx.Done()
	return ""
}

// TestEngineThatDoesNotWorkGivesNoVerdictAndHeals spoils one engine after the
// other in every way: objects get the verdict error or timeout after as many
// tries as configured, never "not detected", people read what is wrong, and it is
// over when the engine is back.
func TestEngineThatDoesNotWorkGivesNoVerdictAndHeals(t *testing.T) {
	const attempts = 2
	socket := socketIn(t)
	working := func(_ context.Context, object []byte) string { return found(object) }
	av, rules := newFakeClamd(t, socket, working), newWrappedYARA(t)
	n := newNode(t, fmt.Sprintf("[scan]\nworkers = 4\nattempts = %d\nretry_after = \"100ms\"\n[scan.clamd]\naddress = %q\nmax_file_size = \"2MiB\"\ntimeout = \"1s\"", attempts, "unix:"+socket), rules.lines())
	c := acceptedSystem(t, n, "file-store").caller()
	well := func() {
		t.Helper()
		eventually(t, time.Minute, "all engines are well", func() bool {
			return n.engine("clamd").Trouble == "" && n.engine("yara").Trouble == ""
		})
	}
	well()
	for _, v := range []struct {
		what, engine string
		spoil, mend  func()
		state        string
		many         bool
		says         string
	}{
		{"clamd-missing", "clamd", av.stop, func() { av = newFakeClamd(t, socket, working) }, "error", false, "no such file"},
		{"clamd-rubbish", "clamd", func() { av.mood(func(context.Context) string { return "all is well\x00" }) }, func() { av.mood(nil) }, "error", false, "all is well"},
		{"clamd-slow", "clamd", func() { av.mood(until) }, func() { av.mood(nil) }, "timeout", true, "took too long"},
		{"clamd-silent", "clamd", func() { av.mood(func(context.Context) string { return "" }) }, func() { av.mood(nil) }, "error", false, "ended without an answer"},
		{"yara-dying", "yara", func() { rules.mood("dies") }, func() { rules.mood("works") }, "error", true, "ended by signal"},
		{"yara-rubbish", "yara", func() { rules.mood("babbles") }, func() { rules.mood("works") }, "error", false, ""},
		{"yara-slow", "yara", func() { rules.mood("hangs") }, func() { rules.mood("works") }, "timeout", false, ""},
		{"yara-quiet", "yara", func() { rules.mood("quiet") }, func() { rules.mood("works") }, "error", false, ""},
		{"yara-missing", "yara", func() { rules.hide(true) }, func() { rules.hide(false) }, "error", false, "not installed"},
	} {
		v.spoil()
		// Two tries tell nothing of the engine yet; more do, and then it is tried with
		// an object of the Central Node's own.
		ids := []string{v.what}
		if v.many {
			ids = append(ids, v.what+"-2", v.what+"-3")
		}
		for _, id := range ids {
			c.takes(id, []byte(id+"; an ordinary object"))
		}
		if v.many {
			c.takes(v.what+"-eicar", []byte(eicar))
			c.becomes(v.what+"-eicar", "detect") // whatever becomes of another engine
		}
		for _, id := range ids {
			c.becomes(id, v.state)
		}
		said := ""
		defer func() {
			if t.Failed() {
				t.Logf("%s: what was said last: %s", v.what, said)
			}
		}()
		eventually(t, 30*time.Second, v.what+" is said", func() bool {
			said = n.engine(v.engine).Trouble
			return strings.Contains(said, v.says)
		})
		if out := n.must("status"); v.says != "" && (!strings.Contains(out, v.engine) || !strings.Contains(out, v.says)) {
			t.Errorf("%s: the status does not say it:\n%s", v.what, out)
		}
		v.mend()
		// An engine that was of no use is tried before objects are brought to it again.
		for tries := 0; ; tries++ {
			id := fmt.Sprintf("after-%s-%d", v.what, tries)
			c.takes(id, []byte(id+"; an ordinary object"))
			eventually(t, time.Minute, id+" has a verdict", func() bool { return c.states()[id] != "processing" })
			if state := c.states()[id]; state == "not detected" {
				break
			} else if state != v.state || tries > 100 {
				t.Fatalf("%s is %q", id, state)
			}
		}
		for _, id := range ids {
			if later := c.states()[id]; later != v.state {
				t.Errorf("%s: the verdict became %q", id, later)
			}
		}
	}
	well()
	// A clamd that fails at objects and at nothing else is asked as often as
	// configured.
	av.stop()
	av = newFakeClamd(t, socket, func(context.Context, []byte) string { return "stream: no idea ERROR\x00" })
	c.takes("counted", []byte("counted; an ordinary object"))
	c.becomes("counted", "error")
	if tries := len(slices.DeleteFunc(av.seen(), func(head string) bool { return head != "counted" })); tries != attempts {
		t.Errorf("asked %d times, want %d", tries, attempts)
	}
	n.stop()
}

// children lists the processes that a process started, and theirs.
func children(t testing.TB, of int) (pids []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	family := map[int]bool{of: true}
	parents := make(map[int]int)
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
		pid, err1 := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, err2 := strconv.Atoi(fields[1])
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: %s", path, raw)
		}
		parents[pid] = parent
	}
	for more := true; more; {
		more = false
		for pid, parent := range parents {
			if family[parent] && !family[pid] {
				family[pid], more = true, true
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// TestObjectsOutliveTheDeathOfTheirEngines starts without clamd and yara, and
// kills both under load: what waits for another try gets its right verdict when
// they are back.
func TestObjectsOutliveTheDeathOfTheirEngines(t *testing.T) {
	const workers = 4
	av, rules := newRealClamd(t), newWrappedYARA(t)
	rules.hide(true)
	n := newNode(t, fmt.Sprintf("[scan]\nworkers = %d\nattempts = 9\nretry_after = \"200ms\"\n[scan.clamd]\naddress = %q\nmax_file_size = \"2MiB\"", workers, "unix:"+av.socket), rules.lines())
	c := acceptedSystem(t, n, "file-store").caller()
	right := map[string]string{}
	submit := func(id, mark string, size int) {
		t.Helper()
		right[id] = "not detected"
		if mark != "" {
			right[id] = "detect"
		}
		c.takes(id, append(bytes.Repeat([]byte(id+";"), size/len(id)), mark...))
	}
	rightly := func() {
		t.Helper()
		n.clean()
		states, alerts := c.states(), n.alerts()
		for id, want := range right {
			if states[id] != want {
				t.Errorf("%s is %q, want %q", id, states[id], want)
			}
			if want == "detect" && len(alerts[[2]string{c.id, id}]) != 1 || want != "detect" && len(alerts[[2]string{c.id, id}]) != 0 {
				t.Errorf("%s has %d alerts", id, len(alerts[[2]string{c.id, id}]))
			}
		}
	}

	// Both are missing from the start.
	submit("early-clean", "", 100)
	submit("early-signature", clamdMark, 100)
	submit("early-rule", yaraMark, 100)
	eventually(t, 30*time.Second, "both troubles are told", func() bool {
		return strings.Contains(n.engine("clamd").Trouble, "no such file") && strings.Contains(n.engine("yara").Trouble, "not installed")
	})
	for id, state := range c.states() {
		if state != "processing" {
			t.Errorf("%s is %q while nobody can look at it", id, state)
		}
	}
	rules.hide(false)
	av.start()
	rightly()

	// clamd dies with objects in its hands, and others waiting.
	load := func(what string) {
		t.Helper()
		for i := range 24 {
			submit(fmt.Sprintf("%s-%d", what, i), []string{"", clamdMark, "", yaraMark}[i%4], 500_000)
		}
	}
	if err := av.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	load("clamd-killed")
	eventually(t, 30*time.Second, "objects are in its hands", func() bool { return n.scanning().Running == workers })
	av.kill()
	eventually(t, 30*time.Second, "clamd's death is told", func() bool { return strings.Contains(n.engine("clamd").Trouble, "connection refused") })
	for id, state := range c.states() {
		if strings.HasPrefix(id, "clamd-killed") && state != "processing" && (state != "detect" || right[id] != "detect") {
			t.Errorf("%s is %q while clamd is dead", id, state)
		}
	}
	av.start()
	rightly()

	// So do the children that are yara.
	rules.mood("hangs")
	load("yara-killed")
	killed := 0
	eventually(t, 30*time.Second, "children to kill", func() bool {
		for _, pid := range children(t, n.cmd.Process.Pid) {
			if syscall.Kill(pid, syscall.SIGKILL) == nil {
				killed++
			}
		}
		return killed >= 8
	})
	rules.mood("works")
	rightly()
	t.Logf("%d objects, %d children killed", len(right), killed)
	n.stop()
}
