package websession_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vedette/centralnode/web/websession"
	"vedette/internal/acts"
	"vedette/internal/sessions"
)

const (
	idle     = 30 * time.Minute
	lifetime = 12 * time.Hour
)

func store(t *testing.T) (*websession.Store, *sessions.Table) {
	t.Helper()
	table := sessions.NewTable()
	return websession.NewStore(websession.Config{Table: table, Idle: idle, Lifetime: lifetime, Now: time.Now}), table
}

func actor(name string) acts.Actor {
	return acts.Actor{Account: name, Role: acts.Administrator, Face: acts.FaceWeb, From: "192.0.2.1"}
}

func ended(s *websession.Session) bool {
	select {
	case <-s.Ended():
		return true
	default:
		return false
	}
}

func TestACookieFindsItsSessionOnly(t *testing.T) {
	st, table := store(t)
	a, cookie := st.Begin(actor("anna"), websession.SignedIn)
	b, other := st.Begin(actor("ben"), websession.AwaitsCode)
	if cookie == other || len(cookie) != 43 || a.Actor().Session == 0 || a.Actor().Session == b.Actor().Session {
		t.Fatalf("cookies %q and %q, sessions %d and %d", cookie, other, a.Actor().Session, b.Actor().Session)
	}
	if found, ok := st.Find(cookie, true); !ok || found != a || found.Stage() != websession.SignedIn {
		t.Errorf("found %v", found)
	}
	last := byte('A')
	if cookie[42] == last {
		last = 'E'
	}
	for _, wrong := range []string{"", cookie[:42], cookie + "A", cookie + "=", strings.ToUpper(cookie), " " + cookie, cookie[:42] + string(last), strings.Repeat("A", 43), strings.Repeat("A", 1<<16)} {
		if s, ok := st.Find(wrong, true); ok && s == a {
			t.Errorf("%q finds a session", wrong)
		}
	}
	st.End(a)
	if _, ok := st.Find(cookie, true); ok || !ended(a) || ended(b) || table.Count("anna") != 0 || len(table.List()) != 0 {
		t.Errorf("ended %v and %v; on the table are %+v", ended(a), ended(b), table.List())
	}
	st.End(a) // again does nothing
	st.Close()
	if !ended(b) || len(table.List()) != 0 {
		t.Error("a session outlives the store")
	}
}

func TestOnlyAPersonKeepsASessionAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, table := store(t)
		s, cookie := st.Begin(actor("anna"), websession.SignedIn)
		wait(idle - time.Second)
		if _, ok := st.Find(cookie, true); !ok {
			t.Fatal("it ended before its time")
		}
		wait(idle - time.Second)
		if _, ok := st.Find(cookie, false); !ok {
			t.Fatal("what a person does counts for nothing")
		}
		st.Sweep()
		if ended(s) {
			t.Fatal("it was swept away before its time")
		}
		wait(2 * time.Second)
		st.Sweep()
		if _, ok := st.Find(cookie, true); ok || !ended(s) || table.Count("anna") != 0 {
			t.Error("what a script does keeps a session alive")
		}
	})
}

// wait passes the time of a bubble.
func wait(d time.Duration) { <-time.After(d) }

func TestTimeEndsASession(t *testing.T) {
	for name, c := range map[string]struct {
		stage  websession.Stage
		used   bool // all the time
		retire bool
		lasts  time.Duration
	}{
		"without a request":     {websession.SignedIn, false, false, idle},
		"however it is used":    {websession.SignedIn, true, false, lifetime},
		"without the code":      {websession.AwaitsCode, true, false, 10 * time.Minute},
		"without a password":    {websession.MustChangePassword, true, false, 10 * time.Minute},
		"whose stage is over":   {websession.AwaitsCode, true, true, 10 * time.Second},
		"that was never looked": {websession.AwaitsCode, false, true, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st, _ := store(t)
				s, cookie := st.Begin(actor("anna"), c.stage)
				if c.retire {
					st.Retire(s)
				}
				began := time.Now()
				for !ended(s) && time.Since(began) < 24*time.Hour {
					wait(time.Second)
					st.Sweep()
					if c.used && time.Since(began)%time.Minute == 0 {
						st.Find(cookie, true)
					}
				}
				if lasted := time.Since(began); lasted != c.lasts+time.Second {
					t.Errorf("it lasted %s, want %s and the second of the sweep", lasted, c.lasts)
				}
			})
		})
	}
}

// TestFindEndsWhatSweepHasNotSeen is for the moment between two sweeps.
func TestFindEndsWhatSweepHasNotSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, _ := store(t)
		s, cookie := st.Begin(actor("anna"), websession.SignedIn)
		wait(idle + time.Nanosecond)
		if _, ok := st.Find(cookie, true); ok || !ended(s) {
			t.Error("a session that has had its time is found")
		}
	})
}

func TestAWithdrawalEndsSessionsOfTheAccount(t *testing.T) {
	st, table := store(t)
	changing, _ := st.Begin(actor("anna"), websession.MustChangePassword)
	other, cookie := st.Begin(actor("anna"), websession.SignedIn)
	ben, _ := st.Begin(actor("ben"), websession.SignedIn)
	if n := table.End("anna", "", changing.Actor().Session); n != 1 || !ended(other) || ended(changing) || ended(ben) {
		t.Errorf("%d ended: other %v, the one that asked %v, somebody else's %v", n, ended(other), ended(changing), ended(ben))
	}
	if _, ok := st.Find(cookie, true); ok {
		t.Error("a withdrawn session is found")
	}
	if table.While(other.Actor().Session, func() {}) {
		t.Error("a withdrawn session acts")
	}
	if n := table.End("anna", "", 0); n != 0 || !ended(changing) || ended(ben) {
		t.Errorf("%d ended", n)
	}
}

// TestAWithdrawalAtTheMomentOfTheBeginning races the two.
func TestAWithdrawalAtTheMomentOfTheBeginning(t *testing.T) {
	st, table := store(t)
	for range 2000 {
		var wait sync.WaitGroup
		var s *websession.Session
		var cookie string
		wait.Go(func() { s, cookie = st.Begin(actor("anna"), websession.SignedIn) })
		wait.Go(func() { table.End("anna", "", 0) })
		wait.Wait()
		_, found := st.Find(cookie, true)
		onTable := table.Count("anna") == 1
		if found != onTable || found == ended(s) {
			t.Fatalf("found %v, on the table %v, ended %v", found, onTable, ended(s))
		}
		st.End(s)
	}
}

func TestTheOldestSessionMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, table := store(t)
		first, _ := st.Begin(actor("anna"), websession.SignedIn)
		wait(time.Second)
		second, cookie := st.Begin(actor("anna"), websession.SignedIn)
		ben, _ := st.Begin(actor("ben"), websession.SignedIn)
		wait(time.Second)
		for range 62 {
			st.Begin(actor("anna"), websession.SignedIn)
		}
		if ended(first) {
			t.Fatal("there is room for 64 of an account")
		}
		// Who knows the password alone, and tries, ends nobody's session.
		var half []*websession.Session
		for range 40 {
			s, _ := st.Begin(actor("anna"), websession.AwaitsCode)
			half = append(half, s)
			wait(time.Millisecond)
		}
		if ended(first) || ended(half[39]) || !ended(half[0]) {
			t.Error("those who have come half way have places of their own")
		}
		st.Begin(actor("anna"), websession.SignedIn)
		if !ended(first) || ended(second) || ended(ben) {
			t.Errorf("ended: first %v, second %v, somebody else's %v", ended(first), ended(second), ended(ben))
		}
		st.Find(cookie, true)
		wait(time.Second)
		for n := range 2000 {
			st.Begin(actor(fmt.Sprint("account-", n)), websession.SignedIn)
		}
		if n := len(table.List()); n != 1024 {
			t.Errorf("%d sessions at once", n)
		}
	})
}
