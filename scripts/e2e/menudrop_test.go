package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"vedette/internal/acts"
)

// deep are keys that lead into windows where a session holds something: live
// views, a certificate with its key before the last [Ok], fields with secrets.
func deep() []string {
	return []string{
		"1\r",                     // Status
		"2\r1\rn\r\r\r\r\r",       // the last confirmation of New
		"2\r2\r\r127.0.0.1:1\r",   // Configure Central Node, connecting
		"2\r3\r",                  // Link state
		"3\r\r",                   // an account
		"4\rsecret\tsecret\tword", // Change password
		"5\r/menu\r",              // Audit, filtered
		"6\r\x1b[6~?",             // Help
		"\x1b[200~pasted",         // a paste that never ends
	}
}

// TestMenusDroppedAtRandomMomentsLeaveNothing opens menus with ssh, and ends ssh
// or its connection at a random moment.
func TestMenusDroppedAtRandomMomentsLeaveNothing(t *testing.T) {
	const sessions, workers = 300, 6
	_, k := sensorWithDoor(t)
	served := k.served()
	line := newRelay(t, k.ssh)
	direct := k.ssh
	host, port, _ := net.SplitHostPort(line.address())
	k.write("known_hosts", k.read("known_hosts")+k.must("ssh-keyscan", "-T", "60", "-t", "ed25519", "-p", port, host))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var menus [2][]string // straight, and through the line
	menus[0] = k.line("ssh", "-tt", "admin@HOST")
	k.ssh = line.address()
	menus[1] = k.line("ssh", "-tt", "admin@HOST")
	k.ssh = direct
	drop := func(sessions int) {
		t.Helper()
		jobs := make(chan int)
		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				for i := range jobs {
					random := rand.New(rand.NewPCG(seed, uint64(i)))
					if err := k.dropsMenu(menus[i%2], random, func() {
						if i%2 == 1 {
							line.cutOne(random)
						}
					}); err != nil {
						t.Errorf("session %d: %v", i, err)
					}
				}
			})
		}
		for i := range sessions {
			jobs <- i
		}
		close(jobs)
		all.Wait()
		line.cutAll()
		eventually(t, 20*time.Second, "nobody is signed in", func() bool { return k.sessions() == 0 })
	}
	drop(sessions / 5) // what is made once is made
	names := []string{"go_goroutines", "process_open_fds", "process_resident_memory_bytes"}
	before := k.metrics(names...)
	drop(sessions)
	var after []float64
	eventually(t, 20*time.Second, "goroutines and descriptors are those of the start", func() bool {
		after = k.metrics(names...)
		return after[0] <= before[0]+1 && after[1] <= before[1]+1 // the question itself has one
	})
	log, err := os.ReadFile(k.log)
	if err != nil {
		t.Fatal(err)
	}
	begun := 0
	for _, session := range regexp.MustCompile(`"session":(\d+)`).FindAllStringSubmatch(string(log), -1) {
		if n, err := strconv.Atoi(session[1]); err == nil {
			begun = max(begun, n)
		}
	}
	const all = sessions + sessions/5
	// How many of those dropped early had begun depends on the machine.
	if begun < sessions/4 || begun >= all {
		t.Errorf("%d of %d sessions began: the moments are not spread", begun, all)
	}
	t.Logf("%d of %d sessions began", begun, all)
	t.Logf("goroutines %.0f to %.0f, descriptors %.0f to %.0f, memory %.1f to %.1f MB", before[0], after[0], before[1], after[1], before[2]/1e6, after[2]/1e6)
	if grown := after[2] - before[2]; grown > 16<<20 {
		t.Errorf("the memory grew by %.1f MB", grown/1e6)
	}
	if k.served() != served || read[acts.CentralNode](k, "central-node", "show").State != acts.LinkUnconfigured {
		t.Error("a dropped menu changed something")
	}
	k.comesIn().leaves()
	k.stop()
}

// dropsMenu opens a menu, types its way into a window, and drops it at a random
// moment: ssh is killed, or the connection is cut. One of four is dropped soon
// after ssh began, which may be before anybody is signed in; the others after
// the menu has shown something, however long the machine takes for that.
func (k *desk) dropsMenu(line []string, random *rand.Rand, cut func()) error {
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir, cmd.Env = k.dir, k.env
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	keys := deep()
	_, _ = io.WriteString(in, keys[random.IntN(len(keys))]) // it may have been dropped already
	shown := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		_, _ = out.Read(make([]byte, 1)) // the end, when it was cut before
		close(shown)
		_, _ = io.Copy(io.Discard, out)
	})
	wait := random.IntN(300)
	if random.IntN(4) > 0 {
		select {
		case <-shown:
		case <-time.After(busy * 30 * time.Second):
			err = fmt.Errorf("ssh showed nothing for %v", busy*30*time.Second)
		}
	} else {
		wait = random.IntN(wait + 1) // rather sooner: a fast machine soon signs somebody in
	}
	pause := time.NewTimer(time.Duration(wait) * time.Millisecond)
	<-pause.C
	cut()
	_ = cmd.Process.Kill() // it may have ended
	reading.Wait()
	_ = cmd.Wait() // with an error, since it was killed
	return err
}
