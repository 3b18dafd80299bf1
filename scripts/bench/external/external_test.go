package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vedette/pki"
	"vedette/scripts/bench/load"
	"vedette/scripts/bench/report"
)

// listen serves h with a certificate and returns what callers need.
func listen(t *testing.T, h http.HandlerFunc) (door, *system) {
	t.Helper()
	server, err := pki.GenerateServer(pki.ServerOptions{Names: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	client, err := pki.GenerateAgent(pki.AgentOptions{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener = tls.NewListener(s.Listener, pki.ServerConfig(pki.NewHolder(server)))
	s.Start()
	t.Cleanup(s.Close)
	return door{address: s.Listener.Addr().String(), pin: server.Fingerprint()}, &system{"a", client}
}

func connect(t *testing.T, d door, s *system) *caller {
	t.Helper()
	c, err := d.call(t.Context(), s, ordinary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.drop)
	return c
}

func TestSubmitSendsTheDocumentedForm(t *testing.T) {
	var got []string
	d, s := listen(t, func(w http.ResponseWriter, r *http.Request) {
		file, head, err := r.FormFile("content")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		raw, err := io.ReadAll(file)
		if rest, _ := io.Copy(io.Discard, r.Body); err != nil || rest != 0 {
			t.Errorf("%d bytes behind the form: %v", rest, err)
		}
		got = append(got, fmt.Sprint(r.Method, r.URL, r.FormValue("scanId"), r.FormValue("objectType"), head.Filename, len(raw), strings.TrimSpace(string(raw[:64]))))
		_, _ = io.WriteString(w, "OK")
	})
	c := connect(t, d, s)
	for _, o := range []object{{"1", "", 64}, {"2", "i", 1 << 10}, {"3", "", chunk}, {"4", "i", 3*chunk + 5}} {
		if err := c.submit(o); err != nil {
			t.Fatal(o, err)
		}
	}
	want := []string{
		"POST/kata/scanner/v1/sensors/a/scans1fileobject.bin64/1",
		"POST/kata/scanner/v1/sensors/a/scans?sensorInstanceId=i2fileobject.bin1024i/2",
		"POST/kata/scanner/v1/sensors/a/scans3fileobject.bin65536/3",
		"POST/kata/scanner/v1/sensors/a/scans?sensorInstanceId=i4fileobject.bin196613i/4",
	}
	for i := range want {
		if i >= len(got) || strings.ReplaceAll(got[i], " ", "") != want[i] {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestPutSendsTheObjectAlone(t *testing.T) {
	var got string
	d, s := listen(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		got = fmt.Sprint(r.Method, r.URL, len(raw))
		w.WriteHeader(http.StatusCreated)
	})
	d.dav = true
	c := connect(t, d, s)
	for size, want := range map[int64]string{64: "PUT/a/x 64", 1000: "PUT/a/x 1000", 5*chunk + 1: "PUT/a/x 327681"} {
		if err := c.submit(object{scanID: "x", size: size}); err != nil || got != want {
			t.Fatalf("%q, want %q: %v", got, want, err)
		}
	}
}

func TestAnAnswerThatIsNoOKIsAnError(t *testing.T) {
	d, s := listen(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Retry-After", "7")
		http.Error(w, "later", http.StatusTooManyRequests)
	})
	err := connect(t, d, s).submit(object{scanID: "x", size: 64})
	var r *refused
	if !errors.As(err, &r) || r.status != http.StatusTooManyRequests || r.retryAfter != 7*time.Second {
		t.Fatal(err)
	}
	d, s = listen(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	if err := connect(t, d, s).submit(object{scanID: "x", size: 64}); err == nil {
		t.Fatal("204 counts as OK")
	}
}

func TestThePlainStoreKeepsTheObject(t *testing.T) {
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	text := "--b\r\nContent-Disposition: form-data; name=\"scanId\"\r\n\r\n../1\r\n--b\r\nContent-Disposition: form-data; name=\"content\"; filename=\"x\"\r\n\r\nwhole\r\n--b--\r\n"
	post := func(body string) error {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		return store(r, folder)
	}
	if err := post(text); err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(filepath.Join(folder.Name(), "1")); err != nil || string(raw) != "whole" {
		t.Fatalf("%q %v", raw, err)
	}
	if err := post(text[:len(text)-12]); err == nil {
		t.Fatal("half an object was kept")
	}
	if have, err := os.ReadDir(folder.Name()); err != nil || len(have) != 1 {
		t.Fatalf("%v %v", have, err)
	}
}

func TestPacedCountsFromWhenSomethingWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took, err := paced(t.Context(), time.Second, 10*time.Second, func(i int) error {
			if i == 2 {
				return load.Pause(t.Context(), 3500*time.Millisecond)
			}
			return nil
		})
		if err != nil || len(took) != 10 {
			t.Fatalf("%d doings, %v", len(took), err)
		}
		for i, want := range []time.Duration{0, 0, 3500, 2500, 1500, 500, 0, 0, 0, 0} {
			if took[i] != want*time.Millisecond {
				t.Fatalf("%d: %s in %s", i, took[i], took)
			}
		}
		broken := errors.New("broken")
		if _, err := paced(t.Context(), time.Second, 10*time.Second, func(int) error { return broken }); !errors.Is(err, broken) {
			t.Fatal(err)
		}
	})
}

func TestNoTwoMetricsOfAMeasureHaveOneKey(t *testing.T) {
	for _, m := range measures() {
		what, rounds := m.what(options{Choice: report.Choice{Rounds: 3, Subjects: stores}, size: 1})
		if rounds < 1 || len(what.Subjects) == 0 {
			t.Errorf("%s: %d rounds of %v", what.Name, rounds, what.Subjects)
		}
		seen := make(map[string]bool)
		for _, t2 := range what.Metrics {
			if seen[t2.Key] {
				t.Errorf("%s has %s twice", what.Name, t2.Key)
			}
			seen[t2.Key] = true
		}
	}
	seen := make(map[string]bool)
	for _, p := range plays() {
		if seen[p.name] || p.players < 1 || p.systems < 1 || p.first+p.systems > systemCount || p.do == nil {
			t.Errorf("%+v", p)
		}
		seen[p.name] = true
	}
	for _, l := range verdictLoads {
		if l.play != "" && !seen[l.play] {
			t.Errorf("there is no play %s", l.play)
		}
	}
	for _, f := range floods {
		if !seen[f.play] {
			t.Errorf("there is no play %s", f.play)
		}
	}
}

func TestPlayersGoOnAfterRefusals(t *testing.T) {
	dir := t.TempDir()
	certs, err := makeCertificates(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	calls := make(chan string, 20)
	d, _ := listen(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case calls <- r.URL.Path:
		default:
			stop()
		}
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusBadRequest)
	})
	p := play{name: "test", players: 3, first: 1, systems: 2, do: (*player).submit}
	if err := p.run(ctx, d, dir); err != nil {
		t.Fatal(err)
	}
	from := make(map[string]int)
	for range cap(calls) {
		select {
		case path := <-calls:
			from[path]++
		default:
			t.Fatalf("the players gave up: %v", from)
		}
	}
	if from["/kata/scanner/v1/sensors/"+certs.systems[1].id+"/scans"] == 0 || from["/kata/scanner/v1/sensors/"+certs.systems[2].id+"/scans"] == 0 || len(from) != 2 {
		t.Fatal(from)
	}
}
