package home

import (
	"errors"

	"github.com/pkg/sftp"

	"vedette/internal/acts"
	"vedette/internal/foreign"
)

// refusal is an error with the status that SFTP gives it and a sentence for a
// person.
type refusal struct {
	status error // one of the library's
	text   string
}

func (r *refusal) Error() string { return r.text }

// Unwrap lets the library find the status.
func (r *refusal) Unwrap() error { return r.status }

func denied(text string) *refusal {
	return &refusal{sftp.ErrSSHFxPermissionDenied, "permission denied: " + text}
}

func failure(text string) *refusal { return &refusal{sftp.ErrSSHFxFailure, text} }

const allowed = "only " + Upload + " can be uploaded here, and " + Download + " downloaded"

// What the home folder refuses.
var (
	errElsewhere = denied(allowed)
	errIsFolder  = denied("this is a folder; " + allowed)
	errWriteOnly = denied(Upload + " can be uploaded and removed, but not read back")
	errReadOnly  = denied(Download + " can be downloaded, but neither written nor removed")

	errTemporaryName = denied("upload " + Upload + " under its own name: switch off temporary names for uploads in your program")
	errRename        = denied("nothing can be renamed here; upload " + Upload + " under its own name and switch off temporary names for uploads in your program")
	errLink          = denied("there are no links here")
	errNoFolders     = denied("folders cannot be uploaded; " + allowed)
	errNoFolder      = denied(Upload + " is not a folder; " + allowed)
	errAppend        = denied("an upload cannot be resumed; send the whole " + Upload)

	errTargets     = failure("there is more than one target; put a name with blanks into quotes")
	errNotUploaded = &refusal{sftp.ErrSSHFxNoSuchFile, "no " + Upload + " has been uploaded"}
	errExists      = failure("there is an uploaded " + Upload + " already; remove it first")
	errTooLarge    = failure(Upload + " may have 64 KiB at most; nothing was kept")
	errEmpty       = failure("the file is empty; nothing was kept")
	errHoles       = failure("parts of the file are missing; send the whole " + Upload + " at once; nothing was kept")
	errTwice       = failure("a part of the file was sent twice with different content; nothing was kept")
	errCut         = failure("the file did not arrive whole; nothing was kept")
	errHandles     = failure("too many files are open; close one")
	errInternal    = failure("internal error; the daemon's log has the cause")
)

// toPerson makes a refusal out of an error of Folder. An error that is not for
// a person becomes errInternal; the caller logs it.
func toPerson(err error) *refusal {
	var ours *refusal
	if errors.As(err, &ours) {
		return ours
	}
	var act *acts.Error
	if !errors.As(err, &act) {
		return errInternal
	}
	text := act.Text
	if act.Hint != "" {
		text += "; " + act.Hint
	}
	r := failure(foreign.Line(text))
	if act.Code == acts.NotAllowed || act.Code == acts.Refused {
		r.status = sftp.ErrSSHFxPermissionDenied
	}
	return r
}
