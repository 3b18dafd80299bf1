package reflector_test

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vedette/centralnode/reflector"
	"vedette/proto/stamp"
)

// flooder has this program send packets and do nothing else, when its arguments
// are these: from, to, the packet, how many, and how many a second.
const flooder = "VEDETTE_TEST_FLOODER"

// flood is the sender's side, in a process of its own.
func flood(args []string) error {
	packet, err := hex.DecodeString(args[2])
	if err != nil {
		return err
	}
	n, nErr := strconv.Atoi(args[3])
	rate, rateErr := strconv.Atoi(args[4])
	if nErr != nil || rateErr != nil {
		return fmt.Errorf("%q packets, %q a second", args[3], args[4])
	}
	local := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(args[0]), 0))
	conn, err := net.DialUDP("udp", local, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(args[1])))
	if err != nil {
		return err
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) {
		began := time.Now()
		for i := range n {
			for i%8 == 0 && time.Since(began) < time.Duration(i)*time.Second/time.Duration(rate) {
				continue // timers do not keep such a pace
			}
			_, _ = unix.Write(int(fd), packet)
		}
	})
}

// BenchmarkFlood is what each packet of a flood costs the reflector with its
// socket, in CPU time of this process: cpu-ns/packet. The sender is another
// process, which on loopback pays for the kernel's way up to the socket too.
func BenchmarkFlood(b *testing.B) {
	for _, c := range []struct {
		name   string
		from   string
		octets int
		change func(p []byte)
	}{
		{"wrong code", "127.0.0.2", stamp.AuthenticatedLen, func(p []byte) { p[100]++ }},
		{"unknown session", "127.0.0.2", stamp.AuthenticatedLen, func(p []byte) { p[27]++ }},
		{"another address", "127.0.0.3", stamp.AuthenticatedLen, func([]byte) {}},
		{"noise", "127.0.0.3", 60, func([]byte) {}},
	} {
		for _, rate := range []int{90_000, 175_000} {
			b.Run(fmt.Sprintf("%s/%d", c.name, rate), func(b *testing.B) {
				r := start(b, "127.0.0.1:0")
				id, key, _ := r.Add(netip.MustParseAddr("127.0.0.2"))
				packet := stamp.NewSender(stamp.Session{ID: id, Key: &key}).Next(nil, time.Now())[:c.octets]
				c.change(packet)
				cmd := exec.Command(os.Args[0], c.from, r.Address().String(), hex.EncodeToString(packet), strconv.Itoa(b.N), strconv.Itoa(rate))
				cmd.Env = append(os.Environ(), flooder+"=1")
				before, began := cpu(b), time.Now()
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("the flood: %v: %s", err, out)
				}
				took, used, came := time.Since(began), cpu(b)-before, refused(r)
				b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/packet")
				b.ReportMetric(100*float64(used)/float64(took), "cpu-%")
				b.ReportMetric(100-100*float64(came)/float64(b.N), "overrun-%")
				b.ReportMetric(float64(b.N)/took.Seconds()/1000, "kpackets/s")
			})
		}
	}
}

// cpu is what this process has used.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(t.Nano())
}

func refused(r *reflector.Reflector) (n uint64) {
	c := r.Counts()
	for _, why := range stamp.Refusals() {
		n += c.Refused(why)
	}
	return n
}
