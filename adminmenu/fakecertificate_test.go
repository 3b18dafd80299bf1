package adminmenu

import (
	"context"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
)

// uploads puts a kata.pem into the home folder; problem is the violated rule.
func (f *fake) uploads(problem string) {
	f.change(func(f *fake) {
		f.revision++
		f.uploadedAt = f.revision
		f.upload = f.make("CN=own.example")
		file := acts.File{Name: "kata.pem", Size: 1704, Time: time.Now(), Fingerprint: f.upload.Fingerprint}
		if problem != "" {
			file.Fingerprint, file.Problem = pki.Fingerprint{}, problem
		}
		f.certificate.Uploaded = &file
	})
}

func (f *fake) ServerCertificate(ctx context.Context, _ acts.Actor) (acts.ServerCertificate, error) {
	if err := f.begin(ctx, "ServerCertificate"); err != nil {
		return acts.ServerCertificate{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.certificate, nil
}

func (f *fake) preview(act string, lines ...string) acts.Preview {
	lines = append(lines, "The certificate in use, "+f.certificate.Fingerprint.String()+", will be removed and replaced. The data of previously installed certificates will be overwritten.")
	return acts.Preview{Act: act, Lines: lines, Consequences: f.consequences, Revision: f.certRevision, Asks: true}
}

func (f *fake) PreviewGenerateServerCertificate(ctx context.Context, _ acts.Actor, _ acts.GenerateServerCertificate) (acts.Preview, error) {
	if err := f.begin(ctx, "PreviewGenerateServerCertificate"); err != nil {
		return acts.Preview{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.preview("certificate generate", "A new key (ECDSA P-256) and certificate will be made for sensor-1.example, 192.0.2.1, 2001:db8::1."), nil
}

func (f *fake) PrepareGenerateServerCertificate(ctx context.Context, _ acts.Actor, in acts.GenerateServerCertificate, step func(string)) (acts.PreparedServerCertificate, error) {
	for _, done := range f.steps {
		if err := f.begin(ctx, "PrepareGenerateServerCertificate"); err != nil {
			return acts.PreparedServerCertificate{}, err
		}
		step(done)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := seen(in.Revision, f.certRevision, "the server certificate"); err != nil {
		return acts.PreparedServerCertificate{}, err
	}
	return acts.PreparedServerCertificate{Certificate: f.make("CN=new.example"), Act: "certificate generate", Pair: f.pair(), Revision: f.certRevision}, nil
}

func (f *fake) PreviewInstallServerCertificate(ctx context.Context, _ acts.Actor, _ acts.InstallServerCertificate) (acts.Preview, error) {
	if err := f.begin(ctx, "PreviewInstallServerCertificate"); err != nil {
		return acts.Preview{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.installable(); err != nil {
		return acts.Preview{}, err
	}
	return f.preview("certificate install", "The supplied certificate "+f.upload.Fingerprint.String()+" will be used."), nil
}

func (f *fake) installable() error {
	switch up := f.certificate.Uploaded; {
	case up == nil:
		return &acts.Error{Code: acts.NotFound, Text: "no kata.pem was uploaded", Hint: "upload one first"}
	case up.Problem != "":
		return &acts.Error{Code: acts.Invalid, Text: up.Problem, Hint: "put the certificate and its key into one PEM file"}
	}
	return nil
}

func (f *fake) PrepareInstallServerCertificate(ctx context.Context, _ acts.Actor, in acts.InstallServerCertificate, step func(string)) (acts.PreparedServerCertificate, error) {
	if err := f.begin(ctx, "PrepareInstallServerCertificate"); err != nil {
		return acts.PreparedServerCertificate{}, err
	}
	step("The certificate and its private key were read: RSA 3072.")
	step("They belong together and satisfy the rules.")
	step("They were read back as the next start of this server will read them.")
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.installable(); err != nil {
		return acts.PreparedServerCertificate{}, err
	}
	if err := seen(in.Revision, f.certRevision, "the server certificate"); err != nil {
		return acts.PreparedServerCertificate{}, err
	}
	return acts.PreparedServerCertificate{Certificate: f.upload, Act: "certificate install", Pair: f.pair(), Revision: f.certRevision, Upload: f.uploadedAt}, nil
}

func (f *fake) ApplyServerCertificate(ctx context.Context, who acts.Actor, in acts.PreparedServerCertificate) (acts.ServerCertificate, error) {
	if err := f.begin(ctx, "ApplyServerCertificate"); err != nil {
		return acts.ServerCertificate{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := seen(in.Revision, f.certRevision, "the server certificate"); err != nil {
		return acts.ServerCertificate{}, err
	}
	f.record(who, in.Act, in.Fingerprint.String())
	f.certRevision = f.revision
	next := acts.ServerCertificate{Certificate: in.Certificate, Since: time.Now(), Revision: f.revision}
	if in.Upload == 0 {
		next.Uploaded = f.certificate.Uploaded
	}
	f.certificate = next
	next.Cut = f.cut
	return next, nil
}

func (f *fake) DiscardServerCertificate(ctx context.Context, who acts.Actor, _ acts.DiscardServerCertificate) error {
	if err := f.begin(ctx, "DiscardServerCertificate"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.certificate.Uploaded == nil {
		return notFound("kata.pem")
	}
	f.certificate.Uploaded = nil
	f.record(who, "certificate discard", "kata.pem")
	return nil
}
