// Package budget bounds what somebody who has proved nothing yet may cost:
// connections, and lines of log. Both daemons put it in front of their doors.
package budget
