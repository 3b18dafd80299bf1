package audit_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/web/audit"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
	"vedette/pki"
)

// fake has records of its own, and breaks off behind them when it is to.
type fake struct {
	records []acts.AuditRecord
	fails   error
	check   acts.AuditCheck
	page    acts.AuditPage // beside the records
	waits   bool           // the check takes for ever
	asked   acts.AuditFilter
}

func (f *fake) AuditPage(_ context.Context, _ acts.Actor, asked acts.AuditFilter) (acts.AuditPage, error) {
	f.asked = asked
	p := f.page
	p.Records = f.records
	if p.Total == 0 {
		p.Total = uint64(len(f.records))
	}
	return p, f.fails
}

func (f *fake) AuditRecord(_ context.Context, _ acts.Actor, seq uint64) (acts.AuditRecord, error) {
	for _, r := range f.records {
		if r.Seq == seq {
			return r, f.fails
		}
	}
	return acts.AuditRecord{}, &acts.Error{Code: acts.NotFound, Text: "there is no such audit record"}
}

func (f *fake) EachAudit(_ context.Context, _ acts.Actor, asked acts.AuditFilter, yield func(acts.AuditRecord) bool) error {
	f.asked = asked
	for _, r := range f.records {
		if !yield(r) {
			return nil
		}
	}
	return f.fails
}

func (f *fake) VerifyAudit(ctx context.Context, _ acts.Actor) (acts.AuditCheck, error) {
	if f.waits {
		<-ctx.Done()
		return acts.AuditCheck{}, ctx.Err()
	}
	if f.check.Broken != "" {
		return f.check, &acts.Error{Code: acts.Failed, Text: f.check.Broken}
	}
	return f.check, f.fails
}

func (f *fake) open(t *testing.T) *pagetest.Browser {
	t.Helper()
	return pagetest.New(t, func(k *page.Kit) error { return audit.Register(k, f) }).SignedIn(acts.SecurityAuditor)
}

// hostile are texts that browsers and spreadsheets would act upon.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `{{.Token}}`, `javascript:alert(1)`, `=1+1`, `+1`, `-1`, `@SUM(A1)`, `=HYPERLINK("https://evil.test")`, "a,b\"c", "' OR 1",
	`a;=HYPERLINK("https://evil.test","open")`, "a; \"+1", "a\t@SUM(A1)", "a,-1|=2",
}

func records() (out []acts.AuditRecord) {
	for i, text := range hostile {
		out = append(out, acts.AuditRecord{
			Seq: uint64(100 - i), Time: time.Date(2026, 11, 22, 12, 0, i, 0, time.UTC), Account: text, Role: acts.Role(text), Face: acts.Face(text), From: text,
			Act: text, Subject: []string{text, text, text, text}, Result: "done", Detail: text + strings.Repeat("x", 300), Hash: "ab",
		})
	}
	return out
}

func TestHostileTextsAreShownAndDoNothing(t *testing.T) {
	f := &fake{records: records()}
	p := f.open(t).Get(`/audit?text=%22%3E%3Cscript%3E&account=%3Cb%3E`)
	if p.Has("tbody script") || p.Has("tbody img") || p.Has("tbody b") || p.Attr("#text", "value") != `"><script>` {
		t.Error(p.Body)
	}
	if f.asked.Text != `"><script>` || f.asked.Account != "<b>" || f.asked.Limit != 100 {
		t.Errorf("%+v", f.asked)
	}
	if n := len(p.All("tbody tr")); n != len(hostile) || !p.Contains(hostile[0]) || !p.Contains("and 1 more") {
		t.Error(n, p.Text())
	}
	one := f.open(t).Get("/audit").Click(`<script>alert(1)</script>`)
	if strings.Contains(one.Text(), "UTC UTC") {
		t.Error(one.Text())
	}
	if one.Path != "/audit/100" || one.Has("main script") || len(one.All("tbody tr")) != 4 || !strings.Contains(one.Text(), strings.Repeat("x", 300)) {
		t.Error(one.Path, one.Text())
	}
	for _, number := range []string{"7", "x", "-1", "0100", "+100", "18446744073709551616"} {
		if p := f.open(t).Get("/audit/" + number); p.Status != 404 {
			t.Error(number, p.Status)
		}
	}
}

// An act may be about thousands, and a table of such acts is read all the same.
func TestAnActAboutThousandsFillsNoPage(t *testing.T) {
	f := &fake{}
	var many []string
	for i := range 2000 {
		many = append(many, pki.FingerprintOf(fmt.Append(nil, i)).String())
	}
	for i := range uint64(100) {
		f.records = append(f.records, acts.AuditRecord{Seq: 100 - i, Time: time.Now(), Account: "anna", Act: "agent-certificate upload", Subject: many, Result: "done"})
	}
	b := f.open(t)
	p := b.Get("/audit")
	if len(p.Body) > 150<<10 || !p.Contains("and 1,997 more") || strings.Contains(p.Text(), many[3]) || !strings.Contains(p.Text(), many[2]) {
		t.Error(len(p.Body), p.Text()[:1000])
	}
	p = p.Click("and 1,997 more")
	seen := make(map[string]bool)
	for pages := 1; ; pages++ {
		for _, row := range p.All("tbody tr") {
			seen[row.Text()] = true
		}
		if len(p.Body) > 150<<10 || pages > 4 {
			t.Fatal(pages, len(p.Body))
		}
		if !p.Has("a[rel=next]") {
			break
		}
		p = b.Get(p.Attr("a[rel=next]", "href"))
	}
	for _, s := range many {
		if !seen[s] {
			t.Fatal("nobody finds", s)
		}
	}
	if p := b.Get("/audit/100?from=5000"); p.Status != 200 {
		t.Error(p.Status)
	}
}

func TestASearchThatStoppedSaysHowFarItGotAndGoesOn(t *testing.T) {
	f := &fake{page: acts.AuditPage{Total: 200_000, Before: 180_001, Stopped: &acts.AuditBound{Records: 20_000, At: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}}}
	b := f.open(t)
	p := b.Get("/audit?text=rare")
	if !p.Contains("No record matches in what was searched") || !p.Contains("20,000 records were searched") || !p.Contains("got back to 2026-03-04 05:06:07 UTC. Go on") || p.Contains("Older") {
		t.Error(p.Text())
	}
	f.page.Stopped, f.page.Before = nil, 0
	if p = p.Click("Search further"); f.asked.Before != 180_001 || f.asked.Text != "rare" || !p.Contains("Newest") {
		t.Errorf("%+v\n%s", f.asked, p.Text())
	}
}

func TestExportHoldsEveryRecordAndNoFormula(t *testing.T) {
	f := &fake{records: records()}
	b := f.open(t)
	p := b.Get("/audit?act=x&before=7").Click("Export as CSV")
	if p.Header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(p.Header.Get("Content-Disposition"), "attachment;") {
		t.Error(p.Header)
	}
	if f.asked.Act != "x" || f.asked.Limit != 0 || f.asked.Before != 0 {
		t.Errorf("the export is of %+v", f.asked)
	}
	body, marked := strings.CutPrefix(p.Body, "\ufeff")
	if !marked {
		t.Error("Excel takes it for something else than UTF-8")
	}
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(rows) != len(hostile)+1 || rows[0][2] != "account" {
		t.Fatal(rows, err)
	}
	for i, row := range rows[1:] {
		want := hostile[i]
		if strings.ContainsAny(want[:1], "=+-@") {
			want = "'" + want
		}
		for from, to := range map[string]string{";=": ";'=", `; "+`: `; "'+`, "\t@": "\t'@", ",-": ",'-", "|=": "|'="} {
			want = strings.ReplaceAll(want, from, to)
		}
		if row[0] != fmt.Sprint(100-i) || row[1] != fmt.Sprintf("2026-11-22T12:00:%02dZ", i) || row[2] != want || row[6] != want || !strings.HasPrefix(row[9], want) || row[10] != "ab" {
			t.Errorf("%q", row)
		}
		for _, cell := range row {
			for _, part := range strings.FieldsFunc(cell, func(c rune) bool { return strings.ContainsRune(";,|\"\t\r\n", c) }) {
				if part = strings.TrimLeft(part, " "); part != "" && strings.ContainsAny(part[:1], "=+-@") {
					t.Errorf("a spreadsheet computes %q of %q", part, cell)
				}
			}
		}
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(body, "\r\n"), "\r\n") {
		if !strings.HasPrefix(line, `"`) || !strings.HasSuffix(line, `"`) || strings.Count(line, `","`) < len(rows[0])-1 {
			t.Errorf("not every cell is quoted: %s", line)
		}
	}
	p = b.Get("/audit").Click("Export as JSON lines")
	lines := strings.Split(strings.TrimSuffix(p.Body, "\n"), "\n")
	if len(lines) != len(hostile) {
		t.Fatal(p.Body)
	}
	for i, line := range lines {
		var r acts.AuditRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Account != hostile[i] {
			t.Error(line, err)
		}
	}
}

func TestExportOfNothingIsAnEmptyFile(t *testing.T) {
	f := &fake{}
	b := f.open(t)
	if p := b.Get("/audit/export.csv"); p.Status != 200 || p.Body != "\ufeff"+`"number","time","account","role","face","from","act","subject","result","detail","hash"`+"\r\n" {
		t.Errorf("%d %q", p.Status, p.Body)
	}
	if p := b.Get("/audit/export.jsonl"); p.Status != 200 || p.Body != "" {
		t.Errorf("%d %q", p.Status, p.Body)
	}
	if p := b.Get("/audit/export.csv?since=x"); p.Status != 422 {
		t.Error(p.Status)
	}
}

// Half of the records must not look like all of them.
func TestExportThatFailsIsBrokenOff(t *testing.T) {
	f := &fake{fails: errors.New("the disk")}
	if p := f.open(t).Get("/audit/export.csv"); p.Status != 500 {
		t.Error("before the first record:", p.Status)
	}
	f.records = records()
	b := f.open(t)
	s := httptest.NewServer(b.Handler())
	defer s.Close()
	for _, path := range []string{"/audit/export.csv", "/audit/export.jsonl"} {
		res, err := http.Get(s.URL + path)
		if err != nil {
			continue // before its head was sent
		}
		if _, err := io.ReadAll(res.Body); err == nil {
			t.Error(path, "ends as if it were whole")
		}
		res.Body.Close()
	}
}

func TestABrokenChainIsSaid(t *testing.T) {
	f := &fake{check: acts.AuditCheck{Records: 41, Broken: "audit record 42: was changed"}}
	if p := f.open(t).Get("/audit/verify"); p.Status != 200 || !p.Contains("The audit was changed by another hand") || !p.Contains("audit record 42: was changed. The 41 records before it") {
		t.Error(p.Status, p.Text())
	}
	f = &fake{fails: errors.New("the disk")}
	if p := f.open(t).Get("/audit/verify"); p.Status != 500 || p.Contains("changed by another hand") {
		t.Error(p.Status, p.Text())
	}
}
