package external_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"vedette/centralnode/external"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

func TestFirstCallMakesOneRequestHoweverManyServersCall(t *testing.T) {
	w := open(t)
	mail := pkitest.Agent(t, "mail gateway")
	var calling sync.WaitGroup
	for i := range 20 {
		c := from(w.client(mail), []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}[i%3])
		calling.Go(func() {
			// Whatever it asks for.
			p, _, err := w.do(c, http.MethodPost, scans("00505693b392"), strings.NewReader("object"))
			if err != nil || p.Code != problem.Pending || p.Status != http.StatusUnauthorized {
				t.Errorf("%+v, %v", p, err)
			}
			if !strings.Contains(p.Detail, mail.Fingerprint().String()) || !strings.Contains(p.Detail, "administrator") {
				t.Errorf("the answer %q does not say what happens next, or not which certificate it is about", p.Detail)
			}
		})
	}
	calling.Wait()
	kept, _, err := w.store.ExternalSystems(t.Context())
	if err != nil || len(kept) != 1 {
		t.Fatalf("%d requests, %v", len(kept), err)
	}
	v := kept[0]
	if v.ID != "00505693b392" || v.Fingerprint != mail.Fingerprint() || v.State != store.Pending || v.Type != acts.OtherSystem || v.Confirmed || v.Changed ||
		v.Name != "mail gateway" || v.Subject != "CN=mail gateway" || !v.NotAfter.Equal(mail.Leaf().NotAfter) || !v.Requested.Equal(w.now.Now()) {
		t.Errorf("the request is %+v", v)
	}
	records, err := w.trail.List(t.Context(), audit.Filter{})
	if err != nil || len(records) != 1 || records[0].Act != external.ActRequest || records[0].Account != v.System().Key() || records[0].Face != string(acts.FaceAPI) {
		t.Fatalf("records %+v, %v", records, err)
	}
	look := w.room.Look(v.System())
	if look.Calls != 20 || look.Refused != 20 || len(look.Addresses) != 3 || !strings.HasPrefix(look.LastError, "401 pending: ") || !look.Last.Equal(w.now.Now()) {
		t.Errorf("what was noted is %+v", look)
	}
}

func TestRepeatedCallsWriteNothing(t *testing.T) {
	w := open(t)
	pending, rejected, accepted := pkitest.Agent(t, "pending"), pkitest.Agent(t, "rejected"), pkitest.Agent(t, "accepted")
	w.accepted("c", accepted, acts.OtherSystem)
	w.check(w.client(rejected), "b")
	w.decide(trust.System{ID: "b", Leaf: rejected.Fingerprint()}, trust.Rejected, "")
	w.check(w.client(pending), "a")
	before := w.revision()
	for range 30 {
		w.now.advance(time.Second)
		for _, x := range []struct {
			c    *http.Client
			id   string
			code problem.Code
		}{{w.client(pending), "a", problem.Pending}, {w.client(rejected), "b", problem.Rejected}, {w.client(accepted), "c", ""}} {
			if p := w.check(x.c, x.id); p.Code != x.code {
				t.Fatalf("%s: %+v", x.id, p)
			}
		}
	}
	if after := w.revision(); after != before {
		t.Fatalf("the state file went from revision %d to %d", before, after)
	}
}

func TestDecisionForgetsTheErrorOfTheStateBefore(t *testing.T) {
	w := open(t)
	pair := pkitest.Agent(t, "gateway")
	who := trust.System{ID: "gw", Leaf: pair.Fingerprint()}
	w.check(w.client(pair), "gw")
	for _, c := range []struct {
		state trust.Request
		kind  acts.SystemType
		error string
	}{
		{trust.Rejected, "", "401 rejected: "}, {trust.Accepted, acts.MailSensor, "405 bad_request: "},
	} {
		if look := w.room.Look(who); look.LastError == "" {
			t.Fatalf("before: %+v", look)
		}
		w.decide(who, c.state, c.kind)
		if look := w.room.Look(who); look.LastError != "" || !look.LastErrorAt.IsZero() || look.Refused == 0 {
			t.Errorf("%v: %+v", c.state, look)
		}
		if p, _, err := w.do(w.client(pair), http.MethodPut, connection("gw"), nil); err != nil || p.Code == "" {
			t.Fatalf("%+v, %v", p, err)
		}
		if look := w.room.Look(who); !strings.HasPrefix(look.LastError, c.error) {
			t.Errorf("%v: %+v", c.state, look)
		}
	}
	w.decide(who, trust.Accepted, acts.OtherSystem) // only the type is corrected
	if look := w.room.Look(who); look.LastError == "" {
		t.Errorf("a new type forgot the error: %+v", look)
	}
}

func TestRandomIDsOfOneCallerMakeNoMoreThanItsShare(t *testing.T) {
	w := open(t)
	pair := pkitest.Agent(t, "flood")
	var codes sync.Map
	var calling sync.WaitGroup
	for worker := range 4 {
		calling.Go(func() {
			for i := range 30 {
				id := fmt.Sprintf("random-%d-%d", worker, i)
				codes.Store(id, w.check(w.client(pair), id))
			}
		})
	}
	calling.Wait()
	count := make(map[problem.Code]int)
	codes.Range(func(_, p any) bool { count[p.(problem.Problem).Code]++; return true })
	kept, _, err := w.store.ExternalSystems(t.Context())
	if err != nil || len(kept) != perAddress || count[problem.Pending] != perAddress || count[problem.CertificateUnknown] != 120-perAddress {
		t.Errorf("%d requests of 120 calls, %v; answers %v", len(kept), err, count)
	}
	// Another address asks all the same.
	if p := w.check(from(w.client(pkitest.Agent(t, "x")), "127.0.0.2"), "x"); p.Code != problem.Pending {
		t.Errorf("%+v", p)
	}
}

func TestNewCertificateOfAKnownIDIsANewRequestAndMarked(t *testing.T) {
	w := open(t)
	before, after := pkitest.Agent(t, "before"), pkitest.Agent(t, "after")
	first := w.accepted("gw", before, acts.MailSensor)
	p := w.check(w.client(after), "gw")
	if p.Code != problem.CertificateChanged || !strings.Contains(p.Detail, after.Fingerprint().String()) || strings.Contains(p.Detail, before.Fingerprint().String()) {
		t.Fatalf("the new certificate reads %+v", p)
	}
	// The one before is not touched, and is no reason to change its words.
	if p := w.check(w.client(before), "gw"); p.Code != "" {
		t.Fatalf("the accepted certificate reads %+v", p)
	}
	second := trust.System{ID: "gw", Leaf: after.Fingerprint()}
	kept, found, err := w.store.ExternalSystem(t.Context(), second)
	if err != nil || !found || !kept.Changed || kept.State != store.Pending {
		t.Fatalf("%+v, %v, %v", kept, found, err)
	}
	// It stays marked when the other one is gone; a Pending one is not marked by it.
	w.decide(first, trust.Unknown, "")
	if p := w.check(w.client(after), "gw"); p.Code != problem.CertificateChanged {
		t.Errorf("later %+v", p)
	}
	w.decide(second, trust.Accepted, acts.OtherSystem)
	if p := w.check(w.client(after), "gw"); p.Code != "" {
		t.Errorf("accepted: %+v", p)
	}
	if p := w.check(w.client(before), "gw"); p.Code != problem.CertificateChanged {
		t.Errorf("the certificate before asks as %+v", p)
	}
}

func TestRejectionAnswersForGoodAndADeletionForgets(t *testing.T) {
	w := open(t)
	pair := pkitest.Agent(t, "x")
	who := trust.System{ID: "x", Leaf: pair.Fingerprint()}
	w.check(w.client(pair), "x")
	w.decide(who, trust.Rejected, "")
	for range 3 {
		w.now.advance(24 * time.Hour)
		if p := w.check(w.client(pair), "x"); p.Code != problem.Rejected {
			t.Fatalf("%+v", p)
		}
	}
	w.decide(who, trust.Unknown, "")
	if look := w.room.Look(who); look.Calls != 0 || len(look.Addresses) != 0 {
		t.Errorf("of the deleted system is left %+v", look)
	}
	if p := w.check(w.client(pair), "x"); p.Code != problem.Pending {
		t.Fatalf("after the deletion %+v", p)
	}
	if look := w.room.Look(who); look.Calls != 1 {
		t.Errorf("the new request begins with %+v", look)
	}
}

func TestClaimsAreClaims(t *testing.T) {
	w := open(t)
	pair := pkitest.Agent(t, "certificate name")
	who := trust.System{ID: "gw", Leaf: pair.Fingerprint()}
	ask := func(query string) {
		t.Helper()
		if _, _, err := w.do(w.client(pair), http.MethodGet, connection("gw")+query, nil); err != nil {
			t.Fatal(err)
		}
	}
	ask("?sensorType=mail&sensorName=First")
	kept, _, err := w.store.ExternalSystem(t.Context(), who)
	if err != nil || kept.Type != acts.MailSensor || kept.Name != "First" || kept.Confirmed {
		t.Fatalf("%+v, %v", kept, err)
	}
	if w.room.MailSensor("gw") {
		t.Error("a claim makes a mail sensor")
	}
	ask("?sensorType=rubbish&sensorName=")
	ask("?sensorName=" + strings.Repeat("%D0%96", 2000))
	look := w.room.Look(who)
	if look.Type != acts.MailSensor || len(look.Name) > 256 || len(look.Name) < 200 || !utf8.ValidString(look.Name) {
		t.Errorf("now it claims to be %+v", look)
	}
	w.decide(who, trust.Accepted, acts.OtherSystem)
	ask("?sensorType=mail")
	if w.room.MailSensor("gw") {
		t.Error("a claim makes a mail sensor of what an administrator corrected")
	}
	w.decide(who, trust.Accepted, acts.MailSensor)
	if !w.room.MailSensor("gw") || w.room.MailSensor("GW") {
		t.Error("the confirmed mail sensor is none, or another one is")
	}
	w.decide(who, trust.Rejected, "")
	if w.room.MailSensor("gw") {
		t.Error("a rejected mail sensor still is one")
	}
}

func TestHostileTextsAreKeptBoundedAndShownClean(t *testing.T) {
	w := open(t)
	hostile := pkitest.PairFor(t, pkitest.ECDSAKey(t), pkitest.Hostile, func(c *x509.Certificate) {
		c.Subject.OrganizationalUnit = []string{strings.Repeat("u", 3000)}
	})
	who := trust.System{ID: "h", Leaf: hostile.Fingerprint()}
	w.check(w.client(hostile), "h")
	kept, _, err := w.store.ExternalSystem(t.Context(), who)
	if err != nil || kept.Name != pkitest.HostileName || len(kept.Subject) > 512 {
		t.Fatalf("%+v, %v", kept, err)
	}
	if title := external.Title(kept.Name); strings.ContainsAny(title, "\x1b\r\n\u202e") || len(title) > 64 {
		t.Errorf("shown as %q", title)
	}
	w.decide(who, trust.Accepted, acts.OtherSystem)
	_, body, err := w.do(w.client(hostile), http.MethodGet, connection("h"), nil)
	if err != nil || !json.Valid(body) || bytes.ContainsAny(body, "\x1b\r<") {
		t.Errorf("%s, %v", body, err)
	}
	for _, line := range strings.Split(strings.TrimSpace(w.logs.String()), "\n") {
		if !strings.HasPrefix(line, "time=") {
			t.Errorf("a forged log line: %s", line)
		}
	}
}

func TestUnfitCertificateIsToldWhatIsWrongAndAsksForNothing(t *testing.T) {
	w := open(t)
	before := w.revision()
	for name, x := range map[string]struct{ key, edit, says string }{
		"short": {key: "rsa1024", says: "1024 bits"},
		"curve": {key: "p224", says: "P-224"},
		"large": {key: "rsa2048", edit: "huge", says: "octets"},
	} {
		key := pkitest.Key(t, x.key)
		var edits []func(*x509.Certificate)
		if x.edit != "" {
			edits = append(edits, pkitest.Huge)
		}
		c := w.clientOf(&tls.Certificate{Certificate: [][]byte{pkitest.SelfSigned(t, key, edits...)}, PrivateKey: key})
		if x.key == "p224" {
			c.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS12 // TLS 1.3 has no such signature
		}
		for _, path := range []string{connection("x"), agentPath, openapiPath} {
			p, _, err := w.do(c, http.MethodGet, path, nil)
			if err != nil || p.Status != http.StatusUnauthorized || p.Code != problem.CertificateUnknown || !strings.Contains(p.Detail, x.says) {
				t.Errorf("%s at %s: %+v, %v", name, path, p, err)
			}
		}
	}
	// One that would cost too much to keep gets no further than the handshake.
	key := pkitest.ECDSAKey(t)
	monster := pkitest.SelfSigned(t, key, func(c *x509.Certificate) { c.Subject.Organization = []string{strings.Repeat("o", 40<<10)} })
	if p, _, err := w.do(w.clientOf(&tls.Certificate{Certificate: [][]byte{monster}, PrivateKey: key}), http.MethodGet, connection("x"), nil); err == nil {
		t.Errorf("a certificate of 40 KiB reads %+v", p)
	}
	if after := w.revision(); after != before {
		t.Errorf("%d changes were written", after-before)
	}
}
