package sessions_test

import (
	"sync/atomic"
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
	acts := func(id uint64) bool {
		did := false
		return table.While(id, func() { did = true }) && did
	}
	if !acts(own.ID) || acts(own.ID-1) || !acts(0) {
		t.Error("only those who were not ended act, and the console")
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

// TestNothingIsDoneAfterTheEnd ends a session that is acting.
func TestNothingIsDoneAfterTheEnd(t *testing.T) {
	table := sessions.NewTable()
	told := make(chan struct{})
	one, _ := table.Enter(sessions.Session{Account: "eve"}, func() { close(told) })
	acting, let := make(chan struct{}), make(chan struct{})
	var done atomic.Bool
	go table.While(one.ID, func() {
		close(acting)
		<-let
		done.Store(true)
	})
	<-acting
	ended := make(chan bool)
	go func() {
		table.End("eve", "", 0)
		ended <- done.Load()
	}()
	<-told
	close(let)
	if !<-ended {
		t.Error("End returned while the session was still acting")
	}
	if table.While(one.ID, func() { t.Error("the session acts after its end") }) {
		t.Error("the session seems to live")
	}
}

func TestUnfinishedSessionsEndUncounted(t *testing.T) {
	table := sessions.NewTable()
	ended := 0
	half, _ := table.Enter(sessions.Session{Account: "anna", Unfinished: true}, func() { ended++ })
	whole, _ := table.Enter(sessions.Session{Account: "anna"}, func() { ended++ })
	if list := table.List(); table.Count("anna") != 1 || len(list) != 1 || list[0].ID != whole.ID {
		t.Errorf("%d are counted, %+v are listed", table.Count("anna"), list)
	}
	if !table.While(half.ID, func() {}) {
		t.Error("who has to change the password cannot")
	}
	if n := table.End("anna", "", 0); n != 1 || ended != 2 || table.While(half.ID, func() {}) {
		t.Errorf("%d are said to have ended, %d have", n, ended)
	}
}
