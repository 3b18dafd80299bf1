package centralnode

import (
	"context"

	"vedette/centralnode/trends"
	"vedette/internal/acts"
)

// openTrends makes the room that remembers how the counts of the others went.
func (n *Node) openTrends() {
	n.trends = trends.New(trends.Config{
		Source: n.sample,
		Store:  n.base.State, Logger: n.config.Logger.With("room", "trends"), Now: n.config.Now,
	})
}

// sample is what the rooms count now.
func (n *Node) sample(ctx context.Context) trends.Sample {
	packages, events := n.service.Taken()
	scan := n.scan.Status(ctx)
	return trends.Sample{
		Levels: map[acts.Trend]float64{
			acts.TrendAgents: float64(n.agentConnections()), acts.TrendHosts: float64(n.table.Len()),
			acts.TrendSensors: float64(n.sensors.Connected()), acts.TrendAlertsNew: float64(n.alerts.Counts().New),
			acts.TrendScanWaiting: float64(scan.Waiting + scan.Running),
		},
		Counters: map[acts.Trend]uint64{
			acts.TrendPackages: packages, acts.TrendEvents: events, acts.TrendAgentsRefused: n.gateway.RefusedAgents(),
			acts.TrendScanClean: scan.Verdicts["not detected"], acts.TrendScanDetected: scan.Verdicts["detect"],
			acts.TrendScanUnanswered: scan.Verdicts["timeout"] + scan.Verdicts["error"],
		},
	}
}

// agentConnections are the live connections that are neither lanes of a Sensor
// nor external systems'.
func (n *Node) agentConnections() int {
	admitted, _ := n.gateway.Counts()
	return max(0, admitted-n.sensors.Lanes()-n.gateway.ConnectedSystems()) // some may end between the looks
}
