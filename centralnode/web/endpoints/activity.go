package endpoints

import (
	"fmt"
	"strconv"
	"strings"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// activityForm is the form of the thresholds, as it was filled in.
type activityForm struct {
	Warning, Critical string
	Revision          uint64
	Fault             string // what is wrong with it; empty: nothing
	OfCritical        bool   // the fault is of that field
}

func (m *room) showActivity(r *page.Request) (page.View, error) {
	t, err := m.backend.Activity(r.Context(), r.Actor)
	if err != nil {
		return page.View{}, err
	}
	return activityView(activityForm{Warning: strconv.Itoa(t.Warning), Critical: strconv.Itoa(t.Critical), Revision: t.Revision}), nil
}

func activityView(f activityForm) page.View {
	v := page.View{Template: "endpoints/activity.html", Title: "Activity indicators", Above: above(), Data: f}
	if f.Fault != "" {
		v.Status = 422
	}
	return v
}

func (m *room) setActivity(r *page.Request) (page.Outcome, error) {
	f := activityForm{Warning: r.PostFormValue("warning"), Critical: r.PostFormValue("critical"), Revision: r.Revision()}
	wrong := func(fault string, ofCritical bool) (page.Outcome, error) {
		f.Fault, f.OfCritical = fault, ofCritical
		v := activityView(f)
		return page.Outcome{Page: &v}, nil
	}
	in := acts.SetActivity{Revision: f.Revision}
	for _, field := range []struct {
		value string
		into  *int
	}{{f.Warning, &in.Warning}, {f.Critical, &in.Critical}} {
		n, err := strconv.Atoi(strings.TrimSpace(field.value))
		if err != nil {
			return wrong("Give a whole number of days.", field.into == &in.Critical)
		}
		*field.into = n
	}
	done, err := m.backend.SetActivity(r.Context(), r.Actor, in)
	if acts.CodeOf(err) == acts.Invalid {
		return wrong(acts.Sentence(err.Error()), in.Warning >= 1)
	}
	if err != nil {
		return page.Outcome{}, err
	}
	return page.Outcome{To: front, Notice: page.Notice{Kind: page.Done, Title: "Activity indicators are set", Lines: []string{
		fmt.Sprintf("%s after %s without contact, %s after %s.", acts.WarningActivity, days(done.Warning), acts.CriticalInactivity, days(done.Critical)),
	}}}, nil
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return strconv.Itoa(n) + " days"
}
