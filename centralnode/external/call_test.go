package external_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vedette/centralnode/external"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

func TestConnectionCheckSaysWhatTheServerSees(t *testing.T) {
	w := open(t)
	pair := pkitest.Agent(t, "gateway of the post")
	w.accepted("gw", pair, acts.MailSensor)
	_, body, err := w.do(from(w.client(pair), "127.0.0.5"), http.MethodGet, connection("gw")+"?sensorName=Post", nil)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"sensorId": "gw", "state": "accepted", "type": "mail sensor", "name": "Post",
		"certificateFingerprint": pair.Fingerprint().String(), "serverCertificateFingerprint": w.server.Fingerprint().String(),
		"address": "127.0.0.5", "version": "1.2.3",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("answer %v, want %v", got, want)
	}
}

func TestCallsAreCountedAndTheLastAddressesKept(t *testing.T) {
	w := open(t)
	pair := pkitest.Agent(t, "cluster")
	who := w.accepted("c", pair, acts.OtherSystem)
	before := w.room.Look(who)
	for i := range 12 {
		w.now.advance(time.Second)
		if p := w.check(from(w.client(pair), fmt.Sprintf("127.0.1.%d", 1+i)), "c"); p.Code != "" {
			t.Fatal(p)
		}
	}
	w.check(from(w.client(pair), "127.0.1.9"), "c")
	look := w.room.Look(who)
	if look.Calls != before.Calls+13 || look.Refused != before.Refused || !look.Last.Equal(w.now.Now()) || len(look.Addresses) != 8 ||
		look.Addresses[0].String() != "127.0.1.9" || look.Addresses[1].String() != "127.0.1.12" || look.Addresses[7].String() != "127.0.1.5" {
		t.Errorf("noted %+v", look)
	}
}

func TestFailureIsAnsweredAndNoted(t *testing.T) {
	w := open(t)
	pair := pkitest.Agent(t, "x")
	who := w.accepted("x", pair, acts.OtherSystem)
	before := w.room.Look(who)
	w.fail = &problem.Problem{Title: "Too many objects", Status: http.StatusTooManyRequests, Code: problem.Busy, Detail: strings.Repeat("й", 1000), RetryAfter: time.Second}
	p, _, err := w.do(w.client(pair), http.MethodPost, scans("x"), strings.NewReader("x"))
	if err != nil || p.Code != problem.Busy || p.RetryAfter != time.Second {
		t.Fatalf("%+v, %v", p, err)
	}
	look := w.room.Look(who)
	if look.Refused != before.Refused+1 || look.Submitted != 0 || !strings.HasPrefix(look.LastError, "429 busy: й") || len(look.LastError) > 512 || !look.LastErrorAt.Equal(w.now.Now()) {
		t.Errorf("noted %+v", look)
	}
}

func TestWrongMethodReadsTheRightOnes(t *testing.T) {
	w := open(t)
	pair := pkitest.Agent(t, "x")
	who := w.accepted("x", pair, acts.OtherSystem)
	for path, allowed := range map[string]string{connection("x"): "GET, HEAD", scans("x"): "POST"} {
		req, err := http.NewRequest(http.MethodDelete, w.url(path), nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.client(pair).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		p, ok := problem.Read(r)
		_ = r.Body.Close()
		if !ok || r.StatusCode != http.StatusMethodNotAllowed || p.Code != problem.BadRequest || r.Header.Get("Allow") != allowed || !strings.Contains(p.Detail, allowed) {
			t.Errorf("%s: %s %+v, Allow %q", path, r.Status, p, r.Header.Get("Allow"))
		}
	}
	if look := w.room.Look(who); !strings.HasPrefix(look.LastError, "405 bad_request: ") {
		t.Errorf("noted %+v", look)
	}
	if r, err := w.client(pair).Head(w.url(connection("x"))); err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %v, %v", r, err)
	}
	// Any call asks, also one that nothing would serve.
	if p, _, err := w.do(w.client(pkitest.Agent(t, "y")), http.MethodDelete, connection("y"), nil); err != nil || p.Code != problem.Pending {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestRestartRemembersRequestsAndCalls(t *testing.T) {
	w := open(t)
	accepted, pending, rejected := pkitest.Agent(t, "a"), pkitest.Agent(t, "p"), pkitest.Agent(t, "r")
	who := w.accepted("a", accepted, acts.MailSensor)
	if code, err := w.submit(from(w.client(accepted), "127.0.0.9"), "a"); err != nil || code != "" {
		t.Fatal(code, err)
	}
	w.check(w.client(pending), "p")
	w.check(w.client(pending), "a") // another certificate of a known ID
	w.check(w.client(rejected), "r")
	w.decide(trust.System{ID: "r", Leaf: rejected.Fingerprint()}, trust.Rejected, "")
	before := w.room.Look(who)
	w.stop()
	w.start()
	after := w.room.Look(who)
	after.Connections = before.Connections // those ended
	if fmt.Sprint(after) != fmt.Sprint(before) || before.Submitted != 1 || len(before.Addresses) != 2 {
		t.Errorf("remembered %+v, it was %+v", after, before)
	}
	if !w.room.MailSensor("a") {
		t.Error("the mail sensor is forgotten")
	}
	revision := w.revision()
	for _, x := range []struct {
		c    *http.Client
		id   string
		want problem.Code
	}{
		{w.client(accepted), "a", ""}, {w.client(pending), "p", problem.Pending}, {w.client(pending), "a", problem.CertificateChanged}, {w.client(rejected), "r", problem.Rejected},
	} {
		if p := w.check(x.c, x.id); p.Code != x.want {
			t.Errorf("%s reads %q, want %q", x.id, p.Code, x.want)
		}
	}
	if w.revision() != revision {
		t.Error("a call after the restart was written")
	}
}

func TestStateFileOfBeforeExternalSystemsOpens(t *testing.T) {
	w := open(t)
	w.stop() // nobody has asked, and nothing was set: there are no such keys
	w.start()
	if on, version, err := w.store.ScanPriority(t.Context()); on || version != 0 || err != nil {
		t.Errorf("the switch stands %v, set at %d, %v", on, version, err)
	}
	if p := w.check(w.client(pkitest.Agent(t, "x")), "x"); p.Code != problem.Pending {
		t.Errorf("%+v", p)
	}
}

func TestContactsAreCheckpointedOnceAMinuteOffTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gather(t, 1)
		if p := c.call("x", c.leaves[0], address(1)); p.Code != problem.Pending {
			t.Fatal(p)
		}
		watch := c.w.state.Watch(c.w.revision())
		defer watch.Close()
		contacts := func() []store.SystemContact {
			t.Helper()
			all, err := c.w.store.SystemContacts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.room.Run(ctx) }()
		synctest.Wait()
		if n := len(contacts()); n != 0 {
			t.Errorf("%d contacts before the first minute", n)
		}
		<-time.After(61 * time.Second)
		synctest.Wait()
		first := contacts()
		if len(first) != 1 || first[0].Calls != 1 || first[0].ID != "x" {
			t.Errorf("after a minute %+v", first)
		}
		revision := c.w.revision()
		<-time.After(10 * time.Minute)
		synctest.Wait()
		if c.w.revision() != revision {
			t.Error("what has not changed was written again")
		}
		c.call("x", c.leaves[0], address(1))
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if last := contacts(); len(last) != 1 || last[0].Calls != 2 {
			t.Errorf("at the end %+v", last)
		}
		soon, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if changes, _, err := watch.Next(soon); err == nil {
			t.Errorf("the watch shows %+v", changes)
		}
	})
}

func TestFullDiskIsSaidAndTriedAgain(t *testing.T) {
	c := gather(t, 1)
	broken := &brokenTrail{crowd: c}
	// This room takes the place of the crowd's own.
	if _, err := external.New(t.Context(), external.Config{Door: broken, Store: c.w.store, Trail: c.w.trail, Logger: discard(), Now: c.w.now.Now}); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if p := c.call("x", c.leaves[0], address(1)); p.Status != http.StatusServiceUnavailable || p.Code != problem.StorageFull || p.RetryAfter == 0 {
			t.Fatalf("%+v", p)
		}
	}
	if broken.changes != 1 {
		t.Errorf("the disk was tried %d times within two seconds", broken.changes)
	}
	broken.works = true
	c.w.now.advance(3 * time.Second)
	if p := c.call("x", c.leaves[0], address(1)); p.Code != problem.Pending {
		t.Fatalf("%+v", p)
	}
}
