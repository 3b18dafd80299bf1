package home

import (
	"path"
	"strings"
)

// maxPath is the longest path of a client in bytes that is looked at.
const maxPath = 4096

// place is what a path of a client means here.
type place int

const (
	nowhere  place = iota
	rootPath       // the home folder itself
	sslPath        // the folder of ssl/kata.crt
	uploadPath
	downloadPath
)

// locate says what a path means. Relative, absolute and ~/ paths begin at the
// home folder, above which there is nothing: its parent is itself, as in every
// changed root. The path is compared and never joined to one of the host.
func locate(p string) place {
	switch clean(p) {
	case "/":
		return rootPath
	case "/ssl":
		return sslPath
	case "/" + Upload:
		return uploadPath
	case "/" + Download:
		return downloadPath
	}
	return nowhere
}

// clean gives a path of a client as the absolute path that it names. A leading
// ~ is the home folder, as often as it comes: the library gives "~/x" and "/~/x"
// alike, and what RealPath gave is asked for again.
func clean(p string) string {
	if len(p) > maxPath {
		return ""
	}
	p = path.Clean("/" + p)
	for p == "/~" || strings.HasPrefix(p, "/~/") {
		p = "/" + strings.TrimPrefix(p[2:], "/")
	}
	return p
}

// unwritable says why nothing can be uploaded to the path; nil when it can.
func unwritable(p string) error {
	switch locate(p) {
	case uploadPath:
		return nil
	case downloadPath:
		return errReadOnly
	case rootPath, sslPath:
		return errIsFolder
	}
	if dir, name := path.Split(clean(p)); dir == "/" && strings.Contains(name, Upload) {
		return errTemporaryName // kata.pem.filepart, .kata.pem.tmp, kata.pem~
	}
	return errElsewhere
}

// unreadable says why nothing can be downloaded from the path; nil when it can.
func unreadable(p string) error {
	switch locate(p) {
	case downloadPath:
		return nil
	case uploadPath:
		return errWriteOnly
	case rootPath, sslPath:
		return errIsFolder
	}
	return errElsewhere
}
