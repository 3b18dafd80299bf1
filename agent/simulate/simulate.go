// Package simulate plays many Endpoint Agents in one process, for benchmarks,
// end-to-end tests and trying out a set-up: each with identities and, when
// there are enough, a certificate of its own. They keep the rules of real
// agents: a package is sent again, with its number, until it is acknowledged.
//
// An idle agent costs its connection and one parked goroutine.
package simulate

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"vedette/agent/uplink"
	"vedette/pki"
	agentv1 "vedette/proto/agent/v1"
)

// Config says what to play.
type Config struct {
	Agents   int
	Servers  []string        // agents are spread over them
	Pin      pki.Fingerprint // of the servers
	Insecure bool            // take any server certificate
	// Identities are the client certificates: none, one for all, or one for
	// each agent (agent i uses number i modulo their count).
	Identities []*pki.Pair

	Idle             bool          // one Sync each, then keep the connection
	Rate             float64       // events a second of each agent; 0: as fast as the server acknowledges
	EventsPerPackage int           // 0: 32
	Packages         int           // of each agent, then it ends; 0: no end
	Duration         time.Duration // 0: until the context ends
	Timeout          time.Duration // of each answer; 0: 10 s
	Dials            int           // connections that are being made at once; 0: 64
	Compress         bool
	// Backoff is the longest wait after a fault, where the server does not ask
	// for more; 0: 5 s. The first is a tenth of a second.
	Backoff time.Duration
	// Acks gets a line "AGENT_ID QUEUE_ID SEQ EVENTS" in one write after each
	// acknowledged package; nil: nobody.
	Acks io.Writer
	TLS  func(*tls.Config) // changes the TLS configuration; usually nil
	Log  *slog.Logger      // required
	// Ready is called once, when every agent has had an answer to its Sync; may be nil.
	Ready func()
}

func (c Config) withDefaults() (Config, error) {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&c.Timeout, 10*time.Second)
	set(&c.Backoff, 5*time.Second)
	if c.EventsPerPackage == 0 {
		c.EventsPerPackage = 32
	}
	if c.Dials <= 0 {
		c.Dials = 64
	}
	switch {
	case c.Agents < 1:
		return c, errors.New("simulate at least one agent")
	case len(c.Servers) == 0:
		return c, errors.New("no server to simulate against")
	case c.EventsPerPackage < 1 || c.EventsPerPackage > 1024:
		return c, errors.New("a package holds 1 to 1024 events")
	case c.Rate < 0:
		return c, errors.New("a rate is not negative")
	case c.Pin.IsZero() && !c.Insecure:
		return c, errors.New("no server certificate is pinned")
	}
	return c, nil
}

// Run plays until the duration or the context ends, or every agent has sent
// its packages.
func Run(ctx context.Context, c Config) (*Summary, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if c.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	f := &fleet{c: c, dials: make(chan struct{}, c.Dials), tally: newTally(),
		backoff: uplink.Backoff{First: firstWait, Cut: firstWait, Refused: c.Backoff, Most: c.Backoff}}
	if c.Compress {
		f.zstd = uplink.NewCompression()
	}
	f.synced.Add(c.Agents)
	if c.Ready != nil {
		ready := make(chan struct{})
		go func() { f.synced.Wait(); close(ready) }()
		go func() {
			select {
			case <-ready:
				if f.silent.Load() == 0 {
					c.Ready()
				}
			case <-ctx.Done():
			}
		}()
	}
	start := time.Now()
	var all sync.WaitGroup
	for i := range c.Agents {
		a := f.agent(i)
		all.Go(func() { a.run(ctx) })
	}
	all.Wait()
	s := f.tally.summary()
	s.Agents, s.Seconds = c.Agents, time.Since(start).Seconds()
	s.EventsPerSec = float64(s.Events) / s.Seconds
	return s, nil
}

// firstWait is shorter than that of real agents, so that runs are short.
const firstWait = 100 * time.Millisecond

type fleet struct {
	c       Config
	backoff uplink.Backoff
	dials   chan struct{}
	zstd    *uplink.Compression
	tally   *tally
	synced  sync.WaitGroup
	silent  atomic.Int64 // agents that ended without an answer

	acks sync.Mutex
}

func (f *fleet) agent(i int) *simulated {
	o := uplink.ClientOptions{Address: f.c.Servers[i%len(f.c.Servers)], Timeout: f.c.Timeout, Zstd: f.zstd, TLS: f.c.TLS}
	if f.c.Insecure {
		o.Pins = func(pki.Fingerprint) error { return nil }
	} else {
		o.Pins = pki.PinTo(f.c.Pin)
	}
	if n := len(f.c.Identities); n > 0 {
		o.Client = f.c.Identities[i%n]
	}
	return &simulated{f: f, number: i, id: randomID(), queue: randomID(), server: o.Address, client: uplink.NewClient(o)}
}

func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}

// simulated is one agent.
type simulated struct {
	f         *fleet
	number    int
	id, queue string
	server    string
	client    *uplink.Client
	seq       uint64
	tries     int
	told      bool
}

func (a *simulated) run(ctx context.Context) {
	defer a.client.Close()
	defer func() {
		if !a.told {
			a.f.silent.Add(1)
		}
		a.synced()
	}()
	defer func() { a.f.tally.reconnects(a.client.Dials()) }()
	due := time.Now()
	if a.f.c.Rate > 0 {
		due = due.Add(mrand.N(a.period()))
	}
	for ctx.Err() == nil {
		if !a.retry(ctx, a.sync) {
			return
		}
		if a.f.c.Idle {
			if a.client.AwaitClose(ctx) == nil {
				a.client.Close()
				a.f.tally.cut()
			}
			continue
		}
		for {
			if a.f.c.Packages > 0 && a.seq >= uint64(a.f.c.Packages) {
				return
			}
			if a.f.c.Rate > 0 {
				if !sleep(ctx, time.Until(due)) {
					return
				}
				due = due.Add(a.period())
			}
			p := a.next()
			if !a.retry(ctx, func(ctx context.Context) error { return a.send(ctx, p) }) {
				return
			}
		}
	}
}

func (a *simulated) period() time.Duration {
	return time.Duration(float64(time.Second) * float64(a.f.c.EventsPerPackage) / a.f.c.Rate)
}

func (a *simulated) synced() {
	if !a.told {
		a.told = true
		a.f.synced.Done()
	}
}

// answered says whether a fault is what the server itself said.
func answered(code string) bool {
	switch code {
	case uplink.CodeUnreachable, uplink.CodeName, uplink.CodeTimeout, uplink.CodeCut, uplink.CodeTLS, uplink.CodeWrongPin:
		return false
	}
	return true
}

// retry calls f until it succeeds; false when the context ended before.
func (a *simulated) retry(ctx context.Context, f func(context.Context) error) bool {
	for {
		err := a.dialled(ctx, f)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			a.tries = 0
			return true
		}
		fault := uplink.Explain(a.server, err)
		a.f.tally.fault(fault.Code)
		a.f.c.Log.Debug("fault", "agent", a.number, "code", fault.Code, "error", err)
		if answered(fault.Code) {
			a.synced()
		}
		if fault.Code == uplink.CodeConflict {
			a.queue, a.seq = randomID(), 0
			return true
		}
		pause := a.f.backoff.Wait(a.tries, fault)
		a.tries++
		if !sleep(ctx, pause) {
			return false
		}
	}
}

// dialled bounds how many connections are being made at once.
func (a *simulated) dialled(ctx context.Context, f func(context.Context) error) error {
	if a.client.Connected() {
		return f(ctx)
	}
	select {
	case a.f.dials <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-a.f.dials }()
	return f(ctx)
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (a *simulated) sync(ctx context.Context) error {
	began := time.Now()
	_, err := a.client.Sync(ctx, &agentv1.SyncRequest{
		AgentId: a.id, QueueId: a.queue,
		Host: &agentv1.Host{
			Name: fmt.Sprintf("simulated-%05d", a.number), Addresses: []string{fmt.Sprintf("198.18.%d.%d", a.number>>8&0xff, a.number&0xff)},
			OsFamily: "linux", OsName: "Simulated", OsVersion: "1", AgentVersion: "simulate", Collector: "proc-connector",
		},
		State: &agentv1.AgentState{Clock: timestamppb.Now()},
	})
	if err == nil {
		a.f.tally.sync(time.Since(began))
		a.synced()
	}
	return err
}

func (a *simulated) next() *agentv1.SendEventsRequest {
	a.seq++
	p := &agentv1.SendEventsRequest{AgentId: a.id, QueueId: a.queue, Seq: a.seq, Events: make([]*agentv1.Event, a.f.c.EventsPerPackage)}
	now := timestamppb.Now()
	for i := range p.Events {
		p.Events[i] = &agentv1.Event{Id: randomID(), Time: now, Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{
			Pid: mrand.Uint32N(1 << 22), ParentPid: mrand.Uint32N(1 << 22), Executable: "/usr/bin/simulated",
			Args:   []string{"/usr/bin/simulated", "--package", fmt.Sprint(a.seq), "--event", fmt.Sprint(i)},
			UserId: "1000", UserName: "simulated", WorkingDirectory: "/home/simulated", ParentExecutable: "/bin/sh",
		}}}
	}
	return p
}

func (a *simulated) send(ctx context.Context, p *agentv1.SendEventsRequest) error {
	began := time.Now()
	answer, err := a.client.SendEvents(ctx, p)
	if err != nil {
		return err
	}
	if answer.GetDurableSeq() < p.GetSeq() {
		return errors.New("acknowledged, but not durable")
	}
	a.f.tally.ack(time.Since(began), len(p.GetEvents()))
	return a.f.acked(p)
}

func (f *fleet) acked(p *agentv1.SendEventsRequest) error {
	if f.c.Acks == nil {
		return nil
	}
	line := fmt.Sprintf("%s %s %d %d\n", p.GetAgentId(), p.GetQueueId(), p.GetSeq(), len(p.GetEvents()))
	f.acks.Lock()
	defer f.acks.Unlock()
	if _, err := io.WriteString(f.c.Acks, line); err != nil {
		f.c.Log.Error("acknowledgement not written", "error", err)
	}
	return nil
}

// Ack is one line of Config.Acks.
type Ack struct {
	AgentID, QueueID string
	Seq              uint64
	Events           int
}

// ReadAcks reads what Config.Acks wrote. A last line that was cut is left out.
func ReadAcks(r io.Reader) ([]Ack, error) {
	var list []Ack
	br := bufio.NewReader(r)
	for {
		line, err := br.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		var a Ack
		if _, err := fmt.Sscanf(line, "%s %s %d %d", &a.AgentID, &a.QueueID, &a.Seq, &a.Events); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(list)+1, err)
		}
		list = append(list, a)
	}
}
