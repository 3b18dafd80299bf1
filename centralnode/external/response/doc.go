// Package response is the documented API for managing response actions:
// /kata/response_api/v1/{external_system_id}/sensors, settings and tasks.
//
// # What it can do
//
// sensors lists the hosts that have an Endpoint Agent. Endpoint Agents can
// neither isolate a host, nor prevent files from running, nor run programs yet;
// capabilities of each host says so by being empty. Parameters and bodies are
// checked as documented all the same, so that an integration finds its own faults
// first: malformed is 400 bad_request, a host that nobody knows is 404, and what
// is well-formed for a host that is known is 400 not_supported with the name of
// the missing capability. Since nothing can be set, there is nothing to read or to
// delete: 404.
//
// # A host
//
// sensorId is the agent's own id, 32 hexadecimal digits; in requests the same
// digits may be written as a UUID. A member whose truth is not known is left out:
// licenseStatus always (there are no licences), osFamily, osName and version while
// an agent has not told them. lastAccessTimestamp is RFC 3339 in UTC.
package response
