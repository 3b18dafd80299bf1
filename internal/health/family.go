package health

import "github.com/prometheus/client_golang/prometheus"

// family is a Family as a collector.
type family struct {
	Family
	kind prometheus.ValueType
	desc *prometheus.Desc
}

func newFamily(f Family) *family {
	kind := prometheus.GaugeValue
	if f.Counter {
		kind = prometheus.CounterValue
	}
	return &family{f, kind, prometheus.NewDesc(namespace+"_"+f.Name, f.Help, f.Labels, nil)}
}

// Describe is for the registry.
func (f *family) Describe(to chan<- *prometheus.Desc) { to <- f.desc }

// Collect is for the registry.
func (f *family) Collect(to chan<- prometheus.Metric) {
	f.Read(func(value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(f.desc, f.kind, value, labels...)
	})
}
