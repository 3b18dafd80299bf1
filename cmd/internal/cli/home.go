package cli

import (
	"context"
	"time"

	"vedette/internal/acts"
	"vedette/internal/sshd/home"
)

// HomeFolder gives each administrator the home folder of scp and sftp: kata.pem
// is an upload of the server certificate, ssl/kata.crt the one in use.
func HomeFolder(admin CertificateAdmin) func(acts.Actor) home.Folder {
	return func(who acts.Actor) home.Folder {
		who.Face = acts.FaceCopy
		return homeFolder{admin, who}
	}
}

// homeFolder is the home folder of one administrator.
type homeFolder struct {
	admin CertificateAdmin
	who   acts.Actor
}

// Uploaded describes a kata.pem that waits for its installation.
func (f homeFolder) Uploaded(ctx context.Context) (size int64, at time.Time, found bool, err error) {
	s, err := f.admin.ServerCertificate(ctx, f.who)
	if err != nil || s.Uploaded == nil {
		return 0, time.Time{}, false, err
	}
	return s.Uploaded.Size, s.Uploaded.Time, true, nil
}

// Upload keeps a whole kata.pem in the place of an earlier one.
func (f homeFolder) Upload(ctx context.Context, pem []byte) error {
	_, err := f.admin.UploadServerCertificate(ctx, f.who, pem)
	return err
}

// Remove forgets the uploaded kata.pem.
func (f homeFolder) Remove(ctx context.Context) error {
	return f.admin.DiscardServerCertificate(ctx, f.who, acts.DiscardServerCertificate{})
}

// Certificate is the server certificate in use.
func (f homeFolder) Certificate(ctx context.Context) (pem []byte, since time.Time, err error) {
	s, err := f.admin.ServerCertificate(ctx, f.who)
	return []byte(s.PEM), s.Since, err
}
