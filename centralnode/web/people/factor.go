package people

import (
	"html/template"
	"strings"
	"time"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

type factorData struct {
	On, Begun bool
	Current   secret
	Fault     *fault

	// Of what was begun, until its code is given.
	Code   qrCode
	Secret []string     // in groups
	URI    template.URL // otpauth, which opens an app on the same device
	Until  time.Time
	Name   string
}

// factor is the page where one's own second factor is switched on and off.
func (m *room) factor(r *page.Request) (page.View, error) { return m.factoring(r, nil) }

func (m *room) factoring(r *page.Request, f *fault) (page.View, error) {
	mine, err := m.mine(r)
	if err != nil {
		return page.View{}, err
	}
	data := factorData{
		On: mine.SecondFactor, Fault: f.of("code"), Name: mine.Name,
		Current: secret{ID: "current", Label: "Current password", Autocomplete: autoCurrent, Fault: f.of("current")},
	}
	if !data.On {
		offer, err := m.backend.SecondFactorBegun(r.Context(), r.Actor)
		switch acts.CodeOf(err) {
		case "":
			if data.Code, err = encode(offer.URI); err != nil {
				return page.View{}, err
			}
			// The daemon wrote it; html/template would take a scheme that it does
			// not know for an attack.
			data.Begun, data.URI, data.Until = true, template.URL(offer.URI), offer.Until
			data.Secret = grouped(offer.Secret)
		case acts.NotFound:
		default:
			return page.View{}, err
		}
	}
	v := page.View{Template: "people/factor.html", Title: factorTitle, Above: []page.Link{{Text: ownTitle, Path: ownPath}}, Data: data}
	if f != nil {
		v.Status = 422
	}
	return v, nil
}

// refusedFactor shows the page again with what was wrong.
func (m *room) refusedFactor(r *page.Request, err error, field string) (page.Outcome, error) {
	f, ok := taken(err, field)
	if !ok {
		return page.Outcome{}, err
	}
	v, err := m.factoring(r, f)
	return page.Outcome{Page: &v}, err
}

func (m *room) beginFactor(r *page.Request) (page.Outcome, error) {
	if _, err := m.backend.BeginSecondFactor(r.Context(), r.Actor, acts.BeginSecondFactor{Current: r.PostFormValue("current")}); err != nil {
		return m.refusedFactor(r, err, "current")
	}
	return page.Outcome{To: factorPath}, nil
}

func (m *room) factorOn(r *page.Request) (page.Outcome, error) {
	c, err := m.backend.ConfirmSecondFactor(r.Context(), r.Actor, acts.ConfirmSecondFactor{Code: r.PostFormValue("code")})
	if err != nil {
		return m.refusedFactor(r, err, "code")
	}
	return page.Outcome{To: ownPath, Notice: done(
		"Your second factor is on", "From now on a code is asked for after your password, here and over SSH. "+ended(c.Ended, "other "),
		"If you lose the app, an administrator can remove the second factor.",
	)}, nil
}

func (m *room) factorOff(r *page.Request) (page.Outcome, error) {
	c, err := m.backend.EndSecondFactor(r.Context(), r.Actor, acts.EndSecondFactor{Current: r.PostFormValue("current")})
	if err != nil {
		return m.refusedFactor(r, err, "current")
	}
	return page.Outcome{To: ownPath, Notice: page.Notice{Kind: page.Caution, Title: "Your second factor is off", Lines: []string{
		"Your password alone signs in. " + ended(c.Ended, "other "),
	}}}, nil
}

// grouped parts a secret into groups that can be typed.
func grouped(secret string) []string {
	const each = 4
	var out []string
	for len(secret) > each {
		out, secret = append(out, secret[:each]), secret[each:]
	}
	return append(out, strings.TrimSpace(secret))
}
