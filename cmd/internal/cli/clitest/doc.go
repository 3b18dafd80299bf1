// Package clitest is what the tests of the daemons' binaries share: rules that
// every tree of commands keeps, scripts against the real main, a terminal with
// a person before it, and a service manager.
package clitest

import "time"

// Patience is how long a test waits for what has to happen.
const Patience = 20 * time.Second
