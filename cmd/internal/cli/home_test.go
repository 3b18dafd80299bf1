package cli_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

// certificates is a server certificate, and what was uploaded for it.
type certificates struct {
	cli.CertificateAdmin // the acts that a home folder has nothing to do with

	shown    acts.ServerCertificate
	uploaded string
	faces    []acts.Face
	err      error
}

func (c *certificates) ServerCertificate(_ context.Context, who acts.Actor) (acts.ServerCertificate, error) {
	c.faces = append(c.faces, who.Face)
	return c.shown, c.err
}

func (c *certificates) UploadServerCertificate(_ context.Context, who acts.Actor, pem []byte) (acts.File, error) {
	c.faces, c.uploaded = append(c.faces, who.Face), string(pem)
	return acts.File{}, c.err
}

func (c *certificates) DiscardServerCertificate(_ context.Context, who acts.Actor, _ acts.DiscardServerCertificate) error {
	c.faces, c.uploaded = append(c.faces, who.Face), ""
	return c.err
}

func TestTheHomeFolderIsTheServerCertificate(t *testing.T) {
	day := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	c := &certificates{shown: acts.ServerCertificate{PEM: "PEM", Since: day}}
	folder := cli.HomeFolder(c)(acts.Actor{Account: "admin", Face: acts.FaceCommand})
	if _, _, found, err := folder.Uploaded(t.Context()); found || err != nil {
		t.Errorf("nothing was uploaded: %v, %v", found, err)
	}
	c.shown.Uploaded = &acts.File{Size: 7, Time: day}
	if size, at, found, err := folder.Uploaded(t.Context()); size != 7 || !at.Equal(day) || !found || err != nil {
		t.Errorf("uploaded: %d, %v, %v, %v", size, at, found, err)
	}
	if pem, since, err := folder.Certificate(t.Context()); string(pem) != "PEM" || !since.Equal(day) || err != nil {
		t.Errorf("the certificate: %q, %v, %v", pem, since, err)
	}
	if err := folder.Upload(t.Context(), []byte("KEY")); err != nil || c.uploaded != "KEY" {
		t.Errorf("upload: %q, %v", c.uploaded, err)
	}
	if err := folder.Remove(t.Context()); err != nil || c.uploaded != "" {
		t.Errorf("remove: %q, %v", c.uploaded, err)
	}
	for _, face := range c.faces {
		if face != acts.FaceCopy {
			t.Errorf("an act came through the face %q", face)
		}
	}

	c.err = &acts.Error{Code: acts.NotAllowed, Text: "not you"}
	_, _, _, uploaded := folder.Uploaded(t.Context())
	_, _, certificate := folder.Certificate(t.Context())
	for name, err := range map[string]error{"uploaded": uploaded, "certificate": certificate, "upload": folder.Upload(t.Context(), nil), "remove": folder.Remove(t.Context())} {
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
