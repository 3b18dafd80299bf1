package adminmenu

import "testing"

func TestLinesToPasteNameThePortThatIsNotTheUsualOne(t *testing.T) {
	usual, other := doorstep{who: "admin@s"}, doorstep{"admin@s", "2222"}
	for got, want := range map[string]string{
		usual.copy("scp"): "scp admin@s", usual.upload("scp"): "scp kata.pem admin@s:", usual.ssh(): "ssh admin@s",
		other.copy("pscp"): "pscp -P 2222 admin@s", other.upload("pscp"): "pscp -P 2222 kata.pem admin@s:", other.ssh(): "ssh -p 2222 admin@s",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
