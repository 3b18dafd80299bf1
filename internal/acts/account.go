package acts

import (
	"log/slog"
	"time"
)

// Account is who may sign in. Its password is in no answer.
type Account struct {
	Name     string      `json:"name"`
	Role     Role        `json:"role"`
	Created  time.Time   `json:"created"`
	Changed  time.Time   `json:"password_changed"`
	Keys     []PublicKey `json:"public_keys"`
	Sessions int         `json:"sessions"` // signed in now
	Revision uint64      `json:"revision"`
	// MustChange says that somebody else knows the password.
	MustChange bool `json:"must_change_password"`
	// Disabled accounts sign in by nothing, and keep what they have.
	Disabled bool `json:"disabled"`
	// SecondFactor says that a code is asked for after the password.
	SecondFactor bool `json:"second_factor"`
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

// SetRole is the input of giving an account another role: its sessions are ended
// before the act returns.
type SetRole struct {
	Name     string
	Role     Role
	Revision uint64
}

// DisableAccount is the input of letting an account sign in no longer, without
// deleting it: its sessions are ended before the act returns.
type DisableAccount struct {
	Name     string
	Revision uint64
}

// EnableAccount is the input of letting a disabled account sign in again.
type EnableAccount struct {
	Name     string
	Revision uint64
}

// RemoveSecondFactor is the input of switching off the second factor of
// somebody who lost it: his sessions are ended before the act returns.
type RemoveSecondFactor struct {
	Name     string
	Revision uint64
}

// BeginSecondFactor is the input of making the actor's own second factor.
type BeginSecondFactor struct {
	Current string // password
}

// SecondFactorOffer is a second factor that is not switched on yet. It is shown
// to the person who made it, until a code proves that he has it.
type SecondFactorOffer struct {
	Secret string    // base32, as it is typed into an app
	URI    string    // otpauth://, as a QR code holds it
	Until  time.Time // when it is forgotten
}

// String keeps the secret out of logs.
func (SecondFactorOffer) String() string { return "second factor (not shown)" }

// GoString keeps the secret out of logs.
func (o SecondFactorOffer) GoString() string { return o.String() }

// LogValue keeps the secret out of logs.
func (o SecondFactorOffer) LogValue() slog.Value { return slog.StringValue(o.String()) }

// ConfirmSecondFactor is the input of switching on what was begun: the actor's
// other sessions are ended before the act returns.
type ConfirmSecondFactor struct {
	Code string // that the app shows now
}

// EndSecondFactor is the input of switching off the actor's own second factor:
// his other sessions are ended before the act returns.
type EndSecondFactor struct {
	Current string // password
}

// SetPassword is the input of setting the password of any account.
type SetPassword struct {
	Name     string
	Password string
}

// ResetPassword is the input of setting a password while the daemon is down.
type ResetPassword struct {
	Name     string
	Password string // empty: one is made
	// RemoveSecondFactor helps whoever lost it as well.
	RemoveSecondFactor bool
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

// AccountSession is one of the actor's own sessions.
type AccountSession struct {
	From  string    // address
	Key   string    // fingerprint of the SSH key that it was signed in with; empty: a password
	Since time.Time // when it began
	Here  bool      // it is the one that asks
}

// AccountChange is what came of a change of an account.
type AccountChange struct {
	Account Account `json:"account"`
	// Ended is how many sessions were ended: all that the change concerns but
	// the one that asked for it.
	Ended int `json:"ended_sessions"`
}
