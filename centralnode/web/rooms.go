package web

import (
	"fmt"
	"net/http"
	"net/netip"

	"vedette/centralnode/web/about"
	"vedette/centralnode/web/alerts"
	"vedette/centralnode/web/audit"
	"vedette/centralnode/web/certificates"
	"vedette/centralnode/web/dashboard"
	"vedette/centralnode/web/endpoints"
	"vedette/centralnode/web/events"
	"vedette/centralnode/web/externalsystems"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/people"
	"vedette/centralnode/web/sensorservers"
	"vedette/centralnode/web/signin"
)

// furnish gives the server its pages.
func (s *Server) furnish() error {
	c := s.config
	kit, err := page.New(page.Config{
		Sections: sections(), Permit: c.Backend.Permit, May: c.Backend.May,
		SignIn: signin.Path, Stage: signin.PathOf, Version: c.Version, Logger: c.Logger, Now: c.Now,
	})
	if err != nil {
		return err
	}
	s.kit = kit
	s.signin = signin.New(signin.Config{
		Sessions: s.sessions, Accounts: c.Accounts, Backend: c.Backend, Logger: c.Logger, Now: c.Now,
		From: func(r *http.Request) netip.Addr { return connOf(r).Remote.Addr() },
	})
	for _, room := range []struct {
		name     string
		register func() error
	}{
		{"signin", func() error { return s.signin.Register(kit) }},
		{"dashboard", func() error { return dashboard.Register(kit, c.Backend) }},
		{"alerts", func() error { return alerts.Register(kit, c.Backend) }},
		{"events", func() error { return events.Register(kit, c.Backend, c.Now) }},
		{"endpoints", func() error { return endpoints.Register(kit, c.Backend) }},
		{"certificates", func() error { return certificates.Register(kit, c.Backend) }},
		{"sensorservers", func() error { return sensorservers.Register(kit, c.Backend, c.Now) }},
		{"externalsystems", func() error { return externalsystems.Register(kit, c.Backend) }},
		{"people", func() error { return people.Register(kit, c.Backend) }},
		{"audit", func() error { return audit.Register(kit, c.Backend) }},
		{"about", func() error { return about.Register(kit, c.Backend) }},
	} {
		if err := room.register(); err != nil {
			return fmt.Errorf("pages of %s: %w", room.name, err)
		}
	}
	return nil
}
