package web

import (
	"vedette/centralnode/web/page"
	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/servercert"
)

// sections are the entries of the navigation.
func sections() []page.Section {
	const settings = "Settings"
	return []page.Section{
		{Title: "Dashboard", Path: "/", Act: acts.ActViewStatus},
		{Title: "Alerts", Path: "/alerts", Act: acts.ActViewAlerts},
		{Title: "Events", Path: "/events", Act: acts.ActViewEvents},
		{Title: "Endpoint Agents", Path: "/endpoint-agents", Act: acts.ActViewHosts},
		{Title: "Sensor servers", Path: "/sensor-servers", Act: acts.ActViewSensors},
		{Title: "External systems", Path: "/external-systems", Act: acts.ActViewSystems},
		{Title: "Certificates", Path: "/settings/certificates", Act: servercert.ActView, Group: settings},
		{Title: "Accounts", Path: "/settings/accounts", Act: accounts.ActView, Group: settings},
		{Title: "Audit", Path: "/audit", Act: conduct.ActReview},
		{Title: "About", Path: "/about", Act: acts.ActViewStatus},
	}
}
