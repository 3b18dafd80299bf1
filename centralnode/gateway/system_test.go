package gateway_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"vedette/centralnode/gateway"
	"vedette/centralnode/trust"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

const (
	systemPath      = "/kata/{system}/objects"
	descriptionPath = "/kata/openapi.yaml"
)

// systems is a door that external systems come to as well.
type systems struct {
	*door
	// taking, when set, is called while something of a system is being taken.
	taking func(id string)

	mu      sync.Mutex
	refused []string // IDs of the calls that refused was asked about
}

// openSystems opens a door and puts the handlers of external systems at it.
func openSystems(t *testing.T, limits gateway.Limits) *systems {
	t.Helper()
	s := &systems{}
	s.door = openWith(t, limits, func(d *door) {
		d.HandleSystem("POST "+systemPath, http.HandlerFunc(s.object), s.refuse)
		d.Handle(trust.Description, "GET "+descriptionPath, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "openapi") }))
	})
	return s
}

func (s *systems) object(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	a, err := s.Admit(r.Context(), trust.ExternalSystem)
	if err != nil {
		return
	}
	defer a.Release()
	if s.taking != nil {
		s.taking(r.PathValue("system"))
	}
	_, _ = io.WriteString(w, "taken")
}

func (s *systems) refuse(r *http.Request, c trust.Caller, id string, v trust.Verdict) *problem.Problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = append(s.refused, id)
	return problem.Refusal(v.Code)
}

func (s *systems) decide(state trust.Request, who ...trust.System) trust.Changed {
	s.t.Helper()
	done, err := s.Change(context.Background(), trust.Scope{Systems: who}, func() (*trust.Snapshot, error) {
		snapshot := s.Trust()
		for _, x := range who {
			snapshot = snapshot.WithSystem(x, state)
		}
		return snapshot.At(snapshot.Revision+1, false), nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return done
}

func (s *systems) send(c *http.Client, id string) (problem.Problem, error) {
	r, err := c.Post("https://"+s.Address().String()+strings.Replace(systemPath, "{system}", id, 1), "text/plain", strings.NewReader("object"))
	if err != nil {
		return problem.Problem{}, err
	}
	defer r.Body.Close()
	if p, ok := problem.Read(r); ok {
		return *p, nil
	}
	body, err := io.ReadAll(r.Body)
	if err == nil && string(body) != "taken" {
		err = errors.New(r.Status + " " + string(body))
	}
	return problem.Problem{}, err
}

func (s *systems) mustObject(c *http.Client, id string, want problem.Code) {
	s.t.Helper()
	if p, err := s.send(c, id); err != nil || p.Code != want {
		s.t.Fatalf("answer %+v, %v; want %q", p, err, want)
	}
}

func TestBadIDIsABadRequestBeforeAnythingElse(t *testing.T) {
	s := openSystems(t, gateway.Limits{})
	for _, id := range []string{"a%2Fb", "a%20b", "%00", "%D0%96", "a%0d%0aSet-Cookie:x", strings.Repeat("x", 129), "a,b"} {
		for _, who := range []*pki.Pair{nil, pkitest.Agent(t, "x")} {
			p, err := s.send(s.client(who), id)
			if err != nil || p.Status != http.StatusBadRequest || p.Code != problem.BadRequest || !strings.Contains(p.Detail, "128") {
				t.Errorf("%s: %+v, %v", id, p, err)
			}
		}
	}
	if len(s.refused) > 0 {
		t.Errorf("the room was asked about %q", s.refused)
	}
}

func TestRefusedSystemReadsWhatItsRoomSays(t *testing.T) {
	s := openSystems(t, gateway.Limits{})
	pair := pkitest.Agent(t, "x")
	s.mustObject(s.client(nil), "a", problem.NoCertificate)
	s.mustObject(s.client(pair), "b", problem.CertificateUnknown)
	who := trust.System{ID: "b", Leaf: pair.Fingerprint()}
	s.decide(trust.Rejected, who)
	s.mustObject(s.client(pair), "b", problem.Rejected)
	if !slices.Equal(s.refused, []string{"a", "b", "b"}) {
		t.Errorf("the room was asked about %q", s.refused)
	}
	if log := s.logs.String(); !strings.Contains(log, "system="+who.Key()) || !strings.Contains(log, "code=rejected") {
		t.Errorf("the log does not tell who was refused:\n%s", log)
	}
	s.decide(trust.Accepted, who)
	s.mustObject(s.client(pair), "b", "")
	s.mustObject(s.client(pair), "B", problem.CertificateUnknown)
}

func TestDecisionHoldsTheSystemsItNamesAndNoOthers(t *testing.T) {
	s := openSystems(t, gateway.Limits{})
	pair := pkitest.Agent(t, "x")
	one, two := trust.System{ID: "one", Leaf: pair.Fingerprint()}, trust.System{ID: "two", Leaf: pair.Fingerprint()}
	s.decide(trust.Accepted, one, two)
	taking, finish := make(chan struct{}), make(chan struct{})
	s.taking = func(id string) {
		if id == "one" {
			close(taking)
			<-finish
		}
	}
	answered := make(chan error, 1)
	go func() { _, err := s.send(s.client(pair), "one"); answered <- err }()
	<-taking
	// The same leaf under another ID is another system: it waits for nobody.
	if done := s.decide(trust.Accepted, two); done.Unfinished != 0 || done.Cut != 0 {
		t.Errorf("%+v", done)
	}
	decided := make(chan trust.Changed)
	go func() { decided <- s.decide(trust.Rejected, one) }()
	s.mustObject(s.client(pair), "two", "")
	select {
	case <-decided:
		t.Fatal("decided while something of the system was being taken")
	default:
	}
	close(finish)
	if done := <-decided; done.Unfinished != 0 || done.Cut > 1 {
		t.Errorf("%+v", done)
	}
	<-answered
}

func TestAffectedCountsByEveryEntrance(t *testing.T) {
	s := openSystems(t, gateway.Limits{})
	pair := pkitest.Agent(t, "x")
	one, two := trust.System{ID: "one", Leaf: pair.Fingerprint()}, trust.System{ID: "two", Leaf: pair.Fingerprint()}
	s.decide(trust.Accepted, one, two)
	s.validate(false)
	s.decide(trust.Accepted, one, two)
	agent, single, both := s.client(pair), s.client(pair), s.client(pair)
	s.mustPost(agent, "")
	s.mustObject(single, "one", "")
	s.mustObject(both, "one", "")
	s.mustObject(both, "two", "")
	s.mustPost(both, "")
	now := s.Trust()
	for name, x := range map[string]struct {
		then *trust.Snapshot
		want int
	}{
		"nothing changes":   {now, 0},
		"one is rejected":   {now.WithSystem(one, trust.Rejected), 2},
		"two is deleted":    {now.WithSystem(two, trust.Unknown), 1},
		"agents are judged": {now.WithValidation(true), 2},
		"all at once":       {now.WithValidation(true).WithSystem(one, trust.Pending), 3},
	} {
		if n := s.Affected(x.then); n != x.want {
			t.Errorf("%s: %d connections are affected, want %d", name, n, x.want)
		}
	}
	if s.ConnectedSystem(one) != 2 || s.ConnectedSystem(two) != 1 || s.Connected(pair.Fingerprint()) != 3 {
		t.Errorf("%d and %d connections of the systems, %d of the leaf", s.ConnectedSystem(one), s.ConnectedSystem(two), s.Connected(pair.Fingerprint()))
	}
}

func TestDescriptionTakesNobodysPlace(t *testing.T) {
	s := openSystems(t, gateway.Limits{Connections: 1, Strangers: 10, StrangersPerAddress: 10})
	pair := pkitest.Agent(t, "x")
	read := func(c *http.Client) (closes bool) {
		t.Helper()
		r, err := c.Get("https://" + s.Address().String() + descriptionPath)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != "openapi" {
			t.Fatalf("%s %q, %v", r.Status, body, err)
		}
		return r.Close
	}
	for range 20 {
		if !read(s.client(nil)) {
			t.Fatal("a stranger's connection is kept")
		}
	}
	if admitted, _ := s.Counts(); admitted != 0 {
		t.Errorf("%d strangers were let in", admitted)
	}
	s.decide(trust.Accepted, trust.System{ID: "a", Leaf: pair.Fingerprint()})
	c := s.client(pair)
	s.mustObject(c, "a", "")
	if read(c) {
		t.Error("the connection of a system was ended because it read the description")
	}
	s.mustObject(s.client(pair), "a", problem.Busy) // the one place is taken
}

func TestRoutesNameEveryDoor(t *testing.T) {
	s := openSystems(t, gateway.Limits{})
	want := []gateway.Route{{Door: trust.AgentService, Pattern: takePath}, {Door: trust.ExternalSystem, Pattern: "POST " + systemPath}, {Door: trust.Description, Pattern: "GET " + descriptionPath}}
	if got := s.Routes(); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestNobodyIsAdmittedAsASystemWithoutAnID(t *testing.T) {
	admitted := make(chan error, 1)
	d := openWith(t, gateway.Limits{}, func(d *door) {
		d.Handle(trust.AgentService, "/as-system", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := d.Admit(r.Context(), trust.ExternalSystem)
			admitted <- err
		}))
	})
	d.validate(false)
	pair := pkitest.Agent(t, "x")
	if r, err := d.client(pair).Get("https://" + d.Address().String() + "/as-system"); err == nil {
		_ = r.Body.Close()
		t.Errorf("answered %s", r.Status)
	}
	if err := <-admitted; !errors.Is(err, gateway.ErrCut) {
		t.Errorf("admitted with %v", err)
	}
}

func TestEveryOtherPathIsNobodysAndNobodyIsSentElsewhere(t *testing.T) {
	s := openSystems(t, gateway.Limits{})
	c := s.client(nil)
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range []string{
		"/", "", "//", "/kata//openapi.yaml", "/kata/./openapi.yaml", "/kata/x/../openapi.yaml", "/../kata/openapi.yaml", "/kata/openapi.yaml/", "/kata/openapi.yaml/.",
		"/KATA/openapi.yaml", "/kata/openapi.yaml%00", "/kata/%2e%2e/kata/openapi.yaml", "/kata/%2e%2e%2f/objects", "//kata/openapi.yaml", takePath + "/", "/kata", "/%6bata%2fopenapi.yaml",
	} {
		r, err := c.Get("https://" + s.Address().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		p, ok := problem.Read(r)
		_ = r.Body.Close()
		if !ok || p.Code != problem.NotFound || p.Status != http.StatusNotFound || !r.Close || r.Header.Get("Location") != "" {
			t.Errorf("%q: %s %+v", path, r.Status, p)
		}
	}
	if r, err := c.Get("https://" + s.Address().String() + "/%6bata/openapi.yaml"); err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("a path in another notation: %v, %v", r, err)
	}
}

func TestOneSystemCannotTakeAllConnections(t *testing.T) {
	s := openSystems(t, gateway.Limits{Connections: 8})
	one, other := pkitest.Pair(t, pki.KeyECDSAP256), pkitest.Agent(t, "other")
	s.decide(trust.Accepted, trust.System{ID: "one", Leaf: one.Fingerprint()}, trust.System{ID: "two", Leaf: other.Fingerprint()})
	kept := []*http.Client{s.client(one), s.client(one)}
	for _, c := range kept {
		s.mustObject(c, "one", "")
	}
	s.mustObject(s.client(one), "one", problem.Busy)
	s.mustObject(s.client(other), "two", "")
	// What is kept goes on, and a place that is given back is there again.
	s.mustObject(kept[0], "one", "")
	kept[1].CloseIdleConnections()
	eventually(t, "the place is free", func() bool { return s.ConnectedSystem(trust.System{ID: "one", Leaf: one.Fingerprint()}) == 1 })
	s.mustObject(s.client(one), "one", "")
}
