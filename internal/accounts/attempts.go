package accounts

// Attempts are how often secrets were given since the start, by what came of it.
// Right ones count too where the account did not need to be let in, as before a
// change of its password.
type Attempts struct{ Right, Wrong, Delayed uint64 }

// Attempts returns those of passwords, and those of a second factor's codes.
func (a *Accounts) Attempts() (passwords, codes Attempts) {
	return a.brake.counted(), a.codes.counted()
}

func (b *brake) counted() Attempts {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.attempts
}
