package admin

import (
	"context"

	"vedette/internal/acts"
	"vedette/internal/conduct"
)

// replacing lists the documented consequences of replacing the server
// certificate of a Sensor (seed document, "Generating a TLS certificate for
// the Sensor server"), with today's numbers. Whoever is connected has met the
// certificate in use, since replacing it ends every connection.
func (a *Admin) replacing(context.Context) ([]acts.Consequence, error) {
	return []acts.Consequence{
		{
			Text:  "Agents that pin the old certificate stop delivering through this Sensor until they have the new one. They keep what they collect meanwhile.",
			InUse: true, Count: a.c.Door.Counts().Agents, Who: a.connected(),
		},
	}, nil
}

// connected names agents that are carried now, by their addresses.
func (a *Admin) connected() []string {
	var from []string
	for _, address := range a.c.Door.Agents() {
		from = append(from, address.String())
	}
	return conduct.Some(from)
}

// replaced ends what was begun with the server certificate of before: agents
// come back and meet the new one, and the Central Node hears of it, since a
// Sensor introduces itself at the beginning of a link.
func (a *Admin) replaced() (cut int) {
	cut = a.c.Door.CutAll()
	a.setting.Lock()
	defer a.setting.Unlock()
	// The certificate is replaced, whoever still waits for the answer.
	configured, found, err := a.c.Store.CentralNode(context.Background())
	if err != nil {
		a.c.Logger.Warn("the Central Node hears of the new server certificate only on the next link", "error", err)
	} else if found {
		a.c.Uplink.Point(Target(configured))
	}
	return cut
}
