package store

import (
	"context"
	"time"

	"vedette/internal/kv"
)

const (
	serverCertificateKey = "server-certificate"
	kataPEMKey           = "kata-pem"
)

// ServerCertificate is the certificate and key that the daemon serves, in one
// value so that they can never be of two makes.
type ServerCertificate struct {
	V       int         `json:"v"`
	PEM     []byte      `json:"pem"`
	Since   time.Time   `json:"since"`
	Version kv.Revision `json:"-"`
}

// KataPEM is an uploaded file that waits for install. It is kept as it came
// and checked when it is installed.
type KataPEM struct {
	V       int         `json:"v"`
	PEM     []byte      `json:"pem"`
	Time    time.Time   `json:"time"`
	Version kv.Revision `json:"-"`
}

// ServerCertificate reads the certificate in use; found is false before the
// first start has made one.
func (s *Store) ServerCertificate(ctx context.Context) (c ServerCertificate, found bool, err error) {
	c.Version, found, err = s.get(ctx, serverCertificateKey, 1, &c)
	return c, found, err
}

// KataPEM reads the uploaded kata.pem.
func (s *Store) KataPEM(ctx context.Context) (k KataPEM, found bool, err error) {
	k.Version, found, err = s.get(ctx, kataPEMKey, 1, &k)
	return k, found, err
}

// SetServerCertificate replaces the certificate in use, which must still be
// the one of revision seen (0: there was none).
func (c *Change) SetServerCertificate(pem []byte, since time.Time, seen kv.Revision) {
	c.put(serverCertificateKey, ServerCertificate{V: 1, PEM: pem, Since: since})
	c.seen(serverCertificateKey, seen)
}

// SetKataPEM keeps an uploaded kata.pem; the last one wins.
func (c *Change) SetKataPEM(pem []byte, at time.Time) {
	c.put(kataPEMKey, KataPEM{V: 1, PEM: pem, Time: at})
}

// DeleteKataPEM forgets the kata.pem of revision seen.
func (c *Change) DeleteKataPEM(seen kv.Revision) {
	c.delete(kataPEMKey)
	c.seen(kataPEMKey, seen)
}
