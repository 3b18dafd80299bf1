package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"vedette/agent/uplink"
	"vedette/pki"
)

// statusEvery is how often the status file is written when nothing changes.
const statusEvery = 5 * time.Second

// Status is how an agent stands. Its JSON form is a promise: fields are only added.
type Status struct {
	Version     int       `json:"version"`
	Agent       string    `json:"agent_version"`
	PID         int       `json:"pid"`
	Started     time.Time `json:"started"`
	Updated     time.Time `json:"updated"`
	Stopped     bool      `json:"stopped"` // the agent ended in good order
	AgentID     string    `json:"agent_id"`
	Enabled     bool      `json:"enabled"`
	UnderPolicy bool      `json:"under_policy"`
	// SettingsFault is what is wrong with the settings in the files; those
	// before stay in force.
	SettingsFault string            `json:"settings_fault,omitempty"`
	Connection    uplink.State      `json:"connection"`
	Pinned        bool              `json:"pinned"`
	Pins          []pki.Fingerprint `json:"pins"` // the pin, and the announced next one
	ClientCert    *pki.Fingerprint  `json:"client_certificate,omitempty"`
	Warnings      []string          `json:"warnings"`
	Collector     string            `json:"collector"`
	Limits        string            `json:"collector_limits,omitempty"`
	Queue         QueueStatus       `json:"queue"`
	Dropped       map[string]uint64 `json:"dropped_events"`
	Suppressed    uint64            `json:"suppressed_starts"`
	Cost          Cost              `json:"cost"`
}

// QueueStatus is what waits.
type QueueStatus struct {
	Packages int    `json:"packages"`
	Bytes    int64  `json:"bytes"`
	MaxBytes int64  `json:"max_bytes"`
	Unsaved  int    `json:"unsaved_packages"` // in memory, because the disk takes no more
	Fault    string `json:"fault,omitempty"`
}

// Cost is what the agent itself takes.
type Cost struct {
	CPUSeconds float64 `json:"cpu_seconds"`
	CPUPercent float64 `json:"cpu_percent"` // of one core, since the start
	RSSBytes   int64   `json:"rss_bytes"`
}

// Status describes the agent now.
func (a *Agent) Status() Status {
	now := a.options.Now()
	q := a.queue.Stats()
	t := a.counts.merge(q.Dropped)
	s := Status{
		Version: 1, Agent: a.options.Version, PID: os.Getpid(), Started: a.started, Updated: now, AgentID: a.queue.AgentID(),
		Queue:   QueueStatus{Packages: q.Packages, Bytes: q.Bytes, MaxBytes: int64(a.config.Queue.MaxSize), Unsaved: q.Unsaved},
		Dropped: t.Dropped, Suppressed: t.Suppressed, Cost: cost(now.Sub(a.started)),
		Pins: []pki.Fingerprint{}, Warnings: []string{},
	}
	if q.Fault != nil {
		s.Queue.Fault = q.Fault.Error()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fault != nil {
		s.SettingsFault = a.fault.Error()
	}
	if a.source != nil {
		s.Collector, s.Limits = a.source.Name(), a.source.Limits()
	}
	if a.pins != nil {
		s.Pins = a.pins.List()
	}
	p := a.policy.Load()
	switch {
	case p == nil:
		s.Connection = uplink.State{Code: "settings-fault", Text: "the settings cannot be used", Next: "correct them: agent config check", Since: a.started}
	case !p.Enabled:
		s.Connection = uplink.State{Code: "disabled", Text: "integration is off", Next: "turn it on: --message-broker=enable, or in the policy", Since: a.started}
	case a.uplink != nil:
		s.Connection = a.uplink.State()
	}
	if p == nil {
		return s
	}
	s.Enabled, s.UnderPolicy, s.Pinned = p.Enabled, p.UnderPolicy, p.UsePinned
	if p.Enabled && !p.UsePinned {
		s.Warnings = append(s.Warnings, "UNPINNED: use_pinned_certificate is off, whoever answers is taken for the server")
	}
	if p.Client != nil {
		f := p.Client.Fingerprint()
		s.ClientCert = &f
		if w, ok := pki.ExpiryWarning(p.Client.Leaf(), now); ok {
			s.Warnings = append(s.Warnings, "client certificate: "+w.Text)
		}
	}
	if p.Certificate != nil {
		if w, ok := pki.ExpiryWarning(p.Certificate, now); ok {
			s.Warnings = append(s.Warnings, "pinned server certificate: "+w.Text)
		}
	}
	if d := s.Connection.ClockOffset; d.Abs() > MaxClockOffset {
		s.Warnings = append(s.Warnings, fmt.Sprintf("this host's clock differs from the server's by %s", d.Round(time.Second)))
	}
	return s
}

// MaxClockOffset is from where on a clock is called wrong. Nothing is refused
// for it; times of events are.
const MaxClockOffset = 2 * time.Minute

func cost(up time.Duration) Cost {
	var c Cost
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) == nil {
		c.CPUSeconds = float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
		if up > time.Second { // before, it says nothing
			c.CPUPercent = c.CPUSeconds / up.Seconds() * 100
		}
	}
	if data, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := bytes.Fields(data); len(f) > 1 {
			pages, _ := strconv.ParseInt(string(f[1]), 10, 64) // zero when unreadable
			c.RSSBytes = pages * int64(os.Getpagesize())
		}
	}
	return c
}

func (a *Agent) reportStatus(ctx context.Context) error {
	ticker := time.NewTicker(statusEvery)
	defer ticker.Stop()
	for {
		a.writeStatus(false)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-a.poke:
		}
	}
}

func (a *Agent) writeStatus(stopped bool) {
	s := a.Status()
	s.Stopped = stopped
	data, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = replaceFile(a.config.path(statusName), append(data, '\n'))
	}
	if err != nil {
		a.log.Debug("status not written", "error", err)
	}
}

// ReadStatus reads the status that an agent wrote last and reports whether the
// agent runs. Without any it returns an error that is fs.ErrNotExist.
func ReadStatus(c Config) (s Status, running bool, err error) {
	if running, err = Running(c); err != nil {
		return s, false, fmt.Errorf("look for a running agent: %w", err)
	}
	data, err := os.ReadFile(c.path(statusName))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && running {
			err = fmt.Errorf("the agent is just starting: %w", err)
		}
		return s, running, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, running, fmt.Errorf("read status: %w", err)
	}
	return s, running, nil
}
