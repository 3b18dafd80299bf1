package sessions_test

import (
	"testing"

	"vedette/internal/sessions"
)

func TestEndReachesExactlyTheWithdrawnSessions(t *testing.T) {
	table := sessions.NewTable()
	ended := map[string]bool{}
	enter := func(name, account, key string) (sessions.Session, func()) {
		return table.Enter(sessions.Session{Account: account, Key: key}, func() { ended[name] = true })
	}
	enter("password", "admin", "")
	enter("key", "admin", "SHA256:a")
	own, leaveOwn := enter("own", "admin", "SHA256:a")
	enter("other key", "admin", "SHA256:b")
	enter("other account", "bob", "SHA256:a")
	if n := table.End("admin", "SHA256:a", own.ID); n != 1 || !ended["key"] || len(ended) != 1 {
		t.Fatalf("a key was withdrawn: %d ended, %v", n, ended)
	}
	if n := table.End("admin", "", own.ID); n != 2 || !ended["password"] || !ended["other key"] || len(ended) != 3 {
		t.Fatalf("a password was changed: %d ended, %v", n, ended)
	}
	if !table.Live(own.ID) || table.Live(own.ID-1) || table.Live(0) {
		t.Error("only those who were not ended are live")
	}
	if table.Count("admin") != 1 || table.Count("bob") != 1 || len(table.List()) != 2 {
		t.Errorf("left are %+v", table.List())
	}
	leaveOwn()
	if n := table.End("admin", "", 0); n != 0 {
		t.Errorf("%d sessions of those that had left were ended", n)
	}
	again, _ := enter("again", "admin", "")
	if list := table.List(); again.ID == own.ID || list[len(list)-1].ID != again.ID {
		t.Errorf("a session has another's number, or the order is wrong: %+v", list)
	}
}
