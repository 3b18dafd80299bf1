package agent

import (
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"os"
	"sync"
)

// counts are totals over the life of the installation, less what a crash lost
// of the last minute.
type counts struct {
	path string

	mu      sync.Mutex
	now     totals
	queue   map[string]uint64 // of the queue in this run, as counted so far
	changed bool
}

type totals struct {
	Version    int               `json:"version"`
	Dropped    map[string]uint64 `json:"dropped"`
	Suppressed uint64            `json:"suppressed"`
}

func openCounts(path string, log *slog.Logger) *counts {
	c := &counts{path: path, now: totals{Version: 1}, queue: make(map[string]uint64)}
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &c.now)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		log.Warn("counters begin at zero", "error", err)
		c.now = totals{Version: 1}
	}
	if c.now.Dropped == nil {
		c.now.Dropped = make(map[string]uint64)
	}
	return c
}

func (c *counts) drop(reason string, n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now.Dropped[reason] += n
	c.changed = true
}

func (c *counts) suppress() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now.Suppressed++
	c.changed = true
}

// merge takes in what the queue has dropped in this run, and returns the totals.
func (c *counts) merge(queue map[string]uint64) totals {
	c.mu.Lock()
	defer c.mu.Unlock()
	for reason, n := range queue {
		if n > c.queue[reason] {
			c.now.Dropped[reason] += n - c.queue[reason]
			c.queue[reason] = n
			c.changed = true
		}
	}
	t := c.now
	t.Dropped = maps.Clone(t.Dropped)
	return t
}

func (c *counts) save(log *slog.Logger) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.changed {
		return
	}
	data, err := json.Marshal(c.now)
	if err == nil {
		err = replaceFile(c.path, append(data, '\n'))
	}
	if err != nil {
		log.Warn("counters not saved", "error", err)
		return
	}
	c.changed = false
}

// replaceFile is atomic for readers and not durable: what is written so is
// written again soon.
func replaceFile(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
