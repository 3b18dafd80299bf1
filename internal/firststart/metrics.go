package firststart

import (
	"vedette/internal/accounts"
	"vedette/internal/health"
)

// Families are the metrics of what every daemon has.
func (b *Base) Families() []health.Family {
	return []health.Family{{
		Name: "sign_in_attempts_total", Help: "Passwords and codes of second factors that were given since the start, by result: right, wrong, or delayed after too many wrong ones.",
		Labels: []string{"secret", "result"}, Counter: true, Read: func(give func(value float64, labels ...string)) {
			passwords, codes := b.Accounts.Attempts()
			for secret, a := range map[string]accounts.Attempts{"password": passwords, "code": codes} {
				give(float64(a.Right), secret, "right")
				give(float64(a.Wrong), secret, "wrong")
				give(float64(a.Delayed), secret, "delayed")
			}
		},
	}}
}
