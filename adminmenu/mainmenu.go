package adminmenu

// sensorMenu is the lowest window of a Sensor.
func sensorMenu(s *menuSession, b Sensor) *window {
	return s.mainMenu([]choice{
		{"Status", "what runs here, and what needs a person", func() { s.sensorStatus(b) }},
		{"Program settings", "certificate, Central Node, link", func() { s.settings(sensorSettings(s, b)) }},
	}, b)
}

// centralNodeMenu is the lowest window of a Central Node.
func centralNodeMenu(s *menuSession, b CentralNode) *window {
	return s.mainMenu([]choice{
		{"Status", "what runs here, and what needs a person", func() { s.centralNodeStatus(b) }},
		{"Program settings", "certificates, Sensor servers, external systems", func() { s.settings(centralNodeSettings(s, b)) }},
	}, b)
}

// everywhere is what the main menus of both daemons end with.
type everywhere interface {
	People
	Review
}

func (s *menuSession) mainMenu(choices []choice, b everywhere) *window {
	choices = append(choices,
		choice{titleAccounts, "who may sign in", func() { s.accounts(b) }},
		choice{titleChangePassword, "your own", func() { s.changePassword(b) }},
		choice{titleAudit, "what was done, and by whom", func() { s.auditLog(b) }},
		choice{"Help", "keys, scp, commands", s.helpPage},
		choice{"Exit", "leave the menu", s.leave})
	return &window{
		title: "Administrator menu",
		text:  text{lines: []line{words(s.config.Product + " " + s.config.Version)}},
		part:  &list{numbered: true, choices: choices},
		keys:  []binding{bind("q", "q", "Exit", "leaves the menu, and asks first", s.leave)},
	}
}

func (s *menuSession) settings(choices []choice) {
	s.open(&window{title: "Program settings", part: &list{numbered: true, choices: choices}})
}

func sensorSettings(s *menuSession, b Sensor) []choice {
	return []choice{
		{"Manage server certificate", "", func() { s.certificates(b) }},
		{titleConfigure, "", func() { s.configureCentralNode(b) }},
		{"Link state", "", func() { s.linkState(b) }},
	}
}

func centralNodeSettings(s *menuSession, b CentralNode) []choice {
	return []choice{
		{"Manage server certificate", "", func() { s.certificates(b) }},
		{"Sensor servers", "", func() { s.sensorServers(b) }},
		{"Endpoint Agent certificates", "", func() { s.agentCertificates(b) }},
		{titleExternalSystems, "", func() { s.externalSystems(b) }},
	}
}
