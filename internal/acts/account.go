package acts

import "time"

// Account is who may sign in. Its password is in no answer.
type Account struct {
	Name     string      `json:"name"`
	Role     Role        `json:"role"`
	Created  time.Time   `json:"created"`
	Changed  time.Time   `json:"password_changed"`
	Keys     []PublicKey `json:"public_keys"`
	Sessions int         `json:"sessions"` // signed in now
	Revision uint64      `json:"revision"`
}

// PublicKey is an SSH key that may sign in as an account.
type PublicKey struct {
	Fingerprint string    `json:"fingerprint"` // as OpenSSH prints it: SHA256:...
	Type        string    `json:"type"`        // "ssh-ed25519"
	Comment     string    `json:"comment"`
	Added       time.Time `json:"added"`
}

// AccountList is the table of accounts with what it was read at.
type AccountList struct {
	Accounts []Account `json:"accounts"`
	Revision uint64    `json:"revision"`
}

// CreateAccount is the input of making an account.
type CreateAccount struct {
	Name     string
	Role     Role
	Password string
}

// DeleteAccount is the input of deleting an account: its sessions are ended
// before the act returns.
type DeleteAccount struct {
	Name     string
	Revision uint64
}

// SetPassword is the input of setting the password of any account.
type SetPassword struct {
	Name     string
	Password string
}

// ChangePassword is the input of changing the actor's own password.
type ChangePassword struct {
	Current string
	New     string
}

// AddKey is the input of letting a public key sign in as an account.
type AddKey struct {
	Account string
	Line    string // as in authorized_keys, or the .pub file; without options
}

// DeleteKey is the input of withdrawing a public key: sessions that it signed
// in are ended before the act returns.
type DeleteKey struct {
	Account     string
	Fingerprint string
	Revision    uint64
}

// AccountChange is what came of a change of an account.
type AccountChange struct {
	Account Account `json:"account"`
	// Ended is how many sessions were ended: all that the change concerns but
	// the one that asked for it.
	Ended int `json:"ended_sessions"`
}
