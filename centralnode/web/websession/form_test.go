package websession_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vedette/centralnode/web/websession"
)

func TestAFormIsTakenOnce(t *testing.T) {
	st, _ := store(t)
	s, _ := st.Begin(actor("anna"), websession.SignedIn)
	token := s.Token()
	var firsts atomic.Int32
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			sent, first, err := s.Send(token)
			if err != nil {
				t.Error(err)
				return
			}
			if first {
				firsts.Add(1)
				sent.Answer("done")
			}
			if sent.Wait() != "done" {
				t.Error("another answer")
			}
		})
	}
	wait.Wait()
	if firsts.Load() != 1 {
		t.Errorf("%d were the first", firsts.Load())
	}
	for _, same := range []string{token + "\n", "\r\n" + token, token[:10] + "\n" + token[10:]} { // what base64 passes over
		if _, first, _ := s.Send(same); first {
			t.Errorf("%q is another form", same)
		}
	}
}

func TestFormsOfOthersAreRefused(t *testing.T) {
	st, _ := store(t)
	s, _ := st.Begin(actor("anna"), websession.SignedIn)
	other, _ := st.Begin(actor("anna"), websession.SignedIn)
	token := s.Token()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	forged := func(at int) string {
		changed := append([]byte(nil), raw...)
		changed[at] ^= 1
		return base64.RawURLEncoding.EncodeToString(changed)
	}
	for name, token := range map[string]string{
		"none": "", "another session's": other.Token(), "with another time": forged(7), "with another number": forged(12), "with another proof": forged(55),
		"shortened": token[:len(token)-1], "with more": token + "A", "written otherwise": token + "=", "much": strings.Repeat("A", 1<<16), "no text": "\x00\xff",
	} {
		if _, first, err := s.Send(token); first || !errors.Is(err, websession.ErrForeignForm) {
			t.Errorf("%s: first %v, %v", name, first, err)
		}
	}
	if _, first, err := s.Send(token); !first || err != nil {
		t.Errorf("the form itself: first %v, %v", first, err)
	}
}

func TestOldFormsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, _ := store(t)
		s, _ := st.Begin(actor("anna"), websession.SignedIn)
		old := s.Token()
		wait(12*time.Hour + time.Second)
		if _, _, err := s.Send(old); !errors.Is(err, websession.ErrOldForm) {
			t.Errorf("a form of yesterday: %v", err)
		}
		// What was sent is not remembered for ever: what could have been sent then
		// is refused.
		sent, unsent := s.Token(), s.Token()
		wait(time.Second)
		if _, first, err := s.Send(sent); !first || err != nil {
			t.Fatalf("first %v, %v", first, err)
		}
		for range 256 {
			if _, first, err := s.Send(s.Token()); !first || err != nil {
				t.Fatalf("first %v, %v", first, err)
			}
		}
		for name, token := range map[string]string{"sent": sent, "not sent": unsent} {
			if _, first, err := s.Send(token); first || !errors.Is(err, websession.ErrOldForm) {
				t.Errorf("a form from before, %s: first %v, %v", name, first, err)
			}
		}
		if _, first, err := s.Send(s.Token()); !first || err != nil {
			t.Errorf("a form of now: first %v, %v", first, err)
		}
	})
}

func FuzzSend(f *testing.F) {
	table := websession.NewStore(websession.Config{Table: newTable(), Idle: idle, Lifetime: lifetime, Now: time.Now})
	s, _ := table.Begin(actor("anna"), websession.SignedIn)
	other, _ := table.Begin(actor("anna"), websession.SignedIn)
	f.Add("")
	f.Add(other.Token())
	f.Fuzz(func(t *testing.T, token string) {
		if _, first, err := s.Send(token); first || err == nil {
			t.Errorf("%q is taken", token)
		}
	})
}
