package admin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vedette/centralnode/alerts"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/foreign"
	"vedette/internal/kv"
)

// Alerts is the room of alerts.
type Alerts interface {
	List(ctx context.Context, f acts.AlertFilter) (alerts.Found, error)
	Get(ctx context.Context, id int64) (alerts.Alert, bool, error)
	// Change is what writes an alert over the one that was read, and Changed tells
	// that it was written.
	Change(a alerts.Alert) (ops []kv.Op, expect []kv.Expect)
	Changed(ctx context.Context, id int64)
	Counts() acts.AlertCounts
}

// Alerts shows alerts that match, the newest first where the filter says nothing
// else.
func (a *Admin) Alerts(ctx context.Context, actor acts.Actor, f acts.AlertFilter) (acts.AlertList, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActViewAlerts); err != nil {
		return acts.AlertList{}, err
	}
	if err := checkAlertFilter(f); err != nil {
		return acts.AlertList{}, err
	}
	if f.Limit == 0 {
		f.Limit = defaultLimit
	}
	found, err := a.c.Alerts.List(ctx, f)
	if err != nil {
		return acts.AlertList{}, a.desk.Failed(ctx, actor, acts.ActViewAlerts, nil, err)
	}
	list := acts.AlertList{Alerts: make([]acts.Alert, len(found.Alerts)), Total: found.Total, Matching: found.Matching, Revision: uint64(found.Revision)}
	for i, one := range found.Alerts {
		list.Alerts[i] = describeAlert(one)
	}
	return list, nil
}

// checkAlertFilter refuses words that no alert can have.
func checkAlertFilter(f acts.AlertFilter) error {
	for _, one := range []struct {
		what, word string
		words      []string
	}{
		{"state", string(f.State), words(acts.AlertStates())},
		{"importance", f.Importance, acts.AlertImportances()},
		{"technology", f.Technology, acts.AlertTechnologies()},
		{"order", strings.TrimPrefix(string(f.Sort), "-"), words(acts.AlertSorts())},
	} {
		if one.word != "" && !slices.Contains(one.words, one.word) {
			return conduct.Invalid(fmt.Sprintf("%s \"%s\" is not known", one.what, foreign.Line(one.word)), "the words are "+strings.Join(one.words, ", "))
		}
	}
	if f.Offset < 0 {
		return conduct.Invalid(fmt.Sprintf("offset %d is negative", f.Offset), "0 stands for the first alert")
	}
	if f.Limit < 0 {
		return conduct.Invalid(fmt.Sprintf("limit %d is negative", f.Limit), "0 stands for the newest "+strconv.Itoa(defaultLimit))
	}
	return nil
}

func words[T ~string](of []T) []string {
	out := make([]string, len(of))
	for i, w := range of {
		out[i] = string(w)
	}
	return out
}

// Alert shows one alert.
func (a *Admin) Alert(ctx context.Context, actor acts.Actor, id int64) (acts.Alert, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActViewAlerts); err != nil {
		return acts.Alert{}, err
	}
	one, found, err := a.c.Alerts.Get(ctx, id)
	if err != nil {
		return acts.Alert{}, a.desk.Failed(ctx, actor, acts.ActViewAlerts, []string{strconv.FormatInt(id, 10)}, err)
	}
	if !found {
		return acts.Alert{}, noAlert(id)
	}
	return describeAlert(one), nil
}

func noAlert(id int64) *acts.Error {
	return &acts.Error{Code: acts.NotFound, Text: fmt.Sprintf("there is no alert %d", id), Hint: "the list shows the alerts that there are; the oldest are removed by rotation"}
}

// SetAlertState says what an officer does about an alert.
func (a *Admin) SetAlertState(ctx context.Context, actor acts.Actor, in acts.SetAlertState) (acts.Alert, error) {
	subject := strconv.FormatInt(in.ID, 10)
	if err := a.desk.Permit(ctx, actor, acts.ActSetAlertState, subject); err != nil {
		return acts.Alert{}, err
	}
	one, err := a.setAlertState(ctx, actor, in, subject)
	if err != nil {
		return acts.Alert{}, a.desk.Failed(ctx, actor, acts.ActSetAlertState, []string{subject}, err)
	}
	return describeAlert(one), nil
}

func (a *Admin) setAlertState(ctx context.Context, actor acts.Actor, in acts.SetAlertState, subject string) (alerts.Alert, error) {
	var none alerts.Alert
	state, err := acts.ParseAlertState(string(in.State))
	if err != nil {
		return none, conduct.InvalidInput(err)
	}
	one, found, err := a.c.Alerts.Get(ctx, in.ID)
	if err != nil {
		return none, err
	}
	if !found {
		return none, noAlert(in.ID)
	}
	if err := conduct.Seen(in.Revision, one.Version); err != nil {
		return none, err
	}
	if one.State == state {
		return none, &acts.Error{Code: acts.Refused, Text: fmt.Sprintf("alert %d is %s already: nothing was done", in.ID, state), Hint: "alert show says since when and by whom"}
	}
	before := one.State
	one.State, one.StateBy, one.StateAt = state, actor.Account, a.c.Now()
	ops, expect := a.c.Alerts.Change(one)
	if one.Version, err = a.desk.Commit(ctx, actor, acts.ActSetAlertState, []string{subject}, fmt.Sprintf("%s, before: %s", state, before), ops, expect); err != nil {
		return none, err
	}
	a.c.Alerts.Changed(ctx, in.ID)
	return one, nil
}

// describeAlert gives an alert the form in which its texts move no screen.
func describeAlert(one alerts.Alert) acts.Alert {
	d := one.Shown()
	for _, text := range []*string{
		&d.StateBy, &d.ObjectName, &d.ObjectType, &d.MD5, &d.SHA256, &d.Engine, &d.RuleSet, &d.System, &d.SystemName, &d.Instance, &d.ScanID, &d.Remote,
	} {
		*text = foreign.Line(*text)
	}
	d.Detections = make([]string, len(one.Detections))
	for i, name := range one.Detections {
		d.Detections[i] = foreign.Line(name)
	}
	return d
}
