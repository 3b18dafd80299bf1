// Package openapi is the description of the REST API of external systems: every
// path below /kata, every answer, and the words of every error (OpenAPI 3.1).
// It is what the Central Node serves, what foreign generators make clients from,
// and what openapitest holds the exchanges of tests against.
package openapi

import _ "embed"

// Document is the description, in YAML.
//
//go:embed openapi.yaml
var Document []byte

// ContentType is the media type of Document (RFC 9512).
const ContentType = "application/yaml"
