package response_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/centralnode/agents"
	"vedette/centralnode/store"
	"vedette/proto/problem"
)

const (
	hostOne = "00112233445566778899aabbccddeeff"
	asUUID  = "00112233-4455-6677-8899-AABBCCDDEEFF"
	hostTwo = "ffeeddccbbaa99887766554433221100"
)

// twoHosts are a host that told everything and one that told nothing.
func twoHosts() []agents.Host {
	seen := time.Date(2026, 11, 22, 8, 0, 0, 123456789, time.FixedZone("", 3600))
	return []agents.Host{
		{Host: store.Host{
			AgentID: hostOne, Name: "Host4", Addresses: []string{"127.0.0.1", "fe80::1", "10.16.40.243", "2001:db8::7"}, Remote: "192.0.2.1",
			OSFamily: "linux", OSName: "Debian\x1b[2J GNU/Linux", AgentVersion: "0.5.0", Last: seen,
		}},
		{Host: store.Host{AgentID: hostTwo, Remote: "192.0.2.1", Last: seen}},
	}
}

func TestHostsAreListedAsDocumented(t *testing.T) {
	w := open(t, twoHosts)
	res, text := w.call(t, w.client, http.MethodGet, "sensors", "")
	want := `{"server":{"version":"1.2.3"},"sensors":[` +
		`{"sensorId":"00112233445566778899aabbccddeeff","hostIp":"10.16.40.243","host":"Host4","lastAccessTimestamp":"2026-11-22T07:00:00Z","version":"0.5.0","selfDefenseState":false,"osFamily":"linux","osName":"Debian\\u{1b}[2J GNU/Linux","capabilities":[]},` +
		`{"sensorId":"ffeeddccbbaa99887766554433221100","hostIp":"192.0.2.1","lastAccessTimestamp":"2026-11-22T07:00:00Z","selfDefenseState":false,"capabilities":[]}]}`
	if res.StatusCode != http.StatusOK || text != want {
		t.Errorf("%s\n%s\nwant\n%s", res.Status, text, want)
	}
	if h := res.Header; h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", h)
	}
}

func TestHostsAreFiltered(t *testing.T) {
	w := open(t, twoHosts)
	for query, want := range map[string][]string{
		"":                                  {hostOne, hostTwo},
		"ip=&host=&sensor_id=":              {hostOne, hostTwo},
		"host=Host4":                        {hostOne},
		"host=host4":                        {}, // case counts, as documented
		"host=Host":                         {},
		"ip=10.16.40.243":                   {hostOne},
		"ip=::ffff:10.16.40.243":            {hostOne},
		"ip=2001:DB8:0::7":                  {hostOne},
		"ip=192.0.2.1":                      {hostOne, hostTwo},
		"ip=192.0.2.2":                      {},
		"sensor_id=" + hostTwo:              {hostTwo},
		"sensor_id=" + asUUID:               {hostOne},
		"sensor_id=nobody":                  {},
		"ip=192.0.2.1&sensor_id=" + hostTwo: {hostTwo},
		"ip=10.16.40.243&host=Host4&sensor_id=" + asUUID: {hostOne},
		"ip=10.16.40.243&sensor_id=" + hostTwo:           {},
	} {
		_, text := w.call(t, w.client, http.MethodGet, "sensors?"+query, "")
		var list struct {
			Sensors []struct{ SensorID string }
		}
		if err := json.Unmarshal([]byte(text), &list); err != nil || list.Sensors == nil {
			t.Fatalf("%s: %q: %v", query, text, err)
		}
		got := []string{}
		for _, s := range list.Sensors {
			got = append(got, s.SensorID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	for _, query := range []string{"ip=10.16.40", "ip=10.16.40.243,10.16.40.244", "host=a&host=b", "Host=a", "host=%zz"} {
		if p := w.refused(t, w.client, http.MethodGet, "sensors?"+query, ""); p.Code != problem.BadRequest || p.Status != http.StatusBadRequest || p.Detail == "" {
			t.Errorf("%s: %+v", query, p)
		}
	}
}

func TestCallsAtOnceAreBounded(t *testing.T) {
	held, release := make(chan struct{}, 100), make(chan struct{})
	w := open(t, func() []agents.Host {
		held <- struct{}{}
		<-release
		return twoHosts()
	})
	end := sync.OnceFunc(func() { close(release) })
	defer end()
	const perSystem = 4
	answers := make(chan string, perSystem)
	for range perSystem {
		go func() {
			res, err := w.plain.Get(w.base + "sensors")
			if err != nil {
				answers <- err.Error()
				return
			}
			res.Body.Close()
			answers <- res.Status
		}()
	}
	for range 2 { // as many look at the table at once
		<-held
	}
	deadline := time.After(20 * time.Second)
	for {
		// The others are on their way; a call that comes too early waits with them.
		p, ok := w.tryRefused(t)
		if ok {
			if p.Status != http.StatusTooManyRequests || p.Code != problem.Busy {
				t.Errorf("a call too many: %+v", p)
			}
			break
		}
		select {
		case <-deadline:
			t.Fatal("no bound is kept")
		default:
		}
	}
	end()
	for range perSystem {
		if s := <-answers; s != "200 OK" {
			t.Errorf("a call within the bounds: %s", s)
		}
	}
}

// tryRefused makes one short call; false when it was not refused at once.
func (w *world) tryRefused(t testing.TB) (p problem.Problem, ok bool) {
	client := *w.plain
	client.Timeout = 200 * time.Millisecond
	res, err := client.Get(w.base + "tasks/1")
	if err != nil {
		return p, false
	}
	defer res.Body.Close()
	read, ok := problem.Read(res)
	if !ok {
		t.Fatalf("%s without a problem", res.Status)
	}
	return *read, read.Code != problem.NotFound
}

func TestManyHostsAreListed(t *testing.T) {
	w := open(t, func() (all []agents.Host) {
		for i := range 15_000 {
			all = append(all, agents.Host{Host: store.Host{AgentID: fmt.Sprintf("%032x", i), Name: strings.Repeat("n", 60), Remote: "192.0.2.1"}})
		}
		return all
	})
	res, text := w.call(t, w.client, http.MethodGet, "sensors", "")
	var list struct{ Sensors []json.RawMessage }
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list.Sensors) != 15_000 || res.ContentLength != int64(len(text)) {
		t.Errorf("%d hosts in %d bytes, %v", len(list.Sensors), len(text), err)
	}
}
