package acts

import "time"

// Trend names something that the daemon counts over time.
type Trend string

// What is counted. Levels are as they were at the end of each step; rates are a
// minute, on the average of each step.
const (
	TrendAgents         Trend = "agents"          // connections of agents that were let in
	TrendHosts          Trend = "hosts"           // hosts that are known
	TrendSensors        Trend = "sensors"         // accepted Sensors that have a link
	TrendPackages       Trend = "packages"        // packages of events taken, a minute
	TrendEvents         Trend = "events"          // events taken, a minute
	TrendAgentsRefused  Trend = "agents-refused"  // refusals of agents at the door, a minute
	TrendAlertsNew      Trend = "alerts-new"      // alerts that nobody has dealt with
	TrendScanWaiting    Trend = "scan-waiting"    // objects without a verdict
	TrendScanClean      Trend = "scan-clean"      // objects with nothing found, a minute
	TrendScanDetected   Trend = "scan-detected"   // objects with a detection, a minute
	TrendScanUnanswered Trend = "scan-unanswered" // objects that no engine could answer for, a minute
)

// Trends lists everything that is counted.
func Trends() []Trend {
	return []Trend{
		TrendAgents, TrendHosts, TrendSensors, TrendPackages, TrendEvents, TrendAgentsRefused,
		TrendAlertsNew, TrendScanWaiting, TrendScanClean, TrendScanDetected, TrendScanUnanswered,
	}
}

// TrendPeriod is how far back trends are looked at.
type TrendPeriod string

// The periods that are kept.
const (
	TrendDay   TrendPeriod = "day"   // 24 hours, by 5 minutes
	TrendMonth TrendPeriod = "month" // 30 days, by the hour
)

// TrendFilter selects trends.
type TrendFilter struct {
	Period TrendPeriod // empty: TrendDay
	Trends []Trend     // none: all
}

// TrendList is what was counted. What was not, because the daemon did not run or
// cannot tell, has no point.
type TrendList struct {
	From   time.Time     `json:"from"` // when the first step began
	To     time.Time     `json:"to"`   // when the one under way did
	Step   time.Duration `json:"step_ns"`
	Series []TrendSeries `json:"series"`
}

// TrendSeries are the points of one trend, the oldest first.
type TrendSeries struct {
	Trend  Trend        `json:"trend"`
	Points []TrendPoint `json:"points"`
}

// TrendPoint is one step; At is when it began.
type TrendPoint struct {
	At    time.Time `json:"at"`
	Value float64   `json:"value"`
}
