package events

import (
	"strings"
	"time"

	"vedette/internal/acts"
	"vedette/internal/foreign"
)

// maxWhat bounds what a row tells of an event, in bytes. The event's page has
// all of it.
const maxWhat = 200

// late is how much later than it happened an event must have come for its row to
// say so.
const late = 2 * time.Minute

// Row is an event as a row shows it, made of texts only.
type Row struct {
	Key      string // names the row among all there are
	Path     string // of the event's page
	Time     string
	Stamp    string // the same for programs
	Received string // when it came, if that was much later, or before
	Host     string
	HostPath string
	Kind     string
	What     string
	User     string
	Way      string
	Skipped  uint64 // packages that are missing before it
}

func rowOf(e acts.Event) Row {
	r := Row{
		Key: string(e.Place), Path: front + "/" + string(e.Place), Time: clock(e.Time), Stamp: e.Time.UTC().Format(time.RFC3339Nano),
		Host: e.Host.Name, HostPath: "/endpoint-agents/" + e.Agent.ID, Kind: e.Event.Action, What: foreign.Bounded(e.What(), maxWhat), User: e.Who(), Way: way(e.Vedette),
		Skipped: e.Vedette.Skipped,
	}
	if r.Host == "" {
		r.Host = e.Agent.ID
	}
	for _, text := range []*string{&r.Kind, &r.What, &r.User} {
		if *text == "" {
			*text = "-"
		}
	}
	if e.Event.Ingested.Sub(e.Time).Abs() > late {
		r.Received = clock(e.Event.Ingested)
		if day, time, _ := strings.Cut(r.Received, " "); strings.HasPrefix(r.Time, day) {
			r.Received = time
		}
	}
	return r
}

func rowsOf(found []acts.Event) []Row {
	rows := make([]Row, len(found))
	for i, e := range found {
		rows[i] = rowOf(e)
	}
	return rows
}

// clock writes a time as rows show it.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }

// way is how an event came, as the table says it.
func way(v acts.EventWay) string {
	switch {
	case v.Way == "direct":
		return "Direct"
	case v.Sensor != "":
		return v.Sensor
	}
	return v.Way
}
