package pki_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"vedette/pki"
	"vedette/pki/pkitest"
)

// canaries are the notations in which a key could show.
func canaries(t *testing.T, p *pki.Pair) []string {
	t.Helper()
	var secrets []*big.Int
	switch key := p.TLS().PrivateKey.(type) {
	case *ecdsa.PrivateKey:
		d, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, new(big.Int).SetBytes(d))
	case *rsa.PrivateKey:
		secrets = append(secrets, key.Primes...)
		secrets = append(secrets, key.D)
	}
	var out []string
	for _, s := range secrets {
		b := s.Bytes()
		out = append(out, s.String(), hex.EncodeToString(b), base64.StdEncoding.EncodeToString(b)[:20], string(b[:16]),
			strings.Trim(fmt.Sprint(b[:8]), "[]"), strings.Trim(fmt.Sprintf("%#v", b[:8]), "[]byte{}"), fmt.Sprint(s.Bits()[0]))
	}
	return append(out, "PRIVATE KEY")
}

func TestPairNeverShowsItsKey(t *testing.T) {
	for _, kind := range []pki.KeyKind{pki.KeyECDSAP256, pki.KeyRSA3072} {
		pair := pkitest.Pair(t, kind)
		type inner struct{ pair *pki.Pair }
		type outer struct {
			Pair  *pki.Pair
			Value pki.Pair
			inner inner
			List  []*pki.Pair
			Map   map[string]pki.Pair
		}
		holder := pki.NewHolder(pair)
		shown := map[string]any{
			"pointer": pair, "value": *pair, "holder": holder, "source": pki.Source(holder),
			"nested": outer{Pair: pair, Value: *pair, inner: inner{pair}, List: []*pki.Pair{pair}, Map: map[string]pki.Pair{"a": *pair}},
			"error":  fmt.Errorf("wrapped: %v", pair),
		}
		var texts []string
		for _, v := range shown {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
				texts = append(texts, fmt.Sprintf(verb, v))
			}
		}
		text, err := pair.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text), pair.GoString(), pair.LogValue().String())
		for _, v := range []any{pair, *pair, outer{Pair: pair, Value: *pair}} {
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
		if text, err := xml.Marshal(struct{ P *pki.Pair }{pair}); err == nil {
			texts = append(texts, string(text))
		}
		var log bytes.Buffer
		for _, h := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
			slog.New(h).Info("pair", "pointer", pair, "value", *pair, "nested", outer{Pair: pair, Value: *pair, inner: inner{pair}})
		}
		texts = append(texts, log.String())

		for _, canary := range canaries(t, pair) {
			for _, text := range texts {
				if strings.Contains(text, canary) {
					t.Errorf("%s: the key shows in %.200q", kind, text)
				}
			}
			if canary == "PRIVATE KEY" && !bytes.Contains(pair.EncodePEM(), []byte(canary)) {
				t.Error("EncodePEM holds no key")
			}
		}
		// The control: a bare key does show, so the canaries can be found.
		control := fmt.Sprintf("%v %+v %#v %x", pair.TLS().PrivateKey, pair.TLS().PrivateKey, pair.TLS().PrivateKey, pair.TLS().PrivateKey)
		found := false
		for _, canary := range canaries(t, pair) {
			found = found || strings.Contains(control, canary)
		}
		if !found {
			t.Errorf("%s: no canary is found even in a printed key", kind)
		}
		if want := "pair(" + pair.Fingerprint().String() + ", key redacted)"; pair.String() != want || fmt.Sprint(pair) != want {
			t.Errorf("got %s, want %s", pair, want)
		}
	}
	if got := fmt.Sprint(pki.Pair{}); got != "pair(none)" {
		t.Errorf("the empty pair prints as %s", got)
	}
}

func TestHolderSwapsForNewHandshakesAtOnce(t *testing.T) {
	var holder pki.Holder
	if holder.Current() != nil || holder.Pair() != nil {
		t.Error("the zero holder holds something")
	}
	one, two := pkitest.Pair(t, pki.KeyECDSAP256), pkitest.Pair(t, pki.KeyECDSAP256)
	if old := holder.Swap(one); old != nil {
		t.Errorf("replaced %v", old)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			c := holder.Current()
			if pki.FingerprintOf(c.Certificate[0]) != pki.FingerprintOf(c.Leaf.Raw) {
				t.Error("a mixed certificate was seen")
			}
		}
	}()
	for range 500 {
		holder.Swap(two)
		holder.Swap(one)
	}
	<-done
	if old := holder.Swap(two); old != one || holder.Pair() != two {
		t.Error("swap did not return the pair before")
	}
	if holder.Swap(nil); holder.Current() != nil {
		t.Error("a withdrawn certificate is still shown")
	}
}

func TestKeyText(t *testing.T) {
	for name, want := range map[string]string{"rsa2048": "RSA 2048", "rsa8192": "RSA 8192", "p224": "ECDSA P-224"} {
		key := pkitest.Key(t, name)
		if got := pki.KeyText(key); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := pki.KeyText(key.Public()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := pki.KeyText("no key"); got != "unknown" {
		t.Errorf("got %s", got)
	}
	if kind, err := pki.ParseKeyKind(" RSA-3072 "); kind != pki.KeyRSA3072 || err != nil {
		t.Errorf("got %s, %v", kind, err)
	}
	if kind, err := pki.ParseKeyKind(""); kind != pki.KeyECDSAP256 || err != nil {
		t.Errorf("got %s, %v", kind, err)
	}
	if _, err := pki.ParseKeyKind("rsa-1024"); err == nil {
		t.Error("rsa-1024 was taken")
	}
}
