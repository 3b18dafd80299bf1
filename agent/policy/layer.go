package policy

import (
	"reflect"
	"strings"

	"vedette/internal/settings"
)

// Layer is one file of settings; what is nil is left to the layer below.
type Layer struct {
	UnderPolicy          *bool              `toml:"under_policy"`
	Enabled              *bool              `toml:"enabled"`
	Address              *string            `toml:"address"`
	Port                 *int               `toml:"port"`
	Servers              *[]string          `toml:"servers"`
	UsePinnedCertificate *bool              `toml:"use_pinned_certificate"`
	Certificate          *string            `toml:"certificate"`
	ClientCertificate    *string            `toml:"client_certificate"`
	ClientPasswordFile   *string            `toml:"client_password_file"`
	Timeout              *settings.Duration `toml:"timeout"`
	SyncPeriod           *settings.Duration `toml:"sync_period"`
	Compression          *bool              `toml:"compression"`
	TTLEnabled           *bool              `toml:"ttl_enabled"`
	TTLPeriod            *settings.Duration `toml:"ttl_period"`
	Throttling           *bool              `toml:"throttling"`
	EventsPerHour        *int               `toml:"throttling_events_per_hour"`
	ExcessPercent        *int               `toml:"throttling_excess_percent"`
}

// fields lists the keys of a layer in the order of declaration.
func (l *Layer) fields(f func(key string, value reflect.Value)) {
	v := reflect.ValueOf(l).Elem()
	for i := range v.NumField() {
		f(v.Type().Field(i).Tag.Get("toml"), v.Field(i))
	}
}

// over lays l over what is below it. Where both name servers, in whichever of
// the two ways, the upper one counts.
func (l *Layer) over(below *Layer, set func(key string)) {
	if l.Address != nil || l.Servers != nil {
		below.Address, below.Servers = nil, nil
	}
	values := make(map[string]reflect.Value)
	l.fields(func(key string, v reflect.Value) { values[key] = v })
	below.fields(func(key string, v reflect.Value) {
		if from := values[key]; !from.IsNil() {
			v.Set(from)
			set(key)
		}
	})
}

// encode writes the layer as a file that settings.Load reads.
func (l *Layer) encode() []byte {
	unset := make(map[string]bool)
	l.fields(func(key string, v reflect.Value) { unset[key] = v.IsNil() })
	var b strings.Builder
	b.WriteString("# Local settings of the Endpoint Agent, written by its command line. Version 1.\n")
	for _, v := range settings.Flatten(l) {
		if !unset[v.Key] {
			b.WriteString(v.Key + " = " + v.Text + "\n")
		}
	}
	return []byte(b.String())
}
