package pki

import "errors"

// Reasons why a PFX container is refused. Each is wrapped with what was found.
var (
	// ErrPFXTooLarge: the container has more than MaxFileSize octets.
	ErrPFXTooLarge = errors.New("the PFX container is larger than 64 KiB")
	// ErrPFXMalformed: not a PFX container, or one that uses something this program does not read.
	ErrPFXMalformed = errors.New("not a readable PFX container")
	// ErrPFXIterations: the container asks for more key derivation work than is allowed. No derivation has run.
	ErrPFXIterations = errors.New("the PFX container asks for too much key derivation work")
	// ErrPFXPassword: the password is wrong, or one is needed.
	ErrPFXPassword = errors.New("the password of the PFX container is wrong")
	// ErrPFXNoKey: a certificate without its private key, which cannot authenticate anybody.
	ErrPFXNoKey = errors.New("the PFX container holds no private key")
	// ErrNoCertificate: a Source has nothing to show yet.
	ErrNoCertificate = errors.New("no certificate is in use")
)
