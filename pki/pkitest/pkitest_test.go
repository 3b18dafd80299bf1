package pkitest_test

import (
	"testing"

	"vedette/pki"
	"vedette/pki/pkitest"
)

func TestPairsHaveTheKindAskedForAndDiffer(t *testing.T) {
	for _, kind := range []pki.KeyKind{pki.KeyECDSAP256, pki.KeyRSA3072} {
		one, two := pkitest.Pair(t, kind), pkitest.Pair(t, kind)
		if one.Fingerprint() == two.Fingerprint() {
			t.Errorf("%s: two pairs with one fingerprint", kind)
		}
		if want := map[pki.KeyKind]string{pki.KeyECDSAP256: "ECDSA P-256", pki.KeyRSA3072: "RSA 3072"}[kind]; pki.KeyText(one.Leaf().PublicKey) != want {
			t.Errorf("%s: key is %s", kind, pki.KeyText(one.Leaf().PublicKey))
		}
	}
}
