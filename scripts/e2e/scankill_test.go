package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"vedette/internal/disktest"
)

// scanKillRounds is how often the Central Node is killed, and minTaken how many
// objects are answered OK between two kills.
const (
	scanKillRounds = 30
	minTaken       = 30
)

// slowly is a clamd that takes its time, so that objects wait when the Central
// Node dies: it looks at fewer than a busy machine can submit.
func slowly(ctx context.Context, object []byte) string {
	wait := time.NewTimer(40 * time.Millisecond)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	return found(object)
}

// standing is the configuration of scanning for these tests: objects wait, and
// there is room for some more.
func standing(t testing.TB, socket string) string {
	return clampedScan(t, socket, "workers = 4", "in_flight = 200", "in_flight_per_system = 120", `retry_after = "200ms"`, "attempts = 8")
}

// TestKillUnderSubmissionsLosesNoVerdict kills the Central Node at random moments
// while several systems submit and delete.
func TestKillUnderSubmissionsLosesNoVerdict(t *testing.T) {
	socket := socketIn(t)
	newFakeClamd(t, socket, slowly)
	n := newNode(t, standing(t, socket))
	l := submitLoad(t, 4, acceptedSystem(t, n, "store-1"), acceptedSystem(t, n, "store-2"), acceptedSystem(t, n, "gateway", "--type", "mail"))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	waited := 0
	for round := range scanKillRounds {
		before := l.taken()
		eventually(t, time.Minute, fmt.Sprintf("round %d has its objects", round), func() bool { return l.taken() >= before+minTaken })
		<-time.NewTimer(time.Duration(random.IntN(60)) * time.Millisecond).C
		n.kill()
		if len(n.spooled()) > 0 {
			waited++
		}
		n.start()
	}
	t.Logf("%d rounds, in %d of them objects waited when it was killed", scanKillRounds, waited)
	if waited < scanKillRounds/3 {
		t.Error("too few kills came before verdicts: the test shows little")
	}
	l.holdAgainst(n, "builtin", "clamd")
	n.stop()
}

// TestPowerCutUnderSubmissionsLosesNoVerdict is the same with a file system that
// forgets what was not synced.
func TestPowerCutUnderSubmissionsLosesNoVerdict(t *testing.T) {
	const rounds = 8
	socket := socketIn(t)
	newFakeClamd(t, socket, slowly)
	n := prepareNode(t, standing(t, socket))
	d := disktest.New(t, n.state(), "2G")
	n.start()
	l := submitLoad(t, 4, acceptedSystem(t, n, "store-1"), acceptedSystem(t, n, "store-2"), acceptedSystem(t, n, "gateway", "--type", "mail"))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range rounds {
		before := l.taken()
		eventually(t, time.Minute, fmt.Sprintf("round %d has its objects", round), func() bool { return l.taken() >= before+minTaken })
		<-time.NewTimer(time.Duration(random.IntN(60)) * time.Millisecond).C
		l.deaf()
		if err := d.Cut(); err != nil {
			t.Fatal(err)
		}
		n.kill()
		l.deaf() // and those that began in between
		d.Restart()
		n.start()
	}
	l.holdAgainst(n, "builtin", "clamd")
	n.stop()
}
