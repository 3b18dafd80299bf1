package admin

import "vedette/internal/acts"

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

// repointing lists what configuring a Central Node breaks where one is
// configured already.
func (a *Admin) repointing() []acts.Consequence {
	return []acts.Consequence{
		{Text: "The link begins anew: agents that are carried now are disconnected, and carried again once the Central Node has accepted this Sensor.", InUse: true, Count: a.c.Door.Counts().Agents},
	}
}
