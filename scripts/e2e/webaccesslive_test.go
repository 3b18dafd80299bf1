package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/pki"
)

// lists puts certificates on the list, and gives their fingerprints.
func (w *web) lists(t testing.TB, from, count int) (added []pki.Fingerprint) {
	t.Helper()
	before := make(map[pki.Fingerprint]bool)
	for _, c := range read[acts.AgentCertificateList](w, "agent-certificate", "list").Certificates {
		before[c.Fingerprint] = true
	}
	line, dir := []string{"agent-certificate", "upload"}, t.TempDir()
	for i := range count {
		file := filepath.Join(dir, fmt.Sprint(i, ".pem"))
		if err := os.WriteFile(file, hostileCertificate(t, int64(from+i), fmt.Sprint("host-", from+i)), 0o600); err != nil {
			t.Fatal(err)
		}
		line = append(line, file)
	}
	w.must(line...)
	for _, c := range read[acts.AgentCertificateList](w, "agent-certificate", "list").Certificates {
		if !before[c.Fingerprint] {
			added = append(added, c.Fingerprint)
		}
	}
	return added
}

// kept is what a person did to a page that may not be undone.
type kept struct {
	Focus, Value string
	From, To     int
	Open         int // details
	Ticked       []string
	InView       bool // what has the focus
}

func (p *visitor) kept() kept {
	p.t.Helper()
	return evaluates[kept](p, `() => {
		const e = document.activeElement, text = e.tagName === "INPUT" && e.type !== "checkbox";
		return {Focus: e.id || e.getAttribute("aria-label") || e.tagName, Value: text ? e.value : "", From: text ? e.selectionStart : 0, To: text ? e.selectionEnd : 0,
			Open: document.querySelectorAll("main details[open]").length, Ticked: [...document.querySelectorAll("main :checked")].map((c) => c.value).sort(),
			InView: e.getBoundingClientRect().top >= 0 && e.getBoundingClientRect().bottom <= innerHeight};
	}`)
}

// same holds what there is against what the person left.
func (k kept) same(t testing.TB, what string, now kept) {
	t.Helper()
	if fmt.Sprint(now) != fmt.Sprint(k) {
		t.Errorf("%s: the page has\n%+v, want\n%+v", what, now, k)
	}
}

// TestWebLivePageKeepsWhatAPersonDoes has rows come, change and go while
// somebody writes, has ticked and opened things, and is in the middle of the
// table.
func TestWebLivePageKeepsWhatAPersonDoes(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	all := w.lists(t, 1, 14)
	p, other := w.administrator(t, withScript), w.administrator(t, withScript)
	p.section("Certificates")
	p.sees("Live")
	chosen, goes := all[6], all[3]
	p.ticks("Select the certificate " + chosen.String())
	p.in(agentTable).presses("TLS certificate")
	p.in(agentTable).fills("TLS certificate", "12:34:56")
	evaluates[bool](p, `() => { document.activeElement.setSelectionRange(2, 5); return true; }`)
	left := p.kept()
	if left.From != 2 || left.To != 5 || left.Open != 1 {
		t.Fatalf("before anything changes: %+v", left)
	}
	gone := func(f pki.Fingerprint) {
		t.Helper()
		p.until(func() bool { return !strings.Contains(p.reads(), f.String()) }, func() string { return f.String() + " is still to be seen" })
	}
	came := w.lists(t, 100, 1)[0]
	p.sees(came.String())
	w.must("agent-certificate", "delete", goes.String(), "--yes")
	gone(goes)
	left.same(t, "text and caret in a filter", p.kept())

	// A row that has the focus, selected by keyboard, keeps it and stays in sight.
	p.keys("\u001b")
	evaluates[bool](p, `(label) => { document.querySelector("[aria-label='" + label + "']").focus(); return true; }`, "Select the certificate "+all[8].String())
	p.keys(" ")
	left = p.kept()
	w.must("agent-certificate", "delete", all[9].String(), "--yes")
	gone(all[9])
	left.same(t, "a row that was selected", p.kept())
	if len(left.Ticked) < 2 {
		t.Errorf("ticked are only %q", left.Ticked)
	}

	// The row with the focus goes: the focus does not go to the page's beginning.
	w.must("agent-certificate", "delete", all[8].String(), "--yes")
	gone(all[8])
	if f := p.focus(); f.Tag == "BODY" {
		t.Error("the focus went with its row")
	}

	// Paused, the page stays as it is; another one tells when it would have changed.
	p.presses("Pause updates")
	p.sees("Paused")
	other.section("Certificates")
	other.sees("Live")
	unseen := w.lists(t, 200, 1)[0]
	other.sees(unseen.String())
	p.seesNot(unseen.String())
	p.presses("Resume updates")
	p.sees(unseen.String())

	// A session that ends elsewhere sends its page to the sign-in page, and back.
	other.opens("/account")
	other.presses("Sign out everywhere else")
	other.sees("was ended")
	p.until(func() bool { return strings.Contains(p.location(), "/sign-in?next=%2Fsettings%2Fcertificates") }, func() string { return "the page stays: " + p.location() })
	p.signsIn("admin", webPassword)
	p.sees(unseen.String(), "Live")

	// The server goes and comes back: the page says so, and goes on by itself.
	w.stop()
	p.sees("Not connected")
	w.start()
	p.until(func() bool {
		return strings.Contains(p.location(), "/sign-in") || strings.Contains(p.reads(), "Live")
	}, func() string { return "the page does not come back" })
	p.watch.takeFaults()
	other.watch.takeFaults()
	w.stop()
}
