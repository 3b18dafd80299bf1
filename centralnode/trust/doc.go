// Package trust decides who may do what through which door of the Central
// Node. It is a pure judge over an immutable snapshot of the lists: it stores
// nothing, listens to nothing and knows no clock.
//
// Identity is always the leaf: the SHA-256 of the DER certificate that the
// caller proved to hold the key of. Validity dates never cut anyone
// (docs/security.md).
package trust
