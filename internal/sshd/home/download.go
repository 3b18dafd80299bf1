package home

import "bytes"

// download is an open ssl/kata.crt: what it was when it was opened.
type download struct {
	*bytes.Reader
	release func()
}

// Close makes room for another open file.
func (d *download) Close() error {
	d.release()
	return nil
}
