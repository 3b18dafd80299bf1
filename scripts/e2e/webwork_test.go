package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vedette/internal/acts"
)

// TestWebDayOfWork walks what people do all day: what needs them, alerts, hosts,
// events, the audit.
func TestWebDayOfWork(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, s scripting) {
		w := newWeb(t)
		a := w.pinned(t, w.address)
		w.delivers(t)
		p := w.administrator(t, s)
		p.in("What needs a person now").sees("Validate Endpoint Agent TLS certificates is off")

		// A request shows on the first page, with the way to it.
		gate := newSystem(t, w.node, "gate-1")
		gate.refusedWith("pending")
		p.in("What needs a person now").soon("1 external system waits for Accept or Reject.")
		p.in("What needs a person now").row("1 external system waits").follows("External systems")
		p.row("gate-1").presses("Accept")
		p.ticks("mail sensor")
		p.presses("Yes")
		p.sees("Accepted: gate-1")

		// An alert.
		p.section("Alerts")
		p.sees("Nothing was detected yet.")
		if code, body := gate.submit(gate.write("eicar.com", eicar), "1"); code != http.StatusOK {
			t.Fatalf("submit: %d %s", code, body)
		}
		p.soon("EICAR", "New")
		alert := read[acts.AlertList](w, "alert", "list").Alerts[0]
		state := func(want acts.AlertState) {
			t.Helper()
			if got := read[acts.Alert](w, "alert", "show", fmt.Sprint(alert.ID)); got.State != want || got.StateBy != "admin" {
				t.Errorf("the alert is %s by %s, want %s by admin", got.State, got.StateBy, want)
			}
		}
		p.row("EICAR").follows(fmt.Sprint(alert.ID))
		p.sees("eicar.com", "gate-1")
		p.chooses("Set the state to", "In process")
		p.presses("Set state")
		p.in("EICAR-Test-File").sees("In process", "by admin")
		state(acts.AlertInProcess)
		p.section("Alerts")
		p.ticks(fmt.Sprintf("Choose alert %d", alert.ID))
		p.chooses("Set those ticked to", "Closed")
		p.presses("Set state")
		p.row("EICAR").sees("Closed")
		state(acts.AlertClosed)

		// A host, and its events.
		host := read[[]acts.Host](w, "host", "list")[0]
		p.section("Endpoint Agents")
		p.rows("Hosts with an Endpoint Agent", 1)
		p.row(host.Name).sees("Connected", "Normal activity")
		p.row(host.Name).follows(host.Name)
		p.in("Host").sees(host.AgentID, "Normal activity")
		p.in("Recent events").sees("process")
		p.section("Endpoint Agents")
		p.presses("Activity indicators")
		p.fills("Warning after so many days without contact", "9")
		p.fills("Critical inactivity after so many days without contact", "4")
		p.presses("Apply")
		p.alert().sees("Warning")
		p.fills("Critical inactivity after so many days without contact", "12")
		p.presses("Apply")
		p.sees("Warning: no contact for 9 days. Critical inactivity: for 12 days.")

		mark := "mark-" + randomHex(8)
		lasts(t, mark)
		arrives(t, w.node, mark)
		p.section("Events")
		p.fills("Text", mark)
		p.chooses("Kind", "process-start")
		p.presses("Search")
		p.row(lasting+"' "+mark).sees(host.Name, "process-start")
		if s == withoutScript {
			p.seesNot("Follow")
		} else {
			// New ones come by themselves.
			before := len(p.table("Events in the order in which they became durable"))
			p.presses("Follow")
			p.sees("Pause")
			lasts(t, mark)
			p.until(func() bool { return len(p.table("Events in the order in which they became durable")) > before }, func() string {
				return "no further event comes by itself"
			})
		}

		// The audit has all of it.
		p.section("Audit")
		p.fills("Act", "alert state")
		p.presses("Apply")
		p.sees("admin", "alert state")
		p.seesNot("external-system accept")
		p.presses("Export as CSV")
		name, csv := p.saved()
		if lines := strings.Count(string(csv), "alert state"); filepath.Ext(name) != ".csv" || lines != 2 || !strings.Contains(string(csv), "admin") {
			t.Errorf("%s has %d acts, want 2:\n%s", name, lines, csv)
		}
		p.presses("Check that no record was changed")
		p.sees("No record was changed or removed")
		p.section("About")
		p.sees(w.certificateInUse().Fingerprint.String())
		a.stop()
		w.stop()
	})
}

// TestWebLivePageLeavesThePersonAlone has rows come while somebody writes,
// selects and reads on the same page.
func TestWebLivePageLeavesThePersonAlone(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	for range 30 {
		w.must("agent-certificate", "generate", "--out", filepath.Join(t.TempDir(), "x.pfx"))
	}
	p := w.administrator(t, withScript)
	p.section("Certificates")
	rows := p.rows(agentTable, 30)
	ticked := read[acts.AgentCertificateList](w, "agent-certificate", "list").Certificates[7].Fingerprint.String()
	p.row(ticked).ticks("Select the certificate " + ticked)
	p.in(agentTable).presses("Serial number")
	p.in(agentTable).fills("Serial number", "AB:CD")
	p.evaluates(`document.activeElement.setSelectionRange(1, 3), window.scrollTo(0, 900)`)
	const state = `JSON.stringify([document.activeElement.name, document.activeElement.value, document.activeElement.selectionStart, document.activeElement.selectionEnd,
		Math.round(document.activeElement.getBoundingClientRect().top), document.querySelectorAll("input[type=checkbox]:checked").length])`
	before := p.evaluates(state)
	w.must("agent-certificate", "generate", "--out", filepath.Join(t.TempDir(), "new.pfx"))
	p.rows(agentTable, len(rows)+1)
	if after := p.evaluates(state); after != before {
		t.Errorf("a row that came changed what the person was doing: %s, before %s", after, before)
	}
	if !p.row(ticked).looks(question{What: "field", Name: "Select the certificate " + ticked}).Checked {
		t.Error("the check box of another row is selected now")
	}
	w.stop()
}

// lasting is a command that keeps its mark for a second, so that an agent on a
// busy machine can still read it.
const lasting = "sleep 1; :"

func lasts(t *testing.T, mark string) {
	t.Helper()
	if err := exec.Command("/bin/sh", "-c", lasting, mark).Run(); err != nil {
		t.Fatal(err)
	}
}
