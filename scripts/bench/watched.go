package main

import (
	"time"

	"vedette/scripts/bench/daemon"
	"vedette/scripts/bench/process"
)

// watched is what some daemons use together.
type watched struct {
	name    string
	daemons []*daemon.Daemon
	empty   float64 // RSS in KiB before anybody came

	began, looked time.Time
	before, last  use
	first, most   float64 // RSS in KiB
}

// use is what daemons have used so far.
type use struct {
	process.Usage
	written int64 // bytes
}

// watchEmpty looks at daemons that nobody uses yet.
func watchEmpty(name string, daemons ...*daemon.Daemon) (*watched, error) {
	w := &watched{name: name, daemons: daemons}
	err := w.look()
	w.empty = w.last.RSS
	return w, err
}

// begin begins what is measured.
func (w *watched) begin() error {
	w.most = 0
	if err := w.look(); err != nil {
		return err
	}
	w.began, w.before, w.first = w.looked, w.last, w.last.RSS
	return nil
}

func (w *watched) look() error {
	var sum use
	for _, d := range w.daemons {
		u, err := d.Usage()
		if err != nil {
			return err
		}
		written, err := process.Written(d.PID())
		if err != nil {
			return err
		}
		sum.CPU += u.CPU
		sum.RSS += u.RSS
		sum.written += written
	}
	w.looked, w.last, w.most = time.Now(), sum, max(w.most, sum.RSS)
	return nil
}

// span is how long it was watched, until the last look.
func (w *watched) span() float64 { return w.looked.Sub(w.began).Seconds() }

// cores is the mean processor use.
func (w *watched) cores() float64 { return (w.last.CPU - w.before.CPU).Seconds() / w.span() }

// written is bytes a second to the disk.
func (w *watched) written() float64 { return float64(w.last.written-w.before.written) / w.span() }

// open counts the descriptors that are open.
func (w *watched) open() (n int, err error) {
	for _, d := range w.daemons {
		of, err := process.Descriptors(d.PID())
		if err != nil {
			return 0, err
		}
		n += of
	}
	return n, nil
}
