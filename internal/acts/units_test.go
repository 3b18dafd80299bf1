package acts_test

import (
	"testing"

	"vedette/internal/acts"
)

func TestNumbersAreReadable(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 bit/s", 999: "999 bit/s", 1000: "1 kbit/s", 1_234_567: "1.235 Mbit/s", 1_000_000_000: "1 Gbit/s",
		2_500_000_000_000: "2500 Gbit/s", 12_000_000_000_000: "1.2e+04 Gbit/s",
	} {
		if got := acts.BitRate(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0 bytes", 1_500: "1.5 kB", 12_300_000_000: "12.3 GB"} {
		if got := acts.ByteSize(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
