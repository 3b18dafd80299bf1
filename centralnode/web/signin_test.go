package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"vedette/internal/acts"
)

func TestAGivenPasswordIsChangedBeforeAnythingElse(t *testing.T) {
	w := start(t)
	w.account("anna", acts.Administrator)
	b := w.browser()

	if a := b.get("/settings/certificates?x=1"); a.StatusCode != http.StatusSeeOther && a.StatusCode != http.StatusNotFound {
		t.Fatalf("without a session: %s", a.Status)
	}
	if a := b.get("/sign-in"); a.StatusCode != http.StatusOK || !strings.Contains(a.text, `autocomplete="current-password"`) {
		t.Fatalf("the sign-in page is %s\n%s", a.Status, a.text)
	}
	a := b.post("/sign-in?next=%2Falerts%3Fa%3Db", url.Values{"name": {"anna"}, "password": {given}})
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/sign-in/password?next=%2Falerts%3Fa%3Db" {
		t.Fatalf("%s %v\n%s", a.Status, a.Header, a.text)
	}
	first := b.cookie()
	for _, path := range []string{"/sign-in/code"} {
		if a := b.get(path); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/sign-in/password") {
			t.Errorf("%s before the password is changed: %s %s", path, a.Status, a.Header.Get("Location"))
		}
	}
	at := "/sign-in/password?next=%2Falerts%3Fa%3Db"
	for _, c := range []struct{ current, new, repeat, says string }{
		{"wrong Password 1", own, own, "current password is not right"},
		{given, "Tiny7", "Tiny7", "shorter than 8"},
		{given, given, given, "somebody else knows"},
		{given, own, own + "x", "not the same"},
	} {
		a := b.post(at, url.Values{"form": {b.token(at)}, "current": {c.current}, "new": {c.new}, "repeat": {c.repeat}})
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.text, c.says) || strings.Contains(a.text, c.new) {
			t.Errorf("%+v: %s\n%s", c, a.Status, a.text)
		}
	}
	a = b.post(at, url.Values{"form": {b.token(at)}, "current": {given}, "new": {own}, "repeat": {own}})
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/alerts?a=b" {
		t.Fatalf("%s %v\n%s", a.Status, a.Header, a.text)
	}
	if b.cookie() == first || b.cookie() == "" {
		t.Error("the cookie did not change with the stage")
	}
	if a := b.get("/sign-in"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/" {
		t.Errorf("the sign-in page of somebody who is signed in: %s %v", a.Status, a.Header)
	}
}
