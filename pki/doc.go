// Package pki holds everything Vedette knows about identities: keys, certificates, the PEM and PFX rules, fingerprints,
// pins, and the TLS configurations that follow from them.
//
// An identity is one leaf certificate, known by the [Fingerprint] of its DER. Nobody's chain is ever built: the TLS
// stack proves possession of the key, the fingerprint says whose it is. A client pins its server ([ClientConfig]); a
// server asks for a client certificate and checks only its kind of key ([ServerConfig]); who may do what is judged
// later, by others, with a fingerprint in hand.
//
//   - [GenerateServer], [GenerateAgent]: new pairs.
//   - [ParsePair]: the one reading of the documented rule for an uploaded certificate and key. [VerifyAndDropKey]
//     applies the same rule and forgets the key.
//   - [EncodePFX], [DecodePFX]: PKCS #12 containers, read under bounds.
//   - [CheckLeaf], [ExpiryWarning]: what holds of every certificate at every door; dates only ever warn.
//   - [Holder]: the pair in use, replaced atomically.
//
// The package does no network traffic, keeps no files and knows nothing of the daemons that use it.
package pki
