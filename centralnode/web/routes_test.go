package web_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/web"
	"vedette/centralnode/web/page"
	"vedette/internal/accounts"
	"vedette/internal/acts"
)

// table is who may do what, as docs/security.md says it.
type table map[string][]acts.Role

var actWord = regexp.MustCompile("`([a-z -]+)`")

// documented reads the table of roles.
func documented(t *testing.T) table {
	t.Helper()
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## Roles\n")
	if !found {
		t.Fatal("docs/security.md has no section of roles")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	found = false
	may := make(table)
	var columns []acts.Role
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		switch {
		case columns == nil:
			for _, title := range cells[1:] {
				role, err := acts.ParseRole(strings.ReplaceAll(strings.TrimSpace(title), " ", "-"))
				if err != nil {
					t.Fatal(err)
				}
				columns = append(columns, role)
			}
			continue
		case strings.HasPrefix(cells[0], "--"):
			continue
		}
		for _, word := range actWord.FindAllStringSubmatch(cells[0], -1) {
			if _, twice := may[word[1]]; twice {
				t.Errorf("%q is in the table twice", word[1])
			}
			may[word[1]] = []acts.Role{}
			for i, cell := range cells[1:] {
				switch strings.TrimSpace(cell) {
				case "yes":
					may[word[1]] = append(may[word[1]], columns[i])
				case "":
				default:
					t.Errorf("%q has the cell %q", word[1], cell)
				}
			}
		}
	}
	if len(columns) != len(acts.Roles()) || len(may) < 30 {
		t.Fatalf("the table has %d roles and %d acts: this test looks in the wrong place", len(columns), len(may))
	}
	return may
}

// open are the routes that serve everybody.
var open = []string{
	"GET /sign-in", "POST /sign-in", "GET /sign-in/code", "POST /sign-in/code", "GET /sign-in/password", "POST /sign-in/password", "POST /sign-out",
}

// whoever are those of whoever is signed in.
var whoever = []string{}

func TestEveryRouteNamesADocumentedAct(t *testing.T) {
	may, named := documented(t), make(map[string]bool)
	for _, r := range start(t).server.Routes() {
		name := r.Method + " " + r.Pattern
		named[name] = true
		switch {
		case r.Open != slices.Contains(open, name):
			t.Errorf("%s serves everybody: %v", name, r.Open)
		case r.Open:
		case (r.Act == "") != slices.Contains(whoever, name):
			t.Errorf("%s is for the act %q", name, r.Act)
		case r.Act == "":
		case may[r.Act] == nil:
			t.Errorf("%s is for %q, which docs/security.md does not name", name, r.Act)
		case r.Method != http.MethodGet && strings.HasSuffix(r.Act, " view"):
			t.Errorf("%s changes something and asks for no more than %q", name, r.Act)
		}
	}
	for _, name := range slices.Concat(open, whoever) {
		if !named[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

// placeholder stands for every wildcard of a pattern.
var wildcard = regexp.MustCompile(`\{[^}]*\}`)

func at(r page.Route) string {
	return wildcard.ReplaceAllString(strings.TrimSuffix(r.Pattern, "{$}"), "0a0b")
}

// ask sends a route with a form's proof and nothing else, and gives the answer
// without reading more of it than a refusal.
func (b *browser) ask(r page.Route, token string) (status int, text string) {
	b.w.t.Helper()
	var form url.Values
	if r.Method == http.MethodPost {
		form = url.Values{"form": {token}}
	}
	res, err := b.Do(b.request(r.Method, at(r), form))
	if err != nil {
		b.w.t.Fatalf("%s %s: %v", r.Method, at(r), err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		return res.StatusCode, res.Header.Get("Location") // some go on for ever
	}
	said, err := io.ReadAll(res.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return res.StatusCode, string(said)
}

func TestNothingIsServedToThoseWhoAreNotSignedIn(t *testing.T) {
	w := start(t)
	w.account("half", acts.LocalAdministrator)
	nobody, half := w.browser(), w.browser()
	if a := half.signIn("half", given); a.Header.Get("Location") != "/sign-in/password" {
		t.Fatal(a.Status)
	}
	for _, r := range w.server.Routes() {
		if r.Open {
			continue
		}
		for who, b := range map[string]*browser{"/sign-in": nobody, "/sign-in/password": half} {
			status, said := b.ask(r, "x")
			switch {
			case r.Method == http.MethodGet && (status != http.StatusSeeOther || said != who && !strings.HasPrefix(said, who+"?next=")):
				t.Errorf("%s %s leads to %d %s, not to %s", r.Method, r.Pattern, status, said, who)
			case r.Method == http.MethodPost && (status != http.StatusForbidden || !strings.Contains(said, "not signed in")):
				t.Errorf("%s %s of those who belong to %s is answered %d\n%s", r.Method, r.Pattern, who, status, said)
			}
		}
	}
}

// records is how many refusals an account left for an act.
func (w *world) records(account, act string) int {
	w.t.Helper()
	found, err := w.Audit(w.t.Context(), admintest.Local(), acts.AuditFilter{Account: account, Act: act})
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for _, r := range found {
		if r.Result == "refused" && r.Face == acts.FaceWeb && strings.Contains(r.Detail, "may not do this") {
			n++
		}
	}
	return n
}

// allRecords is how many there are.
func (w *world) allRecords() uint64 {
	w.t.Helper()
	found, err := w.AuditPage(w.t.Context(), admintest.Local(), acts.AuditFilter{Limit: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	return found.Total
}

// refusalsOfOne is how many refusals of one account are recorded at once, and
// somewhat less: further ones are counted only.
const refusalsOfOne = 20

// bouncer lets people in whose password is given, who need no other: signing in
// costs nothing then, and this test signs many in.
type bouncer struct{ *accounts.Accounts }

func (b bouncer) Verify(ctx context.Context, name, _ string, _ netip.Addr) (accounts.Account, error) {
	return b.Get(ctx, name)
}

func (b bouncer) Get(ctx context.Context, name string) (accounts.Account, error) {
	a, err := b.Accounts.Get(ctx, name)
	a.MustChange = false
	return a, err
}

// TestEveryRouteWithEveryRole sends every form and asks for every page as every
// role. What the table gives, the page does not refuse; what it does not give,
// the page refuses, and there is a record.
func TestEveryRouteWithEveryRole(t *testing.T) {
	may := documented(t)
	w := start(t, func(c *web.Config) { c.Accounts = bouncer{c.Accounts.(*accounts.Accounts)} })
	routes := w.server.Routes()
	tried := make(map[string]int)
	for _, role := range acts.Roles() {
		name, refused, people := "", refusalsOfOne, 0
		var b *browser
		for _, r := range routes {
			if r.Open || r.Act == "" {
				continue
			}
			if refused == refusalsOfOne {
				people, refused = people+1, 0
				name = fmt.Sprintf("%s-%d", role, people)
				w.account(name, role)
				b = w.browser()
			}
			yes := slices.Contains(may[r.Act], role)
			before := 0
			if !yes {
				before = w.records(name, r.Act)
			}
			proof := b.proof(name) // of a session that comes again when its own act has ended it
			all := w.allRecords()
			status, said := b.ask(r, proof)
			if n := w.allRecords(); yes && r.Method == http.MethodGet && n != all {
				t.Errorf("%s: GET %s (%s), answered %d, left %d records", role, r.Pattern, r.Act, status, n-all)
			}
			if !yes {
				refused++
				if status != http.StatusForbidden || !strings.Contains(said, "may not do this") {
					t.Errorf("%s: %s %s (%s) is answered %d\n%s", role, r.Method, r.Pattern, r.Act, status, said)
				}
				if n := w.records(name, r.Act); n != before+1 {
					t.Errorf("%s: %s %s (%s) left %d records, not %d", role, r.Method, r.Pattern, r.Act, n, before+1)
				}
			} else if status == http.StatusForbidden || status == http.StatusInternalServerError || strings.HasPrefix(said, "/sign-in") {
				t.Errorf("%s: %s %s (%s) is answered %d\n%s", role, r.Method, r.Pattern, r.Act, status, said)
			}
			tried[r.Act]++
		}
	}
	t.Logf("%d routes, acts %v", len(routes), slices.Sorted(maps.Keys(tried)))
}

// proof gives the proof of a form, of a session that is signed in anew when an
// act has ended it.
func (b *browser) proof(name string) string {
	b.w.t.Helper()
	a := b.get("/no-such-page") // has a form to sign out by
	if found := tokenField.FindStringSubmatch(a.text); found != nil {
		return found[1]
	}
	if a := b.signIn(name, own); a.Header.Get("Location") != "/" {
		b.w.t.Fatalf("%s cannot sign in again: %s\n%s", name, a.Status, a.text)
	}
	return b.token("/no-such-page")
}
