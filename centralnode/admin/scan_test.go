package admin_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/centralnode"
	"vedette/internal/acts"
)

func (w *world) scanStatus() acts.ScanStatus {
	w.t.Helper()
	s, err := w.ScanStatus(w.t.Context(), local)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func TestAnInstallationThatFindsOnlyTheTestFileSaysSoToThoseWhoLetSystemsIn(t *testing.T) {
	w := start(t)
	w.await(func() bool { return w.scanStatus().Engines[0].Rules == 1 })
	if s := w.scanStatus(); !strings.HasPrefix(s.Engines[0].Trouble, "It finds the EICAR test file and nothing else: configure ") {
		t.Errorf("%+v", s.Engines)
	}
	problem := func() bool {
		s, err := w.Status(t.Context(), local)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(s.Problems, func(p string) bool { return strings.HasPrefix(p, "Scanning engine builtin: It finds the EICAR") })
	}
	if problem() {
		t.Error("it bothers people who let nobody submit")
	}
	c := w.askingSystem("gate", "")
	if !problem() {
		t.Error("the status does not say it")
	}
	p, err := w.PreviewAcceptExternalSystem(t.Context(), local, c.which())
	if err != nil {
		t.Fatal(err)
	}
	has(t, p.Lines, "Scanning engine builtin: It finds the EICAR test file and nothing else")

	const warning = "only the EICAR test file is found in objects"
	if bytes.Contains(w.logs.Bytes(), []byte(warning)) {
		t.Error("the log bothers people who let nobody submit")
	}
	w.stop()
	w = startIn(t, w.dir)
	if !bytes.Contains(w.logs.Bytes(), []byte(warning)) {
		t.Error("the log does not say it")
	}
	w.stop()
	list := filepath.Join(t.TempDir(), "hashes")
	if err := os.WriteFile(list, []byte(strings.Repeat("0", 64)+" Some.Name high\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w = startWith(t, w.dir, centralnode.Scan{Builtin: centralnode.Builtin{Hashes: []string{list}}})
	w.await(func() bool { return w.scanStatus().Engines[0].Rules > 1 })
	if problem() || w.scanStatus().Engines[0].Trouble != "" || bytes.Contains(w.logs.Bytes(), []byte(warning)) {
		t.Errorf("%+v", w.scanStatus().Engines)
	}
}

func TestMaximumScanPriorityIsInForceWhenTheActReturns(t *testing.T) {
	w := start(t)
	set := func(who acts.Actor, on bool, revision uint64) (acts.ScanPriority, error) {
		return w.SetScanPriority(t.Context(), who, acts.SetScanPriority{On: on, Revision: revision})
	}
	shows := func(on bool) {
		t.Helper()
		list, err := w.ExternalSystems(t.Context(), local)
		if err != nil || list.MaximumScanPriority != on || w.scanStatus().MaximumScanPriority != on {
			t.Errorf("the table shows %v, scanning %v, want %v; %v", list.MaximumScanPriority, w.scanStatus().MaximumScanPriority, on, err)
		}
	}
	shows(false)
	w.accepted("gate", acts.MailSensor)
	w.accepted("files", acts.OtherSystem)
	p, err := w.PreviewSetScanPriority(t.Context(), local, acts.SetScanPriority{On: true})
	if err != nil || p.Asks {
		t.Fatalf("%+v, %v", p, err)
	}
	has(t, p.Lines, "Objects of mail sensors (1 accepted) will be scanned before all others.", "Other systems (1 accepted) wait")
	done, err := set(local, true, p.Revision)
	if err != nil || !done.On || done.Revision == 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	shows(true)

	p, err = w.PreviewSetScanPriority(t.Context(), local, acts.SetScanPriority{On: true})
	if err != nil {
		t.Fatal(err)
	}
	has(t, p.Lines, "Maximum scan priority is on already.")
	p, err = w.PreviewSetScanPriority(t.Context(), local, acts.SetScanPriority{})
	if err == nil {
		_, err = set(bob, false, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	has(t, p.Lines, "will take turns")
	staleBy(t, second(set(local, true, p.Revision)), "external-system priority")
	staleBy(t, second(w.PreviewSetScanPriority(t.Context(), local, acts.SetScanPriority{On: true, Revision: p.Revision})), "external-system priority")
	shows(false)

	// An act that changes nothing leaves no record.
	if _, err := set(local, false, 0); err != nil {
		t.Fatal(err)
	}
	records, err := w.Audit(t.Context(), local, acts.AuditFilter{Act: "external-system priority"})
	var got []string
	for _, r := range records {
		got = append(got, r.Account+" "+r.Result+" "+strings.Join(r.Subject, " "))
	}
	if want := []string{"local done on", "bob done off", "local refused on"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("records %q, want %q; %v", got, want, err)
	}

	// It is remembered.
	if _, err := set(local, true, 0); err != nil {
		t.Fatal(err)
	}
	w.stop()
	w = startIn(t, w.dir)
	shows(true)
}

func TestWhatIsStoredLastIsInForce(t *testing.T) {
	w := start(t)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			if _, err := w.SetScanPriority(t.Context(), local, acts.SetScanPriority{On: i%2 == 0}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := w.ExternalSystems(t.Context(), local)
	if now := w.scanStatus().MaximumScanPriority; err != nil || now != list.MaximumScanPriority {
		t.Errorf("stored %v, in force %v, %v", list.MaximumScanPriority, now, err)
	}
}

const eicar = `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`

// alerted submits what is found, and waits for the alert about it.
func (w *world) alerted(c *caller, name string) acts.Alert {
	w.t.Helper()
	before := w.scanStatus().Verdicts["detect"]
	c.submit(name, eicar)
	w.await(func() bool { return w.scanStatus().Verdicts["detect"] > before })
	list, err := w.Alerts(w.t.Context(), local, acts.AlertFilter{System: c.id})
	if err != nil || len(list.Alerts) == 0 {
		w.t.Fatalf("%+v, %v: an alert is durable before the verdict", list, err)
	}
	return list.Alerts[0]
}

// await waits until something is so.
func (w *world) await(so func() bool) {
	w.t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatal("it does not happen")
		}
	}
}

func TestAnAlertIsDealtWith(t *testing.T) {
	w := start(t)
	gate := w.accepted("gate", acts.MailSensor)
	made := w.alerted(gate, "mail\u202egnp.exe")
	if made.State != acts.AlertNew || made.ObjectName != `mail\u{202e}gnp.exe` || made.StateBy != "" || len(made.Detections) != 1 || made.Technology != "am" {
		t.Errorf("%+v", made)
	}
	officer := acts.Actor{Account: "olga", Role: acts.SecurityOfficer, Face: acts.FaceCommand, From: "192.0.2.9"}
	list, err := w.Alerts(t.Context(), officer, acts.AlertFilter{})
	if err != nil || len(list.Alerts) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	set := func(who acts.Actor, state acts.AlertState, revision uint64) (acts.Alert, error) {
		return w.SetAlertState(t.Context(), who, acts.SetAlertState{ID: made.ID, State: state, Revision: revision})
	}
	taken, err := set(officer, acts.AlertInProcess, list.Revision)
	if err != nil || taken.State != acts.AlertInProcess || taken.StateBy != "olga" || taken.StateAt.IsZero() {
		t.Fatalf("%+v, %v", taken, err)
	}
	shown, err := w.Alert(t.Context(), officer, made.ID)
	if err != nil || shown.State != acts.AlertInProcess || shown.StateBy != "olga" {
		t.Errorf("%+v, %v", shown, err)
	}
	if e := refusedAs(t, second(set(officer, acts.AlertInProcess, 0)), acts.Refused); !strings.Contains(e.Text, "alert 1 is In process already") {
		t.Errorf("%+v", e)
	}
	if e := refusedAs(t, second(set(local, acts.AlertClosed, list.Revision)), acts.Stale); !strings.Contains(e.Text, "alert state by olga") {
		t.Errorf("%+v", e)
	}
	refusedAs(t, second(set(officer, "done", 0)), acts.Invalid)
	refusedAs(t, second(w.SetAlertState(t.Context(), officer, acts.SetAlertState{ID: 77, State: acts.AlertNew})), acts.NotFound)
	refusedAs(t, second(w.Alert(t.Context(), officer, 77)), acts.NotFound)
	if _, err := set(officer, "closed", 0); err != nil {
		t.Fatal(err)
	}
	if s, err := w.Status(t.Context(), officer); err != nil || s.Alerts != (acts.AlertCounts{Closed: 1}) || s.Scan.Verdicts["detect"] != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	records, err := w.Audit(t.Context(), local, acts.AuditFilter{Act: "alert state"})
	if err != nil || len(records) < 2 || records[0].Account != "olga" || records[0].Subject[0] != "1" || records[0].Detail != "In process, before: New" {
		t.Errorf("%+v, %v", records, err)
	}
}

// TestWhatWaitsIsToldBeforeItsSystemIsCutOff has an engine that cannot be
// reached: objects wait until it can.
func TestWhatWaitsIsToldBeforeItsSystemIsCutOff(t *testing.T) {
	w := startWith(t, t.TempDir(), centralnode.Scan{Clamd: centralnode.Clamd{Address: "unix:" + filepath.Join(t.TempDir(), "clamd")}})
	gate, other := w.accepted("gate", acts.MailSensor), w.accepted("other", "")
	for range 3 {
		gate.submit("x", "an ordinary file")
	}
	waiting := func(c *caller) int { return w.shownSystem(c).Waiting }
	if n := waiting(gate); n != 3 || waiting(other) != 0 {
		t.Errorf("%d objects wait, and %d of another system", n, waiting(other))
	}
	if s := w.shownSystem(gate); s.Submitted != 3 {
		t.Errorf("%+v", s)
	}
	w.await(func() bool {
		s, err := w.Status(t.Context(), acts.Actor{Role: acts.SecurityOfficer})
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(s.Problems, func(p string) bool { return strings.HasPrefix(p, "Scanning engine clamd: ") })
	})
	for _, preview := range []func(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.Preview, error){w.PreviewRejectExternalSystem, w.PreviewDeleteExternalSystem} {
		p, err := preview(t.Context(), local, gate.which())
		if err != nil || len(p.Consequences) != 2 || p.Consequences[1].Count != 3 || !strings.HasPrefix(p.Consequences[1].Text, "Objects of this ID that have no verdict yet.") {
			t.Errorf("%+v, %v", p, err)
		}
	}
	// Results belong to the ID, and both who forgets it and who lets it in again
	// are told.
	told := func(preview func(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.Preview, error), who acts.DecideExternalSystem, what string) {
		t.Helper()
		p, err := preview(t.Context(), local, who)
		if err != nil || !strings.Contains(strings.Join(p.Lines, "\n"), "Results belong to the ID (kept now: 3): "+what) {
			t.Errorf("%+v, %v", p, err)
		}
	}
	told(w.PreviewDeleteExternalSystem, gate.which(), "whoever is accepted as gate later")
	if _, err := w.DeleteExternalSystem(t.Context(), local, gate.which()); err != nil {
		t.Fatal(err)
	}
	next := w.askingSystem("gate", "")
	told(w.PreviewAcceptExternalSystem, next.which(), "it will be able to read")
	if s := w.scanStatus(); s.Waiting+s.Running != 3 {
		t.Errorf("once their system is deleted, %d objects wait and %d are scanned", s.Waiting, s.Running)
	}
}

func TestAFilterOfAlertsWithWordsThatNoAlertHasIsRefused(t *testing.T) {
	w := start(t)
	for _, f := range []acts.AlertFilter{{State: "open"}, {Importance: "huge"}, {Technology: "sb"}, {Limit: -1}} {
		if e := refusedAs(t, second(w.Alerts(t.Context(), local, f)), acts.Invalid); e.Hint == "" {
			t.Errorf("%+v: %+v", f, e)
		}
	}
	list, err := w.Alerts(t.Context(), local, acts.AlertFilter{State: acts.AlertNew, Importance: "high", Technology: "yara"})
	if err != nil || list.Alerts == nil || len(list.Alerts) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}
