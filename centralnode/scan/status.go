package scan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"vedette/internal/acts"
	"vedette/internal/kv"
)

// Status is how scanning goes, for people. It asks no engine and no disk.
func (r *Room) Status(context.Context) acts.ScanStatus {
	var engines []acts.ScanEngine
	for _, h := range r.hands {
		engines = append(engines, h.status())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := acts.ScanStatus{
		Waiting: r.unfinished - r.running, Running: r.running, Uploading: r.uploading, Kept: r.results.len(),
		Oldest:     r.oldest(),
		SpoolBytes: r.quota.Used(), SpoolQuota: r.cfg.Limits.SpoolQuota, MaxObjectSize: r.cfg.Limits.MaxObjectSize,
		Workers: r.cfg.Limits.Workers, MaximumScanPriority: r.queue.priority,
		Behind: r.queue.behind(), Verdicts: make(map[string]uint64), Engines: engines,
	}
	for _, f := range slices.Backward(r.failures.last) {
		s.Failures = append(s.Failures, f)
	}
	for state, n := range r.verdicts {
		s.Verdicts[string(state)] = n
	}
	s.Aside = r.asideText()
	s.Reason = r.trouble()
	s.Degraded = s.Reason != ""
	return s
}

// oldest is when the object that waits longest was submitted. r.mu is held.
func (r *Room) oldest() time.Time {
	var oldest time.Time
	note := func(it *item) {
		if oldest.IsZero() || it.submitted.Before(oldest) {
			oldest = it.submitted
		}
	}
	for _, lane := range r.queue.lanes {
		for _, l := range lane.ready {
			note(l.tasks.items[0].item)
		}
	}
	for _, t := range r.queue.delayed.items {
		note(t.item)
	}
	for _, j := range r.queue.suspects {
		note(j.tasks[0].item)
	}
	for _, it := range r.refused {
		if !it.gone {
			note(it)
		}
	}
	return oldest
}

// trouble says what keeps objects from being taken or verdicts from being noted.
// r.mu is held.
func (r *Room) trouble() string {
	switch {
	case r.closed:
		return "the daemon stops"
	case r.disk == nil:
		return r.unopened()
	case r.disk.store.State().Degraded:
		return degradedText(r.disk.store)
	case r.storage != "":
		return r.storage
	}
	return r.alerts
}

// unopened says why the folder is not in use. r.mu is held.
func (r *Room) unopened() string {
	var o *kv.OpenError
	path := filepath.Join(r.cfg.Dir, stateName)
	switch {
	case errors.Is(r.cause, kv.ErrDamaged), errors.Is(r.cause, kv.ErrForeign), errors.Is(r.cause, errUnreadable):
		return fmt.Sprintf("the state file of scanning %s is damaged: check the disk, then move the file away, and scanning begins anew by itself; "+
			"the verdicts and small objects in it are lost then, and larger objects are kept aside", path)
	case errors.As(r.cause, &o):
		return fmt.Sprintf("the state file of scanning %s %s: %s; this ends by itself then", o.Path, o.Text, o.Next)
	}
	return fmt.Sprintf("the folder of scanning cannot be used: %v; it is tried again", r.cause)
}

func degradedText(store *kv.Store) string {
	return fmt.Sprintf("the state file of scanning: %s; check the disk and the kernel log, then restart", store.State().Reason)
}

// diskTrouble notes what the disk refused. It is tried again in the background.
func (r *Room) diskTrouble(err error) {
	if stopped(err) {
		return
	}
	const itself = "; this ends by itself then"
	text := fmt.Sprintf("the disk under %s reports errors: check it%s", r.cfg.Dir, itself)
	switch {
	case noSpace(err):
		text = fmt.Sprintf("no space left in %s: free some there%s", r.cfg.Dir, itself)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		text = fmt.Sprintf("%s cannot be written: give it to the service's user, on a file system that is not read-only%s", r.cfg.Dir, itself)
	}
	r.mu.Lock()
	before := r.storage
	r.storage = text
	r.mu.Unlock()
	if before != text {
		r.cfg.Logger.Error("objects are not taken", "reason", text, "error", err)
	}
}

// alertTrouble notes that alerts cannot be kept, or that they can.
func (r *Room) alertTrouble(err error) {
	text := ""
	if err != nil {
		text = fmt.Sprintf("alerts cannot be kept: %v; objects with detections wait for that, without a verdict", err)
	}
	r.mu.Lock()
	before := r.alerts
	r.alerts = text
	r.mu.Unlock()
	if before != text && err != nil {
		r.cfg.Logger.Error("alerts cannot be kept; it is tried again", "error", err)
	}
}
