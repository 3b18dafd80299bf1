package acts

import "time"

// EventFilter selects events. Empty fields match all.
type EventFilter struct {
	Host  string    // host name without regard to case, or agent id
	Kind  string    // EventKinds
	Text  string    // part of executable or arguments
	Since time.Time // when received, inclusive
	Until time.Time // exclusive
	Limit int       // the newest so many; 0: 1000
	// Before and After are places in the log: only events before one, the newest
	// first, or behind one. At most one of them is given.
	Before, After EventPlace
}

// EventPlace is a place between two events of the log. It is a word of letters,
// digits and full stops; empty is none. A place stays good while the log is the
// same.
type EventPlace string

// EventPage is a stretch of the log that was searched, with what matched in it.
type EventPage struct {
	Events []Event // the newest first
	// Newest and Oldest are the ends of the stretch: a search before Oldest, or
	// behind Newest, goes on there and neither loses nor repeats an event.
	Newest, Oldest EventPlace
	// Older and Newer say whether there may be more before or behind it.
	Older, Newer bool
	// Stopped is set when the search did not get as far as it was asked to, because
	// it had read as much as one search may.
	Stopped *EventBound
}

// EventBound says how far a search got.
type EventBound struct {
	Packages uint64    // that were read
	At       time.Time // when the last of them arrived
}

// EventKinds are the values of event.action that EventFilter.Kind takes.
func EventKinds() []string { return []string{"process-start", "process-exit", "collector-notice"} }

// Event is one event as exported: names follow the Elastic Common Schema
// (ECS) where it has one; "vedette" holds ours. Its texts came from outside.
type Event struct {
	Time    time.Time     `json:"@timestamp"`
	Event   EventMeta     `json:"event"`
	Host    EventHost     `json:"host"`
	Agent   EventAgent    `json:"agent"`
	Process *EventProcess `json:"process,omitempty"`
	User    *EventUser    `json:"user,omitempty"`
	Message string        `json:"message,omitempty"`
	Vedette EventWay      `json:"vedette"`
	// Place is where the event lies in the log, right before it, and Behind the
	// place right behind it.
	Place  EventPlace `json:"-"`
	Behind EventPlace `json:"-"`
}

// EventMeta is ECS event.*.
type EventMeta struct {
	ID       string    `json:"id"`
	Action   string    `json:"action"` // EventKinds
	Kind     string    `json:"kind"`
	Category []string  `json:"category,omitempty"`
	Type     []string  `json:"type,omitempty"`
	Created  time.Time `json:"created"`  // by the host's clock
	Ingested time.Time `json:"ingested"` // by the Central Node's clock
}

// EventHost is ECS host.*.
type EventHost struct {
	Name string `json:"name"`
}

// EventAgent is ECS agent.*.
type EventAgent struct {
	ID string `json:"id"`
}

// EventProcess is ECS process.*.
type EventProcess struct {
	PID              uint32        `json:"pid"`
	Executable       string        `json:"executable,omitempty"`
	Args             []string      `json:"args,omitempty"`
	WorkingDirectory string        `json:"working_directory,omitempty"`
	ExitCode         *int32        `json:"exit_code,omitempty"`
	Parent           *EventProcess `json:"parent,omitempty"`
}

// EventUser is ECS user.*.
type EventUser struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// EventWay says how an event came and under which state of trust it was taken.
type EventWay struct {
	Way            string `json:"way"`              // "direct", or the Sensor's id
	Sensor         string `json:"sensor,omitempty"` // the Sensor's name
	Remote         string `json:"remote"`
	Certificate    string `json:"certificate,omitempty"`
	PolicyRevision uint64 `json:"policy_revision"`
	Seq            uint64 `json:"seq"`
	Incomplete     bool   `json:"incomplete,omitempty"`
	Notice         string `json:"notice,omitempty"`
	Count          uint64 `json:"count,omitempty"`
	// Skipped counts packages that are missing right before this event: a live view
	// left them out because its reader was too slow, or they were removed or too
	// old when an external system read on.
	Skipped uint64 `json:"skipped_packages,omitempty"`
}
