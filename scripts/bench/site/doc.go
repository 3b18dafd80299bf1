// Package site is what the benchmarks of the path put side by side: a Central
// Node (its real rooms around one handler, in a process of its own), the
// subjects that lead to it (the Sensor, the same job done one for one by haproxy,
// nginx and stunnel, or nothing), agents, and certificates for all of them. What
// is measured is not its business.
package site
