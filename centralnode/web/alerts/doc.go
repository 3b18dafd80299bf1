// Package alerts is the section Alerts of the web interface: the table of what
// was detected, one alert with all that is known of it, and what people do about
// it.
package alerts
