package cli

import (
	"fmt"

	"vedette/internal/acts"
)

// AddSSHDoor describes where administrators connect.
func AddSSHDoor(f *Fields, d acts.SSHDoor) {
	if d.Address == "" {
		f.Add("Administrators connect to", "the local socket only")
		return
	}
	f.Add("Administrators connect to", d.Address, "host key "+d.HostKey, fmt.Sprintf("%d signed in now", d.Sessions))
}
