package e2e

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"vedette/agent/simulate"
)

// The rounds of the kill test, and what makes a round count.
const (
	killRounds = 50
	minAcked   = 20 // packages acknowledged between two kills
)

// killLoad is what agents send meanwhile. They come back soon, for a round lasts
// less than a second.
func killLoad() simulate.Config {
	return simulate.Config{Agents: 20, Rate: 200, EventsPerPackage: 8, Timeout: 3 * time.Second, Backoff: 200 * time.Millisecond}
}

// TestKillAtRandomMomentsLosesNothingAndCountsNothingTwice kills the Central
// Node and a real agent, in turn and together, while simulated agents and real
// processes make events.
func TestKillAtRandomMomentsLosesNothingAndCountsNothingTwice(t *testing.T) {
	n := newNode(t)
	real := newAgent(t, `package_period = "200ms"`)
	real.must("--message-broker=enable", "--type=kata", "--servers="+n.address, "--tls=yes", "--pinned-certificate="+n.certificate(), "--timeout=3")
	real.start()

	acks, stop := loadWith(t, n.daemon, killLoad())

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range killRounds {
		before := acks.count()
		eventually(t, 60*time.Second, fmt.Sprintf("round %d has its acknowledged packages", round), func() bool { return acks.count() >= before+minAcked })
		marked(t, fmt.Sprintf("kill-round-%d", round))
		pause := time.NewTimer(time.Duration(random.IntN(60)) * time.Millisecond)
		<-pause.C
		switch round % 5 {
		case 0, 1, 2:
			n.kill()
			n.start()
		case 3:
			real.kill()
			real.start()
		case 4:
			real.kill()
			n.kill()
			n.start()
			real.start()
		}
	}
	before := acks.count()
	eventually(t, 60*time.Second, "the load goes on after the last kill", func() bool { return acks.count() >= before+minAcked })
	stop()
	lost, events := acks.holdAgainst(n)
	t.Logf("%d rounds, %d acknowledged packages, %d lost, %d events", killRounds, acks.count(), lost, events)
	n.must("audit", "verify")
	n.stop()
}

// TestKillAtRandomMomentsThroughASensor is the same through a Sensor, which is
// killed too, and whose lanes are cut at random.
func TestKillAtRandomMomentsThroughASensor(t *testing.T) {
	n, s := newNode(t, unsafeSameServer), newSensor(t)
	line := newRelay(t, n.address)
	s.point(line.address(), n)
	s.accept(n)
	real := newAgent(t, `package_period = "200ms"`)
	real.must("--message-broker=enable", "--type=kata", "--servers="+s.address, "--tls=yes", "--pinned-certificate="+s.certificate(), "--timeout=3")
	real.start()
	acks, stop := loadWith(t, s.daemon, killLoad())
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	again := func(ds ...interface {
		kill()
		start()
	}) {
		for _, d := range ds {
			d.kill()
		}
		for _, d := range ds {
			d.start()
		}
	}
	for round := range killRounds {
		before := acks.count()
		eventually(t, 60*time.Second, fmt.Sprintf("round %d has its acknowledged packages", round), func() bool {
			if random.IntN(4) == 0 {
				line.cutOne(random)
			}
			return acks.count() >= before+minAcked
		})
		marked(t, fmt.Sprintf("kill-round-%d", round))
		pause := time.NewTimer(time.Duration(random.IntN(60)) * time.Millisecond)
		<-pause.C
		switch round % 6 {
		case 0, 1:
			again(s)
		case 2:
			again(n)
		case 3:
			again(real)
		case 4:
			again(s, n)
		case 5:
			again(n, real, s)
		}
	}
	before := acks.count()
	eventually(t, 60*time.Second, "the load goes on after the last kill", func() bool { return acks.count() >= before+minAcked })
	stop()
	lost, events := acks.holdAgainst(n)
	t.Logf("%d rounds, %d lanes cut, %d acknowledged packages, %d lost, %d events", killRounds, line.cuts, acks.count(), lost, events)
	n.must("audit", "verify")
	s.must("audit", "verify")
	n.stop()
}
