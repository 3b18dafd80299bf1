package collect

import (
	"os/user"
	"strconv"
	"time"
)

const (
	maxUsers    = 4096
	userKeepFor = 10 * time.Minute
)

// users remembers names of user ids for a while.
type users struct {
	now   func() time.Time
	names map[uint32]userName
}

type userName struct {
	name  string
	until time.Time
}

func newUsers(now func() time.Time) *users {
	return &users{now: now, names: make(map[uint32]userName)}
}

// name is empty for an id without an account.
func (u *users) name(uid uint32) string {
	now := u.now()
	if n, ok := u.names[uid]; ok && now.Before(n.until) && n.until.Sub(now) <= userKeepFor {
		return n.name
	}
	if len(u.names) >= maxUsers {
		clear(u.names)
	}
	n := userName{until: now.Add(userKeepFor)}
	if account, err := user.LookupId(strconv.FormatUint(uint64(uid), 10)); err == nil {
		n.name = valid([]byte(account.Username))
	}
	u.names[uid] = n
	return n.name
}
