package e2e

import (
	"net/http"
	"testing"

	"vedette/internal/acts"
)

// TestWebExternalSystems walks "Processing a request from an external system",
// "Removing an external system" and "Configuring the priority" of the source
// document, with systems that call as integrators do.
func TestWebExternalSystems(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, s scripting) {
		w := newWeb(t)
		p := w.administrator(t, s)
		p.section("External systems")
		p.sees("No external system and no request.")
		p.in("Central Node").sees(w.certificateInUse().Fingerprint.String())
		gate, store := newSystem(t, w.node, "gate-1"), newSystem(t, w.node, "store-2")
		gate.refusedWith("pending")
		if code, _ := store.curl(store.scanner("connection")); code != http.StatusUnauthorized {
			t.Fatalf("the first call: %d", code)
		}
		p.soon("2 pending", gate.fingerprint, store.fingerprint)
		p.row("gate-1").presses("Accept")
		p.sees("Accept the external system gate-1?", gate.fingerprint)
		p.presses("Cancel")
		gate.refusedWith("pending")
		p.row("gate-1").presses("Accept")
		// It says that it is a mail sensor; the person confirms that.
		p.ticks("mail sensor")
		p.presses("Yes")
		p.sees("Accepted: gate-1, mail sensor", "Connection check")
		if code, body := gate.curl(gate.scanner("connection")); code != http.StatusOK {
			t.Errorf("the accepted system: %d %s", code, body)
		}
		if code, body := gate.submit(gate.write("eicar.com", eicar), "1"); code != http.StatusOK || body != "OK" {
			t.Errorf("submit: %d %s", code, body)
		}
		if v := gate.verdict("1"); v != "detect" {
			t.Errorf("the EICAR test file: %s", v)
		}
		p.section("External systems")
		for _, row := range p.rows("Server list", 2) {
			if row["ID"] == "gate-1" && (row["Type"] != "mail sensor" || row["Name"] != "-" || row["State"] != "Accepted") {
				t.Errorf("the mail sensor's row: %v", row)
			}
		}

		p.row("store-2").presses("Reject")
		p.presses("Yes")
		p.sees("Rejected: store-2")
		store.refusedWith("rejected")

		for _, on := range []bool{true, false} {
			p.presses("Maximum scan priority")
			p.sees(map[bool]string{true: "Maximum scan priority is on", false: "Maximum scan priority is off"}[on])
			if got := read[acts.ScanPriority](w, "external-system", "priority"); got.On != on {
				t.Errorf("the priority is %+v, want %t", got, on)
			}
		}

		p.row("gate-1").presses("Delete")
		p.sees("Delete the external system gate-1?")
		p.presses("Yes")
		p.sees("Deleted: gate-1")
		gate.refusedWith("pending")
		w.stop()
	})
}
