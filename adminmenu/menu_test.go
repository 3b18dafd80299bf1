package adminmenu

import (
	"testing"
	"testing/synctest"
)

func TestGenerateChainHasTheDocumentedWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		before := f.certificate.Fingerprint
		d := drive(t, sensor(fakeSensor{f}))
		d.at("Administrator menu")
		d.choose("Program settings")
		d.at("Program settings")
		d.choose("Manage server certificate")
		d.at("Certificate management")
		d.expect(before.String())
		d.choose("New")
		d.at("Information on the new certificate")
		d.button("Continue")
		d.button("Generate")
		d.press("enter")
		d.button("Continue")
		d.button("Ok")
		d.at("Certificate management")
		d.refuse(before.String())
	})
}
