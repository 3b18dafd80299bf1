package clitest

import (
	"context"

	"vedette/internal/acts"
)

// Preparing is the part of a daemon's server certificate that only menus use,
// for a daemon in memory whose menu goes nowhere near it.
type Preparing struct{}

func unprepared() error {
	return &acts.Error{Code: acts.Unavailable, Text: "certificates are not prepared here"}
}

// PrepareGenerateServerCertificate refuses.
func (Preparing) PrepareGenerateServerCertificate(context.Context, acts.Actor, acts.GenerateServerCertificate, func(string)) (acts.PreparedServerCertificate, error) {
	return acts.PreparedServerCertificate{}, unprepared()
}

// PrepareInstallServerCertificate refuses.
func (Preparing) PrepareInstallServerCertificate(context.Context, acts.Actor, acts.InstallServerCertificate, func(string)) (acts.PreparedServerCertificate, error) {
	return acts.PreparedServerCertificate{}, unprepared()
}

// ApplyServerCertificate refuses.
func (Preparing) ApplyServerCertificate(context.Context, acts.Actor, acts.PreparedServerCertificate) (acts.ServerCertificate, error) {
	return acts.ServerCertificate{}, unprepared()
}
