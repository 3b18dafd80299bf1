package alerts

import (
	"strconv"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/internal/foreign"
)

// alert is one alert's page.
type alert struct {
	row
	States      []acts.AlertState
	SystemsPath string // the page of external systems, filtered by its ID
}

func (m *room) show(r *page.Request) (page.View, error) {
	id, err := number(r.PathValue("id"))
	if err != nil {
		return page.View{}, err
	}
	a, err := m.backend.Alert(r.Context(), r.Actor, id)
	if err != nil {
		return page.View{}, err
	}
	return page.View{
		Template: "alerts/show.html", Title: "Alert " + strconv.FormatInt(id, 10), Above: []page.Link{{Text: title, Path: front}}, Live: true,
		Data: alert{row: rowOf(a), States: acts.AlertStates()},
	}, nil
}

// number reads the number of an alert out of an address.
func number(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, &acts.Error{Code: acts.NotFound, Text: "there is no alert \"" + foreign.Line(text) + "\"", Hint: "the table shows the alerts that there are"}
	}
	return id, nil
}
