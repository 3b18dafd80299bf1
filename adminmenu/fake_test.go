package adminmenu

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"vedette/internal/acts"
	"vedette/pki"
)

// fake is a daemon in memory, whole enough that every window can be walked:
// several menus on one fake see each other's changes. A test changes what it
// holds under change, makes a method fail with failing, and holds a method back
// with holding.
type fake struct {
	mu       sync.Mutex
	revision uint64
	failures map[string]error
	slow     time.Duration // each method takes
	holds    map[string]chan struct{}
	calls    map[string]int

	certificate  acts.ServerCertificate
	certRevision uint64
	uploadedAt   uint64 // revision of the kata.pem
	upload       acts.Certificate
	made         int // certificates
	consequences []acts.Consequence
	steps        []string // of Prepare
	pairs        []weak.Pointer[pki.Pair]
	cut          int // by applying

	accounts []acts.Account
	audit    []acts.AuditRecord
	asked    []acts.AuditFilter
	given    []string // lines of keys

	central acts.CentralNode // of a Sensor
	link    acts.Link
	tested  []acts.TestLink
	minutes []acts.QualityMinute // of a link's history

	servers    []acts.SensorServer // of a Central Node
	agents     []acts.AgentCertificate
	validation bool
	unlisted   int // connections that no listed certificate is shown on
	late       []string
	events     acts.EventState
	systems    []acts.ExternalSystem
	priority   bool
	scan       acts.ScanStatus
	alerts     acts.AlertCounts

	historyOf string // the Sensor whose history was asked for

	problems []string // of Status
	met      string   // subject of the certificate that a Central Node shows
}

// fakeSensor and fakeCentral are its two shapes.
type fakeSensor struct{ *fake }

type fakeCentral struct{ *fake }

var (
	_ Sensor      = fakeSensor{}
	_ CentralNode = fakeCentral{}
)

// newFake makes a daemon with one certificate, one account, and what a Sensor
// and a Central Node have. Its times are the bubble's.
func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{revision: 10, certRevision: 10, failures: map[string]error{}, holds: map[string]chan struct{}{}, calls: map[string]int{}}
	now := time.Now()
	f.certificate = acts.ServerCertificate{Certificate: f.make("CN=sensor-1.example"), Since: now.Add(-30 * 24 * time.Hour), Revision: 10}
	f.steps = []string{
		"A new key was made: ECDSA P-256.", "A certificate for 3 names and addresses was signed with it.",
		"They were read back as the next start of this server will read them.",
	}
	f.consequences = []acts.Consequence{
		{Text: "Agents that pin the old certificate stop delivering through this Sensor until they have the new one.", InUse: true, Count: 3, Who: []string{"192.0.2.10", "192.0.2.11", "192.0.2.12"}},
		{Text: "Mail sensors must be authorised again."},
	}
	f.events = acts.EventState{Store: "embedded", Durability: "on disk", Packages: 1234, Bytes: 5_600_000, Oldest: now.Add(-2 * time.Hour)}
	f.met = "CN=central-1.example"
	f.accounts = []acts.Account{{Name: "admin", Role: acts.LocalAdministrator, Created: now.Add(-48 * time.Hour), Changed: now.Add(-48 * time.Hour), Revision: 3, Sessions: 1}}
	f.central = acts.CentralNode{State: acts.LinkUnconfigured, Since: now, Next: "Configure the Central Node.", LinkIdentity: fingerprint("link identity"), Revision: 5}
	return f
}

// fingerprint is a fingerprint that is always the same for a word.
func fingerprint(word string) pki.Fingerprint { return sha256.Sum256([]byte(word)) }

// make describes a certificate; each is another one.
func (f *fake) make(subject string) acts.Certificate {
	f.made++
	fp := fingerprint(fmt.Sprint("certificate ", f.made))
	now := time.Now()
	return acts.Certificate{
		Fingerprint: fp, Subject: subject, Names: []string{"sensor-1.example", "192.0.2.1", "2001:db8::1"},
		Serial: pki.Serial(fmt.Sprintf("%X", fp[:16])), NotBefore: now, NotAfter: now.Add(10 * 365 * 24 * time.Hour), Key: "ECDSA P-256",
	}
}

// pair makes a key that a test can look for later.
func (f *fake) pair() *pki.Pair {
	p := new(pki.Pair)
	f.pairs = append(f.pairs, weak.Make(p))
	return p
}

// change changes what the daemon holds, as another administrator would.
func (f *fake) change(how func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how(f)
}

// failing makes a method return an error, nil: no more.
func (f *fake) failing(method string, err error) {
	f.change(func(f *fake) { f.failures[method] = err })
}

// holding makes a method wait until release is called, or its context ends.
func (f *fake) holding(method string) (release func()) {
	held := make(chan struct{})
	f.change(func(f *fake) { f.holds[method] = held })
	return sync.OnceFunc(func() { f.change(func(f *fake) { delete(f.holds, method) }); close(held) })
}

// called is how often a method was called.
func (f *fake) called(method string) (n int) {
	f.change(func(f *fake) { n = f.calls[method] })
	return n
}

// begin is the beginning of every method.
func (f *fake) begin(ctx context.Context, method string) error {
	f.mu.Lock()
	f.calls[method]++
	held, err, slow := f.holds[method], f.failures[method], f.slow
	f.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

// seen refuses a revision that is older than what it is about; 0: no check.
func seen(revision, current uint64, what string) error {
	if revision != 0 && revision != current {
		return &acts.Error{Code: acts.Stale, Text: what + " was changed by another administrator", Hint: "look at it again"}
	}
	return nil
}

func notFound(what string) error {
	return &acts.Error{Code: acts.NotFound, Text: what + " does not exist"}
}

// record writes an audit record; with the lock held.
func (f *fake) record(who acts.Actor, act string, subject ...string) {
	f.revision++
	f.audit = append(f.audit, acts.AuditRecord{Seq: uint64(len(f.audit) + 1), Time: time.Now(), Account: who.Account, Role: who.Role, Face: who.Face, From: who.From, Act: act, Subject: subject, Result: "done", Hash: strings.ToLower(strings.ReplaceAll(fingerprint(fmt.Sprint("record ", len(f.audit))).String(), ":", ""))})
}

// Audit lists the newest records that match, the oldest first.
func (f *fake) Audit(ctx context.Context, _ acts.Actor, in acts.AuditFilter) ([]acts.AuditRecord, error) {
	if err := f.begin(ctx, "Audit"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, in)
	all := slices.DeleteFunc(slices.Clone(f.audit), func(r acts.AuditRecord) bool {
		return !in.Since.IsZero() && r.Time.Before(in.Since) || !in.Until.IsZero() && !r.Time.Before(in.Until) ||
			in.Account != "" && r.Account != in.Account || in.Act != "" && r.Act != in.Act
	})
	if in.Limit == 0 {
		in.Limit = 1000
	}
	return all[max(len(all)-in.Limit, 0):], nil
}
