package adminmenu

// doorstep is how a person comes to this server over SSH.
type doorstep struct {
	who  string // admin@sensor-1
	port string // empty: the usual one
}

// doorstep is the person's own. Nobody signs in as who works on the console.
func (s *menuSession) doorstep() doorstep {
	account, host := s.who.Account, s.config.Host
	if s.console() {
		account = "admin"
	}
	if host == "" {
		host = "HOST"
	}
	return doorstep{account + "@" + host, s.config.SSHPort}
}

// copy begins the line of scp or pscp that fetches a file.
func (d doorstep) copy(program string) string { return program + d.flag(" -P ") + " " + d.who }

// upload is the documented line that brings a kata.pem.
func (d doorstep) upload(program string) string {
	return program + d.flag(" -P ") + " kata.pem " + d.who + ":"
}

// ssh begins the line of a command.
func (d doorstep) ssh() string { return "ssh" + d.flag(" -p ") + " " + d.who }

func (d doorstep) flag(name string) string {
	if d.port == "" {
		return ""
	}
	return name + d.port
}
