package scanner_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/alerts"
	"vedette/proto/problem"
)

func TestStatesAreSelectedByWord(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	s.taken("", object, part{"scanId", "", "clean"})
	s.taken("", wicked, part{"scanId", "", "found"})
	s.settled("")
	w.scanning.shut()
	s.taken("", object, part{"scanId", "", "late"})
	for query, want := range map[string]string{
		"":                             "clean found late",
		"?state=":                      "clean found late",
		"?state=detect":                "found",
		"?state=not%20detected":        "clean",
		"?state=not+detected":          "clean",
		"?state=processing":            "late",
		"?state=timeout,error":         "",
		"?state=detect,not%20detected": "clean found",
		"?state=detect%2Cnot%20detected%2Cprocessing": "clean found late",
		"?state=detect&state=processing":              "found late",
		"?sensorInstanceId=&state=detect,processing":  "found late",
	} {
		a := s.get("scans/state" + query)
		var got struct {
			Scans []struct{ ScanID, State string }
		}
		if want == "" {
			if a.status != 204 || a.body != "" || a.header.Get("Content-Type") != "" {
				t.Errorf("%s: %d %q", query, a.status, a.body)
			}
			continue
		}
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %q, %v", query, a.status, a.body, err)
		}
		var names []string
		for _, scan := range got.Scans {
			names = append(names, scan.ScanID)
		}
		if strings.Join(names, " ") != want {
			t.Errorf("%s: %q, want %q", query, names, want)
		}
	}
	for _, query := range []string{"?state=clean", "?state=Detect", "?state=detect,infected", "?state=detect,", "?state=detect,%20processing", "?State=detect", "?state=%zz", "?sensorInstanceId=%00"} {
		a := s.get("scans/state" + query)
		if a.status != 400 || a.problem.Code != problem.BadRequest {
			t.Errorf("%s: %d %v", query, a.status, a.problem)
		}
	}
	if a := s.get("scans/state?state=clean"); !strings.Contains(a.problem.Detail, "processing, detect, not detected, timeout, error") {
		t.Errorf("an unknown state: %v", a.problem)
	}
}

func TestSystemsSeeTheirOwnScansOnly(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	one, two := w.system("one"), w.system("two")
	one.taken("", object, part{"scanId", "", "1"})
	if a := two.get("scans/state"); a.status != 204 {
		t.Errorf("another system sees %s", a.body)
	}
	if a := two.call(http.MethodDelete, "scans/1"); a.status != 404 {
		t.Errorf("another system deletes: %d", a.status)
	}
	if got := one.settled(""); !strings.Contains(got, `"1"`) {
		t.Errorf("states %s", got)
	}
}

func TestFiltersTellTheLimits(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	if got := w.system("mail-1").get("scans/filters").body; got != `{"maxObjectSize":104857600,"version":"1.2.3"}`+"\n" {
		t.Errorf("filters %q", got)
	}
}

func TestResultsAreDeleted(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	deleted := func(path string, want int) {
		t.Helper()
		a := s.call(http.MethodDelete, path)
		if a.status != want || want == 200 && (a.body != "OK" || a.header.Get("Content-Type") != "text/plain") {
			t.Errorf("DELETE %s: %d %q %v, want %d", path, a.status, a.body, a.problem, want)
		}
	}
	for _, id := range []string{"1", "a:b@c+d=e", "state", "filters"} {
		s.taken("", object, part{"scanId", "", id})
	}
	deleted("scans/2", 404)
	deleted("scans/1", 200)
	deleted("scans/1", 404)
	deleted("scans/a%3Ab%40c%2Bd%3De", 200)
	deleted("scans/state", 200)
	deleted("scans/filters", 200)
	deleted("scans/a%2Fb", 404)
	deleted("scans/a%20b", 404)
	deleted("scans/1?sensorInstanceId=%0d%0a", 400)
	deleted("scans", 404)

	id := part{"scanId", "", "1"}
	s.taken("?sensorInstanceId=a", object, id)
	deleted("scans/1", 200) // the only one
	s.taken("?sensorInstanceId=a", object, id)
	s.taken("?sensorInstanceId=b", object, id)
	if a := s.call(http.MethodDelete, "scans/1"); a.status != 400 || !strings.Contains(a.problem.Detail, "sensorInstanceId") {
		t.Errorf("one of two: %d %v", a.status, a.problem)
	}
	s.taken("", object, id)
	deleted("scans/1", 200) // the one without an instance
	deleted("scans/1?sensorInstanceId=c", 404)
	deleted("scans/1?sensorInstanceId=a", 200)
	s.taken("?sensorInstanceId=c", object, id)
	deleted("scans?sensorInstanceId=b", 200)
	if got := s.settled(""); strings.Count(got, "scanId") != 1 {
		t.Errorf("left: %s", got)
	}
	s.taken("", object, id)
	deleted("scans", 200)
	if a := s.get("scans/state"); a.status != 204 {
		t.Errorf("left: %s", a.body)
	}
	if code := s.call(http.MethodDelete, "scans?sensorInstanceId=a&sensorInstanceId=b").status; code != 400 {
		t.Errorf("two instances: %d", code)
	}
}

func TestOtherMethodsAreToldWhichThereAre(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	for _, c := range []struct{ method, path, allow string }{
		{"PUT", "scans", "DELETE, POST"},
		{"GET", "scans", "DELETE, POST"},
		{"POST", "scans/state", "DELETE, GET, HEAD"},
		{"PATCH", "scans/filters", "DELETE, GET, HEAD"},
		{"GET", "scans/1", "DELETE"},
		{"POST", "detects", "GET, HEAD"},
	} {
		a := s.call(c.method, c.path)
		if a.status != 405 || a.problem == nil || a.header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %d, Allow %q", c.method, c.path, a.status, a.header.Get("Allow"))
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, s.url("scans/filters"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := s.do(r); err != nil || a.status != 200 || a.body != "" {
		t.Errorf("HEAD: %d %q, %v", a.status, a.body, err)
	}
}

func TestAlertsAreTold(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s, reader := w.system("mail-1"), w.system("soc")
	before := time.Now().Add(-time.Second)
	s.taken("?sensorInstanceId=i", part{"content", `q"\name<>.bin`, evil}, part{"scanId", "", "7"})
	s.settled("")
	a := reader.get("detects")
	var got struct {
		Detects []struct {
			AlertID                         int64
			EventTimeStamp, DetectTimestamp time.Time
			Object                          struct {
				ProcessedObject, DetectedObject struct{ MD5, SHA256, FileName, FileType string }
			}
		}
		Token string
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || len(got.Detects) != 1 {
		t.Fatalf("detects %s, %v", a.body, err)
	}
	d := got.Detects[0]
	if d.AlertID != 1 || d.EventTimeStamp.Before(before) || d.DetectTimestamp.Before(d.EventTimeStamp) {
		t.Errorf("times %v %v", d.EventTimeStamp, d.DetectTimestamp)
	}
	if d.Object.ProcessedObject.FileName != `q"\name<>.bin` || d.Object.DetectedObject.FileName != d.Object.ProcessedObject.FileName {
		t.Errorf("object %+v", d.Object)
	}
	for _, part := range []string{
		`"importance":"high","objectSource":"external","technology":"am","objectType":"file","object":{"processedObject":{"MD5":"`,
		`"fileType":"text/plain","fileSize":4},"detectedObject":{"MD5":"`,
		`"detection":{"detect":["Test.Evil"],"dataBaseVersion":202611221030},"details":{"sensorId":"mail-1","sensorInstanceId":"i","scanId":"7"}}],"token":"`,
	} {
		if !strings.Contains(a.body, part) {
			t.Errorf("%s\n  has no %s", a.body, part)
		}
	}
	if raw, err := hex.DecodeString(got.Token); err != nil || string(raw) != `{"offset":1}` {
		t.Errorf("token %s, %v", raw, err)
	}
}

func TestAlertsAreReadOnWithTheToken(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("soc")
	const all = 700 // more than are read at a time
	for i := range all {
		technology := "am"
		if i%5 == 0 {
			technology = "yara"
		}
		if _, err := w.alerts.Add(t.Context(), alerts.Alert{
			Origin: fmt.Sprint(i), Engine: "e", Technology: technology, Importance: "low", Source: "mail", System: "x", Submitted: time.Now(),
			MD5: strings.Repeat("0", 32), SHA256: strings.Repeat("0", 64),
		}); err != nil {
			t.Fatal(err)
		}
	}
	read := func(query string) (ids []int64, token string) {
		t.Helper()
		a := s.get("detects" + query)
		var got struct {
			Detects []struct{ AlertID int64 }
			Token   string
		}
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 {
			t.Fatalf("%s: %d %v %s", query, a.status, a.problem, a.body)
		}
		for _, d := range got.Detects {
			ids = append(ids, d.AlertID)
		}
		return ids, got.Token
	}
	var ids []int64
	token := ""
	for range 4 {
		var more []int64
		more, token = read("?limit=300&token=" + token)
		ids = append(ids, more...)
	}
	if len(ids) != all || ids[0] != 1 || ids[all-1] != all {
		t.Errorf("in pages: %v", ids)
	}
	if ids, again := read("?token=" + token); len(ids) != 0 || again != token {
		t.Errorf("at the end: %v, token %s then %s", ids, token, again)
	}
	if ids, _ := read("?detect_type=yara"); len(ids) != all/5 || ids[1] != 6 {
		t.Errorf("yara: %v", ids)
	}
	if ids, _ := read("?detect_type=am,yara&limit=10000"); len(ids) != all {
		t.Errorf("both: %v", ids)
	}
	if ids, _ := read("?detect_type=sb,url_reputation%2Cids&detect_type=taa"); len(ids) != 0 {
		t.Errorf("technologies that this server has not: %v", ids)
	}
	// As the documentation has it.
	if ids, _ := read("?detect_type=&limit=&token=7b226f6666736574223a20307d"); len(ids) != all {
		t.Errorf("the documented sample: %v", ids)
	}
	if ids, _ := read("?token=" + strings.ToUpper(hex.EncodeToString([]byte(`{"offset": 20, "more": 1}`)))); len(ids) != all-20 {
		t.Errorf("a token of another make: %v", ids)
	}
	for _, query := range []string{
		"?limit=0", "?limit=10001", "?limit=-1", "?limit=x", "?limit=1&limit=2", "?limit=99999999999999999999", "?detect_type=av", "?detect_type=AM", "?detect_types=am&Limit=3",
		"?token=xyz", "?token=7b7", "?token=" + hex.EncodeToString([]byte(`{"offset":-1}`)), "?token=" + hex.EncodeToString([]byte(`null`)),
		"?token=" + hex.EncodeToString([]byte(`{"offset":"1"}`)), "?token=" + hex.EncodeToString([]byte(`[1]`)), "?token=" + strings.Repeat("00", 200), "?token=%zz",
	} {
		if a := s.get("detects" + query); a.status != 400 || a.problem.Code != problem.BadRequest {
			t.Errorf("%s: %d %v", query, a.status, a.problem)
		}
	}
}

func TestHalfAListOfAlertsIsNoList(t *testing.T) {
	t.Parallel()
	w := open(t, options{alerts: func(alertsAfter) alertsAfter { return endless{} }})
	s := w.system("soc")
	s.client.Transport = &http.Transport{TLSClientConfig: s.tlsConfig()}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url("detects?limit=10000"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := s.do(r); err == nil {
		t.Errorf("a list that broke off is answered %d with %d bytes", a.status, len(a.body))
	}
}

// endless alerts fail behind the thousandth.
type endless struct{}

func (endless) After(_ context.Context, after int64, _ []string, limit int) ([]alerts.Alert, error) {
	if after >= 1000 {
		return nil, errFull
	}
	var page []alerts.Alert
	for i := range limit {
		page = append(page, alerts.Alert{ID: after + int64(i) + 1})
	}
	return page, nil
}

func TestOneSystemCannotHoldManyListsOpen(t *testing.T) {
	t.Parallel()
	held := make(chan struct{})
	w := open(t, options{alerts: func(next alertsAfter) alertsAfter { return waiting{next, held} }})
	s, other := w.system("one"), w.system("two")
	results := make(chan int, 5)
	for range 5 {
		go func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url("detects"), nil)
			if err != nil {
				results <- 0
				return
			}
			a, _ := s.do(r)
			results <- a.status
		}()
	}
	if first := <-results; first != 429 {
		t.Errorf("the fifth list was answered %d", first)
	}
	for _, path := range []string{"detects", "scans/state"} {
		if a := s.get(path); a.status != 429 || a.problem.RetryAfter < time.Second {
			t.Errorf("another list, %s: %d %v", path, a.status, a.problem)
		}
	}
	if a := s.call(http.MethodDelete, "scans/1"); a.status != 404 {
		t.Errorf("a deletion, which needs no list, is answered %d", a.status)
	}
	if a := other.get("scans/filters"); a.status != 200 {
		t.Errorf("another system is answered %d", a.status)
	}
	close(held)
	for range 4 {
		if status := <-results; status != 200 {
			t.Errorf("a list was answered %d", status)
		}
	}
	if a := s.get("detects"); a.status != 200 {
		t.Errorf("afterwards: %d", a.status)
	}
}
