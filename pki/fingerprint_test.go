package pki_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"crypto/x509"

	"pgregory.net/rapid"

	"vedette/pki"
)

const (
	fpDigits = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"
	fpColons = "0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9:0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9"
)

func TestParseFingerprintReadsEveryNotation(t *testing.T) {
	for _, s := range []string{
		fpDigits,
		strings.ToUpper(fpDigits),
		fpColons,
		strings.ToLower(fpColons),
		strings.ReplaceAll(fpColons, ":", " "),
		strings.ReplaceAll(fpColons, ":", "-"),
		"SHA256:" + fpDigits,
		"sha256:" + fpColons,
		"SHA-256: " + fpColons,
		"SHA256 Fingerprint=" + fpColons,
		"sha256 Fingerprint=" + fpColons + "\n",
		"SHA256 Fingerprint: " + fpColons,
		"Fingerprint (wrapped) = " + fpDigits[:32] + "\r\n\t" + fpDigits[32:],
		"  " + fpColons + "\u00a0",
	} {
		f, err := pki.ParseFingerprint(s)
		if err != nil {
			t.Errorf("%q: %v", s, err)
		} else if f.String() != fpColons {
			t.Errorf("%q: read as %s", s, f)
		}
	}
}

func TestParseFingerprintSaysWhatIsWrong(t *testing.T) {
	for s, want := range map[string]string{
		"":                         "expected 64 hexadecimal digits, found 0",
		fpDigits[:40]:              "SHA-1",
		fpDigits[:32]:              "MD5",
		fpDigits + fpDigits:        "SHA-512",
		fpDigits[:63]:              "found 63",
		fpDigits[:63] + "g":        `found 'g'`,
		fpDigits[:63] + "\x00":     "expected 64",
		fpDigits[:62] + "\xff\xfe": "expected 64",
		"SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8": "expected 64",
	} {
		f, err := pki.ParseFingerprint(s)
		if err == nil || !f.IsZero() {
			t.Errorf("%q was read as %s", s, f)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %q does not say %q", s, err, want)
		}
	}
}

func TestFingerprintIsOfTheWholeDER(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		der := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "der")
		f := pki.FingerprintOf(der)
		if sum := sha256.Sum256(der); hex.EncodeToString(sum[:]) != hex.EncodeToString(f[:]) {
			t.Fatal("not SHA-256")
		}
		i := rapid.IntRange(0, len(der)-1).Draw(t, "octet")
		der[i] ^= byte(rapid.IntRange(1, 255).Draw(t, "change"))
		if pki.FingerprintOf(der) == f {
			t.Fatalf("octet %d does not count", i)
		}
	})
}

func TestFingerprintTravelsAsText(t *testing.T) {
	f, err := pki.ParseFingerprint(fpDigits)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[pki.Fingerprint]pki.Fingerprint{f: f})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"` + fpColons + `":"` + fpColons + `"}`; string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
	var back map[pki.Fingerprint]pki.Fingerprint
	if err := json.Unmarshal(text, &back); err != nil || back[f] != f {
		t.Errorf("came back as %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`"AB"`), &f); err == nil || f.String() != fpColons {
		t.Errorf("a bad text gave %v and left %s", err, f)
	}
}

func TestContainsIgnoresNotation(t *testing.T) {
	f, _ := pki.ParseFingerprint(fpDigits)
	s, err := pki.ParseSerial(fpDigits[:20])
	if err != nil {
		t.Fatal(err)
	}
	for part, want := range map[string]bool{
		"": true, " ": true, "0a1b": true, "0A:1B": true, "0a 1b-2C": true, "a1:b": true, "sha256:0A1B": true,
		"ff": false, "0A:1C": false, "xyz": false, "0a1b%": false, strings.Repeat("0A", 40): false,
	} {
		if got := f.Contains(part); got != want {
			t.Errorf("fingerprint contains %q: %v", part, got)
		}
		if got := s.Contains(part); got != want {
			t.Errorf("serial contains %q: %v", part, got)
		}
	}
}

func TestSerialIsCanonical(t *testing.T) {
	for s, want := range map[string]string{
		"1": "01", "0x0": "00", "00": "00", "0X0f": "0F", "00:00:a1:b2": "A1:B2", "serial=0ABC": "0A:BC", "abc": "0A:BC", " 7F ": "7F",
	} {
		got, err := pki.ParseSerial(s)
		if err != nil || got.String() != want {
			t.Errorf("%q: got %q, %v; want %q", s, got, err, want)
		}
	}
	for _, s := range []string{"", "0x", "12g4", "::", strings.Repeat("1", 129)} {
		if got, err := pki.ParseSerial(s); err == nil {
			t.Errorf("%q was read as %s", s, got)
		}
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(0x0abc)}
	if got := pki.SerialOf(cert); got != "0ABC" || got.String() != "0A:BC" {
		t.Errorf("got %q", got)
	}
	var back struct{ S, None pki.Serial }
	text, err := json.Marshal(struct{ S, None pki.Serial }{S: "0ABC"})
	if err != nil || string(text) != `{"S":"0A:BC","None":""}` {
		t.Errorf("got %s, %v", text, err)
	}
	if err := json.Unmarshal(text, &back); err != nil || back.S != "0ABC" || back.None != "" {
		t.Errorf("came back as %v, %v", back, err)
	}
}

func FuzzParseFingerprint(f *testing.F) {
	for _, s := range []string{fpDigits, fpColons, "SHA256:" + fpDigits, "sha256 Fingerprint=" + fpColons, "=", "fingerprint", "\xff", "0x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fp, err := pki.ParseFingerprint(s)
		if err != nil {
			if !fp.IsZero() {
				t.Errorf("%q: error and %s", s, fp)
			}
			return
		}
		if again, err := pki.ParseFingerprint(fp.String()); err != nil || again != fp {
			t.Errorf("%q: %s is not read back", s, fp)
		}
		if serial, err := pki.ParseSerial(s); err == nil && !serial.Contains(serial.String()) {
			t.Errorf("%q: serial does not contain itself", s)
		}
	})
}
