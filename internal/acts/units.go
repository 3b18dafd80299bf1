package acts

import "fmt"

// BitRate writes bit/s with the decimal units that network links are sold in.
func BitRate(n uint64) string { return scaled(n, "bit/s", "kbit/s", "Mbit/s", "Gbit/s") }

// ByteSize writes bytes with decimal units, beside rates of the same kind.
func ByteSize(n uint64) string { return scaled(n, "bytes", "kB", "MB", "GB", "TB") }

func scaled(n uint64, units ...string) string {
	if n < 1000 {
		return fmt.Sprintf("%d %s", n, units[0])
	}
	f, unit := float64(n), 0
	for f >= 1000 && unit < len(units)-1 {
		f /= 1000
		unit++
	}
	return fmt.Sprintf("%.4g %s", f, units[unit])
}
