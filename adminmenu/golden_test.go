package adminmenu

import (
	"testing"
	"testing/synctest"
)

func TestScreensOfTheCertificateChains(t *testing.T) {
	for _, tt := range []struct {
		name  string
		setup func(*setup)
	}{
		{"", func(*setup) {}},
		{"vt100-", func(s *setup) { s.terminal.Name = "vt100" }},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			f.certificate.Warnings = []string{"The certificate expires in 7 days."}
			s := sensor(fakeSensor{f})
			tt.setup(&s)
			d := drive(t, s)
			d.choose("Program settings")
			d.choose("Manage server certificate")
			d.golden(tt.name + "certificate-management")
			for i, name := range []string{"", "generate-1-information", "generate-2-confirmation", "generate-3-creation", "generate-4-information", "generate-5-confirmation"} {
				if name != "" {
					d.golden(tt.name + name)
				}
				d.walk(generateChain(f)[i : i+1])
			}
			d.golden(tt.name + "generate-6-done")
			f.uploads("")
			d.wait(1100 * 1e6)
			for i, name := range []string{"certificate-management-uploaded", "install-1-uploaded", "install-2-confirmation", "install-3-information", "install-4-confirmation", "install-5-installation", "install-6-information", "install-7-confirmation"} {
				d.golden(tt.name + name)
				d.walk(installChain(f)[i : i+1])
			}
			d.golden(tt.name + "install-8-done")
			d.resize(60, 20)
			d.golden(tt.name + "too-small")
		})
	}
}
