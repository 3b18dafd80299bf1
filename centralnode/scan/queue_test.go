package scan

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vedette/centralnode/scan/engine"
)

// modelQueue is what the queue promises of one engine, written down in the
// simplest way.
type modelQueue struct {
	waiting map[string][]uint64 // by system, in order of submission
	delayed map[uint64]time.Time
	served  []string // the newest last
}

// next is the system whose turn it is: of those with something waiting, the
// first ones before the others when the switch is on, the one that was served
// longest ago, never served before all, the one with the oldest object when
// several never were.
func (m *modelQueue) next(priority bool, first map[string]bool) string {
	best := ""
	rank := func(s string) [3]int {
		class := 0
		if priority && !first[s] {
			class = 1
		}
		last := -1
		for i, name := range m.served {
			if name == s {
				last = i
			}
		}
		return [3]int{class, last, int(m.waiting[s][0])}
	}
	for s := range m.waiting {
		if len(m.waiting[s]) == 0 {
			continue
		}
		if a := rank(s); best == "" || slices.Compare(a[:], func() []int { b := rank(best); return b[:] }()) < 0 {
			best = s
		}
	}
	return best
}

func (m *modelQueue) wait(t *task) {
	id := t.item.system.id
	m.waiting[id] = append(m.waiting[id], t.item.number)
	slices.Sort(m.waiting[id])
}

// behind counts what waits behind systems that go first.
func (m *modelQueue) behind(first map[string]bool) int {
	n, some := 0, false
	for id, waiting := range m.waiting {
		if !first[id] {
			n += len(waiting)
		} else if len(waiting) > 0 {
			some = true
		}
	}
	if !some {
		return 0
	}
	return n
}

// TestQueueIsFairAndKeepsItsOrder plays random submissions, retries, deletions,
// switches and revivals at two engines against the model.
func TestQueueIsFairAndKeepsItsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := newQueue(2)
		first := map[string]bool{}
		var models []*modelQueue
		for range q.lanes {
			models = append(models, &modelQueue{waiting: map[string][]uint64{}, delayed: map[uint64]time.Time{}})
		}
		systems := map[string]*system{}
		for i := range 4 {
			id := fmt.Sprint("system", i)
			systems[id] = newSystem(id)
		}
		names := rapid.SampledFrom([]string{"system0", "system1", "system2", "system3"})
		engines := rapid.IntRange(0, len(q.lanes)-1)
		items := map[uint64]*item{}
		now := time.Unix(1000, 0)
		next := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"submit": func(t *rapid.T) {
				for range rapid.IntRange(1, 5).Draw(t, "objects") {
					it := &item{number: next, system: systems[names.Draw(t, "system")], job: new(job)}
					items[next] = it
					next++
					for e, m := range models {
						one := &task{item: it, job: it.job, engine: e}
						it.job.tasks = append(it.job.tasks, one)
						q.push(one)
						m.wait(one)
					}
				}
			},
			"scan": func(t *rapid.T) {
				e := engines.Draw(t, "engine")
				m := models[e]
				id := m.next(q.priority, first)
				got := q.pop(e)
				if id == "" {
					if got != nil {
						t.Fatalf("took %d, nothing waits", got.item.number)
					}
					t.Skip("nothing waits")
				}
				if got == nil || got.engine != e || got.item.system.id != id || got.item.number != m.waiting[id][0] {
					t.Fatalf("took %+v, expected %d of %s", got, m.waiting[id][0], id)
				}
				m.waiting[id] = m.waiting[id][1:]
				m.served = append(m.served, id)
				if rapid.Bool().Draw(t, "again") {
					due := now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "seconds")) * time.Second)
					q.delay(got, due)
					m.delayed[got.item.number] = due
				}
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
				rest := q.due(now)
				soonest := time.Duration(0)
				for e, m := range models {
					for n, due := range m.delayed {
						if d := due.Sub(now); d <= 0 {
							delete(m.delayed, n)
							m.wait(items[n].job.tasks[e])
						} else if soonest == 0 || d < soonest {
							soonest = d
						}
					}
				}
				if rest != soonest {
					t.Fatalf("the next is due in %v, expected %v", rest, soonest)
				}
			},
			"revive": func(t *rapid.T) {
				e := engines.Draw(t, "engine")
				q.revive(e)
				for n := range models[e].delayed {
					delete(models[e].delayed, n)
					models[e].wait(items[n].job.tasks[e])
				}
			},
			"delete": func(t *rapid.T) {
				if len(items) == 0 {
					t.Skip("nothing to delete")
				}
				it := items[rapid.SampledFrom(slices.Sorted(maps.Keys(items))).Draw(t, "item")]
				delete(items, it.number)
				for e, m := range models {
					q.remove(it.job.tasks[e])
					delete(m.delayed, it.number)
					id := it.system.id
					m.waiting[id] = slices.DeleteFunc(m.waiting[id], func(n uint64) bool { return n == it.number })
				}
			},
			"class": func(t *rapid.T) {
				id := names.Draw(t, "system")
				systems[id].first = !systems[id].first
				first[id] = systems[id].first
			},
			"switch": func(*rapid.T) { q.priority = !q.priority },
			"": func(t *rapid.T) {
				behind := 0
				for e, m := range models {
					if q.priority {
						behind = max(behind, m.behind(first))
					}
					for _, it := range items {
						want := nowhere
						if slices.Contains(m.waiting[it.system.id], it.number) {
							want = inLine
						} else if _, ok := m.delayed[it.number]; ok {
							want = delayed
						}
						if got := it.job.tasks[e].place; got != want {
							t.Fatalf("item %d is at %v of engine %d, expected %v", it.number, got, e, want)
						}
					}
				}
				if n := q.behind(); n != behind {
					t.Fatalf("%d wait behind others, expected %d", n, behind)
				}
			},
		})
	})
}

// turnstile is an engine that notes what it is asked about and answers when the
// test lets it.
type turnstile struct {
	*fake
	let chan struct{}

	mu   sync.Mutex // guards seen
	seen []string
}

func newTurnstile() *turnstile {
	g := &turnstile{let: make(chan struct{})}
	g.fake = &fake{name: "turnstile", scan: func(ctx context.Context, o engine.Object) (engine.Result, error) {
		g.mu.Lock()
		g.seen = append(g.seen, o.Name)
		g.mu.Unlock()
		select {
		case <-g.let:
		case <-ctx.Done():
		}
		return engine.Result{}, ctx.Err()
	}}
	return g
}

func (g *turnstile) order() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.seen)
}

func TestFloodOfOneSystemDelaysAnotherOnlyByWhatIsBeingScanned(t *testing.T) {
	const flood = 10_000
	g := newTurnstile()
	r := open(t, Config{Engines: []engine.Engine{g}, Limits: Limits{Workers: 1, InFlight: 2 * flood, InFlightPerSystem: flood + 10}})
	run(t, r)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			for n := range flood / 100 {
				submitOK(t, r, "flood", fmt.Sprintf("f%d-%d", i, n), []byte("x"))
			}
		})
	}
	wg.Wait()
	for range 20 { // the flood has been going on for a while
		g.let <- struct{}{}
	}
	within(t, 10*time.Second, "the next one at work", func() bool { return len(g.order()) == 21 })
	submitOK(t, r, "single", "s", []byte("y"))
	within(t, 10*time.Second, "right numbers in the status", func() bool {
		s := r.Status(t.Context())
		return s.Waiting == flood-20 && s.Running == 1 && s.Kept == 20
	})
	g.let <- struct{}{} // what is being scanned
	within(t, 10*time.Second, "the single object at work", func() bool { return len(g.order()) == 22 })
	if got := g.order()[21]; got != "s" {
		t.Errorf("after what was being scanned came %s", got)
	}
	if n, err := r.DeleteAll(t.Context(), "flood", "", true); err != nil || n != flood { // those with a verdict too
		t.Errorf("deleted %d, %v", n, err)
	}
	close(g.let)
	within(t, 10*time.Second, "verdict", func() bool { return stateOf(r, "single", "s") == NotDetected })
}

func TestPriorityPutsMailFirst(t *testing.T) {
	g := newTurnstile()
	var mu sync.Mutex // guards mail
	mail := map[string]bool{"mail1": true, "mail2": true}
	r := open(t, Config{
		Engines: []engine.Engine{g}, Limits: Limits{Workers: 1},
		First: func(id string) bool { mu.Lock(); defer mu.Unlock(); return mail[id] },
	})
	run(t, r)
	submitOK(t, r, "files", "held", []byte("x"))
	within(t, 10*time.Second, "a scan", func() bool { return len(g.order()) == 1 })
	for _, system := range []string{"files", "other", "mail1", "mail2"} {
		for i := range 3 {
			submitOK(t, r, system, fmt.Sprintf("%s-%d", system, i), []byte("x"))
		}
	}
	step := func() string {
		before := len(g.order())
		g.let <- struct{}{}
		within(t, 10*time.Second, "the next", func() bool { return len(g.order()) > before })
		return g.order()[before]
	}
	var got []string
	got = append(got, step(), step(), step(), step()) // off: everyone in turn
	r.SetPriority(true)
	if !r.Status(t.Context()).MaximumScanPriority {
		t.Error("status does not show the switch")
	}
	for range 3 {
		got = append(got, step())
	}
	// An administrator finds that mail2 is no mail sensor.
	mu.Lock()
	mail["mail2"] = false
	mu.Unlock()
	r.SetPriority(true)
	for range 4 {
		got = append(got, step())
	}
	r.SetPriority(false)
	got = append(got, step())
	want := []string{
		"other-0", "mail1-0", "mail2-0", "files-0",
		"mail1-1", "mail2-1", "mail1-2",
		"other-1", "files-1", "mail2-2", "other-2",
		"files-2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("scanned\n%v, expected\n%v", got, want)
	}
	close(g.let)
}
