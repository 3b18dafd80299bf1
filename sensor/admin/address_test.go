package admin_test

import (
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/sensor/admin"
)

func TestAddressesAreReadAsPeopleWriteThem(t *testing.T) {
	for typed, want := range map[string]string{
		"192.0.2.1":                            "192.0.2.1:443",
		"192.0.2.1:8443":                       "192.0.2.1:8443",
		" 192.0.2.1:0443\n":                    "192.0.2.1:443",
		"2001:db8::1":                          "[2001:db8::1]:443",
		"[2001:DB8::1]":                        "[2001:db8::1]:443",
		"[2001:db8::1]:8443":                   "[2001:db8::1]:8443",
		"fe80::1%eth0":                         "[fe80::1%eth0]:443",
		"[fe80::1%eth0]:8443":                  "[fe80::1%eth0]:8443",
		"::ffff:192.0.2.1":                     "192.0.2.1:443",
		"127.0.0.1:1":                          "127.0.0.1:1",
		"central":                              "central:443",
		"Central.Example.ORG":                  "central.example.org:443",
		"central.example.org.":                 "central.example.org:443",
		"central.example.org:65535":            "central.example.org:65535",
		"central_node-1":                       "central_node-1:443",
		"xn--mnchen-3ya.example":               "xn--mnchen-3ya.example:443",
		"7.example":                            "7.example:443",
		"a" + strings.Repeat(".a", 120) + ":1": "a" + strings.Repeat(".a", 120) + ":1",
	} {
		if got, err := admin.ParseAddress(typed); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", typed, got, err, want)
		}
	}
}

func TestWhatIsNoAddressIsSaidWithTheNextStep(t *testing.T) {
	for typed, says := range map[string]string{
		"":                               "is empty",
		" \t":                            "is empty",
		"https://central.example.org":    "looks like a URL",
		"central.example.org/":           "looks like a URL",
		"admin@central.example.org":      "looks like a URL",
		"central example":                "more than one word",
		"a,b":                            "more than one word",
		"central:0":                      "no port from 1 to 65535",
		"central:65536":                  "no port from 1 to 65535",
		"central:":                       "no port from 1 to 65535",
		"central:https":                  "no port from 1 to 65535",
		"central:-1":                     "no port from 1 to 65535",
		"central:+443":                   "no port from 1 to 65535",
		"[2001:db8::1]:":                 "no port from 1 to 65535",
		"[2001:db8::1]443":               "goes on after the brackets",
		"[2001:db8::1":                   "no IPv6 address in its brackets",
		"[192.0.2.1]:443":                "no IPv6 address in its brackets",
		"[]":                             "no IPv6 address in its brackets",
		"2001:db8::1::2":                 "neither an IPv6 address nor a name",
		":443":                           "has no host",
		".":                              "has no host",
		"-a.example":                     "neither a name nor an address",
		"a..example":                     "neither a name nor an address",
		"münchen.example":                "neither a name nor an address",
		"a\x1b[2J":                       "neither a name nor an address",
		strings.Repeat("a", 64):          "neither a name nor an address",
		strings.Repeat("a.", 127) + "aa": "has a name of 256 bytes",
		"192.0.2":                        "no complete IPv4 address",
		"192.0.2.256":                    "no complete IPv4 address",
		"192.0.2.0x1":                    "no complete IPv4 address",
		"443":                            "no complete IPv4 address",
		"fe80::1%\x1b[2J":                "no interface",
		"0.0.0.0":                        "no address of one server",
		"[::]:443":                       "no address of one server",
		"ff02::1":                        "no address of one server",
	} {
		got, err := admin.ParseAddress(typed)
		e := refusedAs(t, err, acts.Invalid)
		if got != "" || !strings.Contains(e.Text, says) || strings.ContainsAny(e.Text, "\x1b\n") {
			t.Errorf("%q: %q, %q, want one that says %q", typed, got, e.Text, says)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "[2001:db8::1]:8443", "central.example.org:1", "fe80::1%eth0", "a b", "[", ":", "::ffff:1.2.3.4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := admin.ParseAddress(s)
		if err != nil {
			return
		}
		if again, err := admin.ParseAddress(got); err != nil || again != got {
			t.Errorf("%q reads as %q, and that as %q, %v", s, got, again, err)
		}
	})
}
