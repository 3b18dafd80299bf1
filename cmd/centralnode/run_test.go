package main

import (
	"testing"

	"vedette/cmd/internal/cli/clitest"
)

func TestTheServiceManagerIsToldAndSIGTERMStops(t *testing.T) {
	clitest.CheckService(t, "centralnode")
}
