// Package e2e tests the real binaries together, as an administrator and a host
// owner use them: documented set-ups step by step, withdrawal under load,
// kill -9 at random moments, full disks. It holds tests only.
package e2e
