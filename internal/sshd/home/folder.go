package home

import (
	"context"
	"time"
)

// The two files of the home folder, by their documented names.
const (
	Upload   = "kata.pem"     // can be written and removed, and never be read
	Download = "ssl/kata.crt" // can be read
)

// MaxUpload is the most bytes that an upload may have.
const MaxUpload = 64 << 10

// Folder is the home folder of one administrator. Its errors are for a person:
// an *acts.Error says what is wrong and what to do.
type Folder interface {
	// Uploaded describes a kata.pem that waits for its installation.
	Uploaded(context.Context) (size int64, at time.Time, found bool, err error)
	// Upload takes a whole kata.pem in the place of an earlier one.
	Upload(ctx context.Context, pem []byte) error
	// Remove forgets the uploaded kata.pem.
	Remove(context.Context) error
	// Certificate is the server certificate in use, PEM without key.
	Certificate(context.Context) (pem []byte, since time.Time, err error)
}
