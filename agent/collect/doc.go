// Package collect sees processes start and end on this host.
//
// With the right to do so it listens to the kernel's proc connector, which
// tells of each execve and each exit; what the kernel could not deliver is
// counted exactly, by the socket's own counter, and reported as a
// CollectorNotice. Without that right it looks at /proc again and again, and
// Limits says what it may miss then.
//
// A start is an execve that succeeded; a fork alone is none. An exit is
// reported for processes whose start was seen or that ran before the agent.
// Everything read from a process is foreign text: it is cut at a bound and made
// valid UTF-8 here, and cleaned of control characters where it is shown.
package collect
