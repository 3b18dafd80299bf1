#!/bin/sh
# Makes the fixtures of this folder anew: ./make.sh, with openssl 3 and its legacy provider; keytool, pk12util/certutil
# and python3-cryptography add theirs when they are there. The keys protect nothing.
# Every PFX holds leaf.crt and leaf.key unless its name says otherwise. The password, where there is one, is pässwörd in
# those of OpenSSL and changeit in the others.
set -eu
cd "$(dirname "$0")"
PASS='pässwörd'

[ -f rsa8192.key ] || openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:8192 -out rsa8192.key
for bits in 1024 2048 3072; do
    [ -f rsa$bits.key ] || openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:$bits -out rsa$bits.key
done
[ -f p224.key ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-224 -out p224.key

# Keys and containers that an upload is refused for.
mkdir -p odd
cd odd
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:512 -out rsa512.key
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2047 -out rsa2047.key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out secp256k1.key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit -out explicit.key
openssl genpkey -algorithm ED448 -out ed448.key
openssl genpkey -algorithm X25519 -out x25519.key
openssl genpkey -quiet -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out rsa-pss.key
openssl dsaparam -genkey 1024 2>/dev/null | openssl pkey -out dsa.key
openssl pkey -in ../rsa2048.key -aes256 -passout pass:secret -out encrypted-pkcs8.key
openssl rsa -in ../rsa2048.key -traditional -aes256 -passout pass:secret -out encrypted-rfc1421.key
cd ..

cd pfx
rm -f *.pfx
if [ ! -f leaf.crt ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj "/CN=issuer" -keyout ca.key -out ca.crt
    openssl req -newkey rsa:2048 -nodes -subj "/CN=agent" -keyout leaf.key -out leaf.csr
    openssl x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -days 36500 -out leaf.crt
    rm leaf.csr ca.key
fi
openssl crl2pkcs7 -nocrl -certfile leaf.crt -certfile ca.crt -out ../odd/bundle-pem.p7b
openssl crl2pkcs7 -nocrl -certfile leaf.crt -certfile ca.crt -outform DER -out ../odd/bundle.p7b
pfx() { openssl pkcs12 -export -inkey leaf.key -in leaf.crt -name agent "$@"; }

# OpenSSL 3, modern
pfx -passout "pass:$PASS" -out openssl-modern.pfx
pfx -passout pass: -out openssl-modern-empty.pfx
pfx -passout "pass:$PASS" -certfile ca.crt -out openssl-modern-chain.pfx
pfx -passout "pass:$PASS" -keypbe AES-128-CBC -certpbe AES-192-CBC -macalg sha512 -iter 5000 -out openssl-aes128.pfx
pfx -passout "pass:$PASS" -keypbe DES-EDE3-CBC -certpbe DES-EDE3-CBC -out openssl-pbes2-3des.pfx
pfx -passout "pass:$PASS" -noiter -nomaciter -macalg sha384 -out openssl-noiter.pfx
# OpenSSL 3, partly or not at all encrypted
pfx -passout "pass:$PASS" -certpbe NONE -out openssl-cert-plain.pfx
pfx -passout "pass:$PASS" -certpbe NONE -keypbe NONE -out openssl-all-plain.pfx
pfx -passout pass: -nomac -out openssl-nomac-empty.pfx
pfx -passout pass: -nomac -certpbe NONE -keypbe NONE -out openssl-nomac-plain.pfx
pfx -passout "pass:$PASS" -nomac -out openssl-nomac.pfx
# OpenSSL 3 -legacy: certificates under RC2-40, key under 3DES, SHA-1; as Windows up to 2016 and Java up to 8 write
pfx -passout "pass:$PASS" -legacy -out openssl-legacy.pfx
pfx -passout pass: -legacy -out openssl-legacy-empty.pfx
pfx -passout "pass:$PASS" -legacy -descert -out openssl-legacy-3des.pfx
pfx -passout "pass:$PASS" -legacy -certpbe PBE-SHA1-RC2-128 -keypbe PBE-SHA1-2DES -out openssl-legacy-rc2-128.pfx
# without key, and too much work
openssl pkcs12 -export -nokeys -in leaf.crt -passout "pass:$PASS" -out openssl-nokey.pfx
openssl pkcs12 -export -nokeys -in leaf.crt -passout pass: -out openssl-nokey-empty.pfx
pfx -passout "pass:$PASS" -iter 1000001 -out openssl-iterations.pfx
# parameters that are refused by kind
pfx -passout "pass:$PASS" -legacy -keypbe PBE-SHA1-RC4-128 -out openssl-rc4.pfx
# an elliptic curve key
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -days 36500 -subj "/CN=agent" -keyout ec.key -out ec.crt
openssl pkcs12 -export -inkey ec.key -in ec.crt -passout "pass:$PASS" -out openssl-ec.pfx
rm ec.key ec.crt

pfx -passout pass:changeit -out transfer.tmp # what the others import
if command -v keytool >/dev/null; then
    for legacy in "" -J-Dkeystore.pkcs12.legacy; do
        keytool $legacy -importkeystore -srckeystore transfer.tmp -srcstoretype PKCS12 -srcstorepass changeit \
            -destkeystore java${legacy:+-legacy}.pfx -deststoretype PKCS12 -deststorepass changeit
    done
fi
if command -v pk12util >/dev/null; then # Mozilla's: BER of indefinite length
    db=$(mktemp -d)
    certutil -N -d "$db" --empty-password
    pk12util -i transfer.tmp -d "$db" -W changeit
    pk12util -o nss.pfx -n agent -d "$db" -W changeit
    pk12util -o nss-3des.pfx -n agent -d "$db" -W changeit -c 'PKCS #12 V2 PBE With SHA-1 And 3KEY Triple DES-CBC' -C 'PKCS #12 V2 PBE With SHA-1 And 40 Bit RC2 CBC'
    rm -r "$db"
fi
if python3 -c 'import cryptography' 2>/dev/null; then
    python3 - <<'PYTHON'
from cryptography import x509
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.serialization import pkcs12
key = s.load_pem_private_key(open("leaf.key", "rb").read(), None)
cert = x509.load_pem_x509_certificate(open("leaf.crt", "rb").read())
open("python-plain.pfx", "wb").write(pkcs12.serialize_key_and_certificates(b"agent", key, cert, None, s.NoEncryption()))
PYTHON
fi
rm transfer.tmp
