package accounts

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"vedette/internal/budget"
)

// pair is who tries from where.
type pair struct {
	key     string // of the account, existing or not
	network netip.Prefix
	console bool
}

func pairOf(name string, from netip.Addr) pair {
	p := pair{key: key(name), network: budget.Network(from), console: !from.IsValid() || from.Unmap().IsLoopback()}
	if len(p.key) > maxName+len(keyPrefix) {
		p.key = p.key[:maxName+len(keyPrefix)] // no such account; bounds the memory
	}
	return p
}

// The brake's measures: how many wrong attempts at once, and how long for each
// further one.
const (
	pairBurst, pairPeriod       = 5, 30 * time.Second
	networkBurst, networkPeriod = 20, 5 * time.Second
	allBurst, allPeriod         = 20, 200 * time.Millisecond
	codesBurst, codesPeriod     = 20, 30 * time.Second // of one account, from all addresses

	// How long an attempt waits for others' checks, which is less than a
	// handshake may last, and how many of one pair or network wait together.
	waitingMost     = 10 * time.Second
	waitingTogether = 32

	remembered = 1 << 14 // pairs, and networks
	trustedMax = 1 << 10 // pairs that signed in
)

// brake slows guessing down. An attempt is charged as a wrong one before it is
// checked, so that many at once are no way around it, and is given the charge
// back when it was none. So there may be no charge left only because of checks
// that are not finished: further attempts wait for their result then.
type brake struct {
	mu       sync.Mutex // guards what follows, and makes its changes one step
	pairs    *budget.Rate[pair]
	networks *budget.Rate[netip.Prefix]
	all      *budget.Rate[string] // whoever is not known, by queue
	queue    func(pair) string
	known    map[pair]struct{} // signed in before
	attempts Attempts

	// The checks that are not finished; no entry: there are none.
	ofPair    map[pair]*checks
	ofNetwork map[netip.Prefix]*checks
}

// checks are those, of one pair or network, that are not finished.
type checks struct {
	running  int
	waiting  int           // attempts that wait for one of them
	finished chan struct{} // closed, and made anew, when one of them is
}

// result is what came of an attempt.
type result int

const (
	guessed   result = iota // wrong
	right                   // signed in
	unchecked               // nobody knows
)

func newBrake(now func() time.Time) *brake {
	return &brake{
		pairs:     budget.NewRate[pair](pairPeriod, pairBurst, remembered, now),
		networks:  budget.NewRate[netip.Prefix](networkPeriod, networkBurst, remembered, now),
		all:       budget.NewRate[string](allPeriod, allBurst, 1, now),
		queue:     func(pair) string { return "" },
		known:     make(map[pair]struct{}),
		ofPair:    make(map[pair]*checks),
		ofNetwork: make(map[netip.Prefix]*checks),
	}
}

// newCodeBrake brakes guesses at a second factor's codes: those who make them
// know the password. It is apart from that of passwords, which a right password
// releases. Whoever guesses from many addresses meets a bound for the account:
// 2,880 guesses a day, of which one finds one of the three codes in a million
// that are right with a chance below one in a hundred. It holds up only places
// that the person never gave a right code from.
func newCodeBrake(now func() time.Time) *brake {
	b := newBrake(now)
	b.all = budget.NewRate[string](codesPeriod, codesBurst, remembered, now)
	b.queue = func(p pair) string { return p.key }
	return b
}

// enter lets one attempt through and charges it; one leave follows. It waits
// while charges are out that may come back. Trusted are those who need not
// stand in the strangers' queue. Errors: *BackoffError, that of the context.
func (b *brake) enter(ctx context.Context, p pair) (trusted bool, err error) {
	patience, cancel := context.WithTimeout(ctx, waitingMost)
	defer cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() {
		if err != nil {
			b.attempts.Delayed++
		}
	}()
	for {
		trusted, wait, before := b.take(p)
		if wait == 0 {
			start(b.ofPair, p)
			start(b.ofNetwork, p.network)
			return trusted, nil
		}
		refusal := &BackoffError{Wait: wait}
		if before == nil || before.waiting >= waitingTogether {
			return false, refusal
		}
		before.waiting++
		finished := before.finished
		b.mu.Unlock()
		select {
		case <-finished:
		case <-patience.Done():
		}
		b.mu.Lock()
		before.waiting--
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if patience.Err() != nil {
			return false, refusal
		}
	}
}

// take charges one attempt, as if it were wrong, or says how long until there
// is a charge for it. That may be sooner, when one of the checks before it
// gives its charge back. It needs mu.
func (b *brake) take(p pair) (trusted bool, wait time.Duration, before *checks) {
	if wait, ok := b.pairs.Allow(p); !ok {
		return false, wait, b.ofPair[p]
	}
	if wait, ok := b.networks.Allow(p.network); !ok {
		b.pairs.Refund(p)
		return false, wait, b.ofNetwork[p.network]
	}
	if _, known := b.known[p]; known || p.console {
		return true, 0, nil
	}
	if wait, ok := b.all.Allow(b.queue(p)); !ok {
		b.refund(p)
		return false, wait, nil // that charge never comes back
	}
	return false, 0, nil
}

// refund takes the charge back: the attempt was not a wrong guess. The queue of
// all strangers keeps its charge, since it bounds work, not guesses. It needs
// mu.
func (b *brake) refund(p pair) {
	b.pairs.Refund(p)
	b.networks.Refund(p.network)
}

// leave says what came of an attempt.
func (b *brake) leave(p pair, r result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch r {
	case guessed:
		b.attempts.Wrong++
	case right:
		b.attempts.Right++
		b.refund(p)
		b.succeeded(p)
	case unchecked:
		b.refund(p)
	}
	finish(b.ofPair, p)
	finish(b.ofNetwork, p.network)
}

// succeeded remembers who signed in from where. It needs mu.
func (b *brake) succeeded(p pair) {
	b.pairs.Forget(p)
	if len(b.known) >= trustedMax {
		for other := range b.known { // any one
			delete(b.known, other)
			break
		}
	}
	b.known[p] = struct{}{}
}

func start[K comparable](of map[K]*checks, key K) {
	c := of[key]
	if c == nil {
		c = &checks{finished: make(chan struct{})}
		of[key] = c
	}
	c.running++
}

// finish lets those who wait try again.
func finish[K comparable](of map[K]*checks, key K) {
	c := of[key]
	close(c.finished)
	c.finished = make(chan struct{})
	if c.running--; c.running == 0 {
		delete(of, key)
	}
}
