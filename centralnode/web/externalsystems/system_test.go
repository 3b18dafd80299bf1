package externalsystems

import "testing"

func TestTheCommandCallsWhatThePersonsBrowserCalls(t *testing.T) {
	const before, after = "curl --cacert kata.crt --cert cert.pem --key key.pem 'https://", "/kata/scanner/v1/sensors/gate/connection'"
	for _, c := range []struct{ browsed, listens, want string }{
		{"cn.example:8443", "0.0.0.0:443", "cn.example"},
		{"cn.example", ":443", "cn.example"},
		{"192.0.2.1:8443", "192.0.2.1:4443", "192.0.2.1:4443"},
		{"[2001:db8::1]:8443", "[::]:443", "[2001:db8::1]"},
		{"[2001:db8::1]:8443", "[::]:4443", "[2001:db8::1]:4443"},
		{"cn.example:8443", "", "cn.example"},
		{"x';reboot;':8443", ":443", "CENTRAL-NODE"},
		{"$(reboot)", ":443", "CENTRAL-NODE"},
		{"", ":4443", "CENTRAL-NODE:4443"},
	} {
		if got := command(c.browsed, c.listens, "gate"); got != before+c.want+after {
			t.Errorf("%q, %q: %s", c.browsed, c.listens, got)
		}
	}
}
