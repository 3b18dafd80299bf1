package pki

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	encasn1 "encoding/asn1"
	"math/big"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// The functions below write PFX containers piece by piece, so that tests can ask for what no honest writer makes.

type asn1Value func(*cryptobyte.Builder)

func seq(values ...asn1Value) asn1Value { return tagged(asn1.SEQUENCE, values...) }

func tagged(tag asn1.Tag, values ...asn1Value) asn1Value {
	return func(b *cryptobyte.Builder) {
		b.AddASN1(tag, func(child *cryptobyte.Builder) {
			for _, v := range values {
				v(child)
			}
		})
	}
}

func oidValue(dotted string) asn1Value {
	var oid encasn1.ObjectIdentifier
	for _, arc := range strings.Split(dotted, ".") {
		n, err := strconv.Atoi(arc)
		if err != nil {
			panic(err)
		}
		oid = append(oid, n)
	}
	return func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid) }
}

func integer(n *big.Int) asn1Value { return func(b *cryptobyte.Builder) { b.AddASN1BigInt(n) } }

func octets(data []byte) asn1Value { return func(b *cryptobyte.Builder) { b.AddASN1OctetString(data) } }

// raw is a value that is encoded already.
func raw(der []byte) asn1Value { return func(b *cryptobyte.Builder) { b.AddBytes(der) } }

func encode(v asn1Value) []byte {
	var b cryptobyte.Builder
	v(&b)
	return b.BytesOrPanic()
}

func count(n int64) *big.Int { return big.NewInt(n) }

var (
	testSalt = []byte("saltsalt")
	testIV   = bytes.Repeat([]byte{7}, aes.BlockSize)
)

// pbes1 is the parameters of 3DES under RFC 7292.
func pbes1(iterations *big.Int) asn1Value {
	return seq(oidValue("1.2.840.113549.1.12.1.3"), seq(octets(testSalt), integer(iterations)))
}

func pbkdf2Value(iterations *big.Int, more ...asn1Value) asn1Value {
	params := append([]asn1Value{octets(testSalt), integer(iterations)}, more...)
	return seq(oidValue("1.2.840.113549.1.5.12"), seq(append(params, seq(oidValue("1.2.840.113549.2.9")))...))
}

func pbes2With(kdf asn1Value) asn1Value {
	return seq(oidValue("1.2.840.113549.1.5.13"), seq(kdf, seq(oidValue("2.16.840.1.101.3.4.1.42"), octets(testIV))))
}

// pbes2 is the parameters of AES-256 under PBKDF2 with SHA-256.
func pbes2(iterations *big.Int) asn1Value { return pbes2With(pbkdf2Value(iterations)) }

// pbes2Encrypt encrypts under pbes2(1) and a password.
func pbes2Encrypt(plain []byte, password string) []byte {
	d := derivation{pbkdf2: true, newHash: sha256.New, salt: testSalt, iterations: 1, size: 32}
	key, err := d.run(newPFXPassword(password))
	if err != nil {
		panic(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	padding := aes.BlockSize - len(plain)%aes.BlockSize
	data := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, testIV).CryptBlocks(data, data)
	return data
}

func bag(kind string, value asn1Value) asn1Value {
	return seq(oidValue(kind), tagged(contextTag(0), value))
}

func shroudedBag(scheme asn1Value, data []byte) asn1Value {
	return bag(oidShroudedBag, seq(scheme, octets(data)))
}

func certificateBag(der []byte) asn1Value {
	return bag(oidCertBag, bag(oidX509, octets(der)))
}

func openPart(bags ...asn1Value) asn1Value { return bag(oidData, octets(encode(seq(bags...)))) }

func encryptedPart(scheme asn1Value, data []byte) asn1Value {
	return bag(oidEncryptedData, seq(integer(count(0)), seq(oidValue(oidData), scheme, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.Tag(0).ContextSpecific(), func(child *cryptobyte.Builder) { child.AddBytes(data) })
	})))
}

// macOf is a check with SHA-256 that is right for a password when iterations is 1.
func macOf(content []byte, iterations *big.Int, password pfxPassword) asn1Value {
	d := derivation{newHash: sha256.New, salt: testSalt, iterations: 1, purpose: purposeMAC, size: sha256.Size}
	key, err := d.run(password)
	if err != nil {
		panic(err)
	}
	return seq(seq(seq(oidValue("2.16.840.1.101.3.4.2.1")), octets(hmacSum(sha256.New, key, content))), octets(testSalt), integer(iterations))
}

func pbmac1(iterations *big.Int, size int64) asn1Value {
	params := seq(pbkdf2Value(iterations, integer(count(size))), seq(oidValue("1.2.840.113549.2.9")))
	return seq(seq(seq(oidValue("1.2.840.113549.1.5.14"), params), octets(make([]byte, 32))), octets(testSalt), integer(count(1)))
}

// safeOf is the authenticated safe of parts.
func safeOf(parts ...asn1Value) []byte { return encode(seq(parts...)) }

// pfxOf wraps content and check, which may be nil.
func pfxOf(content []byte, mac asn1Value) []byte {
	values := []asn1Value{integer(count(3)), bag(oidData, octets(content))}
	if mac != nil {
		values = append(values, mac)
	}
	return encode(seq(values...))
}
