package externalsystems

import (
	"context"
	"fmt"
	"slices"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/pki"
)

// decision is what can be decided about an external system: a window that asks,
// and the deed.
type decision struct {
	word     string // in the address
	act      string
	question func(system) string
	preview  func(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.Preview, error)
	deed     func(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.ExternalSystemDecision, error)
	typed    bool // the person says of which type the system is
	notice   func(acts.ExternalSystemDecision) page.Notice
}

func (m *room) decisions() []decision {
	return []decision{
		{
			word: "accept", act: acts.ActAcceptSystem, preview: m.backend.PreviewAcceptExternalSystem, deed: m.backend.AcceptExternalSystem, typed: true,
			question: func(s system) string {
				if s.State == acts.Accepted {
					return "Change the type of the external system " + s.ID + "?"
				}
				return "Accept the external system " + s.ID + "?"
			},
			notice: func(d acts.ExternalSystemDecision) page.Notice {
				return page.Notice{Title: "Accepted: " + d.System.ID + ", " + string(d.System.Type), Lines: []string{
					"Its calls with this certificate are taken from now on.", "Next: have its administrator check the connection from there; this page has the command.",
				}}
			},
		},
		{
			word: "reject", act: acts.ActRejectSystem, preview: m.backend.PreviewRejectExternalSystem, deed: m.backend.RejectExternalSystem,
			question: func(s system) string { return "Reject the external system " + s.ID + "?" },
			notice: func(d acts.ExternalSystemDecision) page.Notice {
				return page.Notice{Title: "Rejected: " + d.System.ID, Lines: []string{cut(d.Cut), "It is told so whenever it calls, and does not ask again. Delete it to let it ask anew."}}
			},
		},
		{
			word: "delete", act: acts.ActDeleteSystem, preview: m.backend.PreviewDeleteExternalSystem, deed: m.backend.DeleteExternalSystem,
			question: func(s system) string { return "Delete the external system " + s.ID + "?" },
			notice: func(d acts.ExternalSystemDecision) page.Notice {
				return page.Notice{Title: "Deleted: " + d.System.ID, Lines: []string{cut(d.Cut), "If it calls again it makes a new request; to keep it away, reject that."}}
			},
		},
	}
}

// Fields of the windows.
const (
	compared  = "fingerprint" // that the person saw: of exactly that certificate the system is decided about
	typeField = "type"
)

// ask opens the window that asks before a decision.
func (m *room) ask(d decision) page.Read {
	return func(r *page.Request) (page.View, error) {
		found, err := m.find(r)
		if err != nil {
			return page.View{}, err
		}
		s := system{found.ExternalSystem}
		in := which(s.ID, s.Fingerprint)
		in.EachType = d.typed
		p, err := d.preview(r.Context(), r.Actor, in)
		if err != nil {
			return page.View{}, err
		}
		c := page.Confirm{
			Title: d.question(s), Above: above(page.Link{Text: s.ID, Path: s.Path()}), Preview: framed(p, s.Fingerprint), Post: s.Path() + "/" + d.word,
			Fields: []page.Field{{Name: compared, Value: s.Fingerprint.String()}}, Cancel: listPath, Danger: d.act != acts.ActAcceptSystem,
		}
		if d.typed {
			c.Choices = []page.Choice{types(s)}
		}
		return m.kit.Ask(c), nil
	}
}

// framed has the window show a fingerprint by itself, where it can be compared,
// and not in a line as well.
func framed(p acts.Preview, f pki.Fingerprint) acts.Preview {
	p.Fingerprint = f
	p.Lines = slices.DeleteFunc(slices.Clone(p.Lines), func(line string) bool { return line == "Certificate fingerprint: "+f.String() })
	return p
}

// types is the choice of the type. What a system says of itself is a claim, and
// stands there to be confirmed.
func types(s system) page.Choice {
	c := page.Choice{Name: typeField, Legend: "Type, as it says itself until you confirm or correct it"}
	if s.State != acts.Pending {
		c.Legend = "Type"
	}
	for _, kind := range []acts.SystemType{acts.MailSensor, acts.OtherSystem} {
		c.Options = append(c.Options, page.Option{Value: string(kind), Text: string(kind), Chosen: s.Type == kind})
	}
	return c
}

// which names a system by both: so no ID can be taken for a fingerprint.
func which(id string, f pki.Fingerprint) acts.DecideExternalSystem {
	return acts.DecideExternalSystem{Which: id + "/" + f.String(), Fingerprint: f}
}

// decide carries a decision out.
func (m *room) decide(d decision) page.Do {
	return func(r *page.Request) (page.Outcome, error) {
		in, err := decided(r, d)
		if err != nil {
			return page.Outcome{}, err
		}
		done, err := d.deed(r.Context(), r.Actor, in)
		if err != nil {
			return page.Outcome{}, err
		}
		o := page.Outcome{To: listPath, Notice: d.notice(done)}
		o.Notice.Kind = page.Done
		if d.act == acts.ActAcceptSystem {
			o.To = system{done.System}.Path()
		}
		return o, nil
	}
}

// decided reads which system a form is about: the one of the address, whose
// certificate the person has seen.
func decided(r *page.Request, d decision) (acts.DecideExternalSystem, error) {
	seen, err := pki.ParseFingerprint(r.PostFormValue(compared))
	if err != nil || seen.IsZero() || r.Revision() == 0 {
		return acts.DecideExternalSystem{}, incomplete("which fingerprint was compared", err)
	}
	in := which(r.PathValue("id"), seen)
	if f, err := pki.ParseFingerprint(r.PathValue("certificate")); err != nil || f != seen {
		return acts.DecideExternalSystem{}, &acts.Error{Code: acts.Refused, Text: "the fingerprint that was compared is of another certificate than the request's: nothing was done",
			Hint: "open the system's page, compare the fingerprint, and decide there", Err: err}
	}
	in.Revision = r.Revision()
	if d.typed {
		in.Type = acts.SystemType(r.PostFormValue(typeField))
		if in.Type == "" {
			return acts.DecideExternalSystem{}, incomplete("of which type the system is", nil)
		}
	}
	return in, nil
}

func incomplete(what string, err error) error {
	return &acts.Error{Code: acts.Invalid, Text: "the form does not say " + what + ": nothing was done", Hint: "open the system's page, compare the fingerprint, and decide there", Err: err}
}

// cut says what a decision ended.
func cut(n int) string {
	switch n {
	case 0:
		return "It had no connection: nothing was cut."
	case 1:
		return "1 connection of it was cut."
	}
	return fmt.Sprintf("%d connections of it were cut.", n)
}
