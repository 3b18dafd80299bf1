package admin

import (
	"context"

	"vedette/internal/acts"
)

// replacing lists the documented consequences of replacing the server
// certificate of a Sensor (seed document, "Generating a TLS certificate for
// the Sensor server"), with today's numbers.
func (a *Admin) replacing() []acts.Consequence {
	agents := a.c.Door.Counts().Agents
	return []acts.Consequence{
		{Text: "The data of previously installed certificates will be overwritten.", InUse: true, Count: 1},
		{Text: "Agents that pin the old certificate stop delivering through this Sensor until they have the new one. They keep what they collect meanwhile.", InUse: true, Count: agents},
	}
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
