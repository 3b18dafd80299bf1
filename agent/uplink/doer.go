package uplink

import "net/http"

// doer is Connect's HTTP client over one transport: no cookies, no redirects.
type doer struct{ t *Transport }

func (d doer) Do(r *http.Request) (*http.Response, error) { return d.t.RoundTrip(r) }
