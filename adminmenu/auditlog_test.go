package adminmenu

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
)

// recorded gives a daemon so many audit records, one each step of time.
func (f *fake) recorded(n int, step time.Duration) {
	f.change(func(f *fake) {
		begun := time.Now().Add(-time.Duration(n) * step)
		for i := range n {
			f.record(testActor(), "account create", fmt.Sprintf("account-%d", i+1))
			f.audit[len(f.audit)-1].Time = begun.Add(time.Duration(i) * step)
		}
	})
}

func TestAuditShowsWhatHappensTheNewestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.recorded(3, time.Minute)
		f.change(func(f *fake) {
			who := testActor()
			who.Account, who.Role, who.Face, who.From = "otto", acts.SecurityAuditor, acts.FaceCommand, "2001:db8::7"
			f.record(who, "agent-certificate delete", fingerprint("agent A").String(), fingerprint("agent B").String())
			last := &f.audit[len(f.audit)-1]
			last.Result, last.Detail = "refused", "the role security-auditor may not do this"
		})
		d := drive(t, central(fakeCentral{f}))
		d.choose("Audit")
		d.expect("Records 4 to 1, the newest first.", "> 2000-01-01 00:00:00 otto", "refused")
		d.refuse("[Older]")
		d.golden("audit")
		d.press("enter")
		d.at("Audit record")
		d.expect("Number", "4", "security-auditor", "command", "2001:db8::7", fingerprint("agent A").String(), fingerprint("agent B").String(), "may not do this", f.audit[3].Hash)
		d.golden("audit-record")
		d.button("Close")

		f.change(func(f *fake) { f.record(testActor(), "certificate generate") })
		d.wait(1100 * time.Millisecond)
		d.expect("Records 5 to 1", "certificate generate", "> 2000-01-01 00:00:00 otto") // the selection stays
		d.press("/")
		d.send("account-2")
		d.expect("Filter (1 of 5)", "account create")
		d.refuse("otto")
		d.press("enter", "enter")
		d.expect("account-2")
	})
}

func TestAuditGoesThroughMoreThanAThousandRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.recorded(1742, time.Second)
		d := drive(t, sensor(fakeSensor{f}))
		d.choose("Audit")
		d.expect("Records 1742 to 1243")
		d.button("Older")
		d.expect("Records 1242 to 743")
		if last := f.asked[len(f.asked)-1]; !last.Until.Equal(f.audit[1242].Time.Add(1)) || last.Limit != auditPage+1 {
			t.Errorf("asked for %+v, want the records until that of 1243", last)
		}
		d.button("Older")
		d.expect("Records 742 to 243")
		d.press("/")
		d.send("account-7")
		d.expect("Filter (")
		d.press("enter")
		d.button("Older")
		d.expect("Records 242 to 1,", "Filter (11 of 242): [account-7 ")
		d.refuse("[Older]")
		d.press("esc", "esc")
		d.expect("Records 742 to 243")
		d.press("esc") // the focus is not on the filter
		d.expect("Records 1242 to 743")
		d.press("esc")
		d.expect("Records 1742 to 1243")
		d.press("esc")
		d.at("Administrator menu")
	})
}

// TestPagesOfAuditAreWholeWhateverTheClockDid reads records whose times stand
// still, jump back and forth: each is on exactly one page.
func TestPagesOfAuditAreWholeWhateverTheClockDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, at := range map[string]func(i int) time.Duration{
			"steady":        func(i int) time.Duration { return time.Duration(i) * time.Second },
			"stands still":  func(int) time.Duration { return 0 },
			"was set back":  func(i int) time.Duration { return time.Duration(i%900) * time.Second },
			"runs backward": func(i int) time.Duration { return -time.Duration(i) * time.Second },
		} {
			f := newFake(t)
			f.recorded(2100, 0)
			begun := time.Now()
			for i := range f.audit {
				f.audit[i].Time = begun.Add(at(i))
			}
			m := &auditWindow{menu: &menuSession{who: testActor()}, backend: f}
			want := uint64(2100)
			page, err := newestFirst(f.Audit(t.Context(), m.menu.who, acts.AuditFilter{Limit: auditPage}))
			for pages := 1; ; pages++ {
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range page {
					if r.Seq != want {
						t.Fatalf("%s: page %d has record %d, want %d", name, pages, r.Seq, want)
					}
					want--
				}
				if want == 0 {
					break
				}
				if len(page) != auditPage {
					t.Fatalf("%s: page %d has %d records", name, pages, len(page))
				}
				page, err = m.before(t.Context(), page[len(page)-1])
			}
		}
	})
}

// staleReview answers the first question, and no other.
type staleReview struct{ *fake }

func (r staleReview) Audit(ctx context.Context, who acts.Actor, in acts.AuditFilter) ([]acts.AuditRecord, error) {
	if !in.Until.IsZero() {
		return nil, &acts.Error{Code: acts.Failed, Text: "audit record 7 was changed", Hint: "compare with a backup"}
	}
	return r.fake.Audit(ctx, who, in)
}

func TestAPageOfAuditThatCannotBeReadSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.recorded(600, time.Second)
		d := drive(t, alone(func(s *menuSession) *window {
			s.auditLog(staleReview{f})
			w := s.top()
			s.stack = nil
			return w
		}))
		d.button("Older")
		d.at("Error")
		d.expect("audit record 7 was changed", "compare with a backup")
		d.button("Close")
		d.expect("Records 600 to 101")
		f.failing("Audit", &acts.Error{Code: acts.NotAllowed, Text: "the role security-officer may not do this"})
		d.wait(1100 * time.Millisecond)
		d.expect("The role security-officer may not do this.", "Records 600 to 101")
	})
}

func TestForeignTextsOfAuditRecordsCannotMoveTheScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.change(func(f *fake) {
			for _, text := range hostile {
				act := text[:min(len(text), 40)] // acts are words of the daemon
				f.record(acts.Actor{Account: text, Role: acts.Role(text), Face: acts.Face(text), From: text}, act, text, text)
				last := &f.audit[len(f.audit)-1]
				last.Detail, last.Result = text, text
			}
		})
		d := drive(t, sensor(fakeSensor{f}))
		d.choose("Audit")
		d.whole()
		for i := range hostile {
			d.press("home")
			for range i {
				d.press("down")
			}
			d.whole()
			d.press("enter")
			d.at("Audit record")
			d.whole()
			d.press("end")
			d.whole()
			d.press("esc")
			d.at("Audit")
		}
	})
}

func TestARoleThatMayNotSeeAuditIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.failing("Audit", &acts.Error{Code: acts.NotAllowed, Text: "the role security-officer may not do this", Hint: "ask a local administrator, an administrator or a security auditor"})
		d := drive(t, sensor(fakeSensor{f}).as("anna", acts.SecurityOfficer))
		d.choose("Audit")
		d.wait(time.Minute)
		d.expect("The role security-officer may not do this. Ask a local administrator")
		d.refuse("Cannot be read now")
		d.refuse("There are no audit records", "Loading")
		if n := f.called("Audit"); n != 1 {
			t.Errorf("the daemon was asked %d times: each refusal is a record", n)
		}
	})
}
