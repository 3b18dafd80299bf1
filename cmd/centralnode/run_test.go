package main

import (
	"testing"

	"vedette/cmd/internal/cli/clitest"
)

func TestTheServiceManagerIsToldAndSIGTERMStops(t *testing.T) {
	clitest.CheckService(t, "centralnode", `web_listen = "127.0.0.1:0"`)
}
