package door

import "sync"

// Ending is what happens when something ends, once. Its zero value has nothing
// to do yet.
type Ending struct {
	mu    sync.Mutex
	over  bool
	after []func()
}

// OnEnd adds something that happens at the end; it happens at once when that
// was.
func (e *Ending) OnEnd(do func()) {
	e.mu.Lock()
	over := e.over
	if !over {
		e.after = append(e.after, do)
	}
	e.mu.Unlock()
	if over {
		do()
	}
}

// End does what there is to do.
func (e *Ending) End() {
	e.mu.Lock()
	after := e.after
	e.over, e.after = true, nil
	e.mu.Unlock()
	for _, do := range after {
		do()
	}
}
