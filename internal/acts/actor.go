package acts

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what an account may do, named as the documented product names it.
type Role string

// The documented roles.
const (
	LocalAdministrator    Role = "local-administrator"
	Administrator         Role = "administrator"
	SecurityAuditor       Role = "security-auditor"
	SeniorSecurityOfficer Role = "senior-security-officer"
	SecurityOfficer       Role = "security-officer"
)

// Roles lists every role, the most powerful first.
func Roles() []Role {
	return []Role{LocalAdministrator, Administrator, SecurityAuditor, SeniorSecurityOfficer, SecurityOfficer}
}

// ParseRole reads a role's word.
func ParseRole(s string) (Role, error) {
	if r := Role(strings.ToLower(strings.TrimSpace(s))); slices.Contains(Roles(), r) {
		return r, nil
	}
	return "", fmt.Errorf("role %q is not known; the roles are %v", s, Roles())
}

// Title is the role as it is written for people: "Local administrator".
func (r Role) Title() string {
	words := strings.ReplaceAll(string(r), "-", " ")
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// Face is the way an administrator came.
type Face string

// The faces of a daemon.
const (
	FaceCommand    Face = "command"     // SSH exec, or the local binary over the daemon's socket
	FaceMenu       Face = "menu"        // SSH shell
	FaceCopy       Face = "copy"        // SFTP or SCP
	FaceWeb        Face = "web"         // web interface
	FaceFirstStart Face = "first-start" // the daemon itself, when it makes its keys
	FaceLink       Face = "link"        // a Sensor, when it asks to join
	FaceAPI        Face = "api"         // an external system, when it asks to integrate
)

// Actor is who performs an act. From is an address, or "local".
type Actor struct {
	Account string
	Role    Role
	Face    Face
	From    string
	// Session is the one that the actor signed in with; 0: none, on the console.
	Session uint64
}
