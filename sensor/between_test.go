package sensor

import (
	"net/netip"
	"slices"
	"testing"
)

func TestASensorTellsWhereAgentsFindIt(t *testing.T) {
	for listen, want := range map[string]string{"192.0.2.1:443": "192.0.2.1", "[fd00::1]:443": "fd00::1", "sensor.example:443": "sensor.example"} {
		if got := addresses(listen); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q", listen, got)
		}
	}
	for _, listen := range []string{":443", "0.0.0.0:443", "[::]:443"} {
		for _, a := range addresses(listen) {
			if ip, err := netip.ParseAddr(a); err != nil || !ip.IsGlobalUnicast() {
				t.Errorf("%s: %q is of no use to an agent, %v", listen, a, err)
			}
		}
	}
}
