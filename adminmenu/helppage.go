package adminmenu

// helpPage is Help: what the menu is, and what goes without it.
func (s *menuSession) helpPage() {
	lines := append(helpLines(s.doorstep()), blank(), heading("Version"), words(s.config.Product+" "+s.config.Version))
	w := &window{title: "Help", text: text{lines: lines}}
	w.buttons = []button{{wordClose, func() { s.close(w) }}, {"Display", s.display}}
	s.open(w)
}

// helpLines is the page for somebody who stands there.
func helpLines(d doorstep) []line {
	return []line{
		heading("This menu"),
		words("Here you administer this server: its certificate, its connections, and who may sign in. Nothing changes before you confirm it, and every change is in Audit. Several administrators may work at once: each sees what the others change."), blank(),

		heading("Keys"),
		words("The last row of the screen shows the keys that are valid now. Arrows, Tab, ENTER and Esc are enough everywhere."),
		value("Up/Down", "selects, or scrolls a text"),
		value("Tab", "goes to the next place: fields, table, buttons"),
		value("ENTER", "opens what is selected, or presses a button"),
		value("Esc, Ctrl-C", "goes one level back; asks where something would be lost"),
		value("letter, digit", "goes to the entry or button that begins with it"),
		value("/", "filters a table"),
		value("?", "explains all keys of a window"),
		value("Ctrl-L", "draws the screen again"), blank(),

		heading("Files: your certificate in, the one in use out"),
		words("On your own computer:"),
		words("  " + d.upload("scp")),
		words("  " + d.copy("scp") + ":ssl/kata.crt ."),
		words("With PuTTY on Windows:"),
		words("  " + d.upload("pscp")),
		words("  " + d.copy("pscp") + ":ssl/kata.crt ."),
		words("An uploaded kata.pem waits in Program settings, Manage server certificate, until you install it there. kata.crt is the certificate in use, without its key. sftp does the same."), blank(),

		heading("Commands without the menu"),
		words("  " + d.ssh() + " status"),
		words("  " + d.ssh() + " certificate show --output json"),
		words("  " + d.ssh() + " help"),
		words("Everything in the menu is also a command, for scripts."), blank(),

		heading("Is this the right server?"),
		words("At the first connection ssh shows the fingerprint of the server's host key. It has to be the one on the Status page, which the console showed at the first start."), blank(),

		heading("Locked out"),
		words("Another local administrator sets a new password in Accounts and keys. On the server itself root opens this menu without a password: sensor menu, or centralnode menu."), blank(),

		heading("Borders and colours"),
		words("[Display] changes how this session is drawn. A terminal without line drawing gets ASCII, one without colours none."),
	}
}
