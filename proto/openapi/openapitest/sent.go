package openapitest

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
)

// maxKept bounds what is kept of a body that is not a form, and of a field.
const maxKept = 1 << 20

// sent watches the body of a request while somebody else reads it.
type sent struct {
	read   io.ReadCloser
	kept   bytes.Buffer
	over   bool // more than maxKept, so kept is not all
	form   *form
	forked *io.PipeWriter
	parsed chan struct{} // closed when form was parsed
}

// form is what a multipart body held: a file is told by its part having a file
// name, and only its name is kept.
type form struct {
	values map[string]any
	files  map[string]bool
	err    error
}

// watch puts itself between a request and whoever reads its body.
func watch(r *http.Request) *sent {
	s := &sent{read: r.Body}
	if r.Body == nil || r.Body == http.NoBody {
		return s
	}
	if kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind == "multipart/form-data" {
		s.form = &form{values: make(map[string]any), files: make(map[string]bool)}
		s.parsed = make(chan struct{})
		var fork *io.PipeReader
		fork, s.forked = io.Pipe()
		go func() {
			defer close(s.parsed)
			// What is read behind the end shows a last part that has only its boundary.
			whole := io.MultiReader(fork, strings.NewReader("\r\nx"))
			s.form.err = s.form.parse(multipart.NewReader(whole, params["boundary"]))
			_, _ = io.Copy(io.Discard, fork) // nobody waits for a writer that has gone
		}()
	}
	r.Body = s
	return s
}

// Read passes on what is read and keeps what the description is about.
func (s *sent) Read(p []byte) (int, error) {
	n, err := s.read.Read(p)
	switch {
	case s.form != nil:
		_, _ = s.forked.Write(p[:n]) // the other end reads until the end
		if err != nil {
			_ = s.forked.CloseWithError(err)
		}
	case s.kept.Len()+n > maxKept:
		s.over = true
	default:
		s.kept.Write(p[:n])
	}
	return n, err
}

// Close ends the body for both readers.
func (s *sent) Close() error {
	s.end()
	return s.read.Close()
}

// end lets the parser end when nobody reads any more, and waits for it.
func (s *sent) end() {
	if s.form == nil {
		return
	}
	_ = s.forked.CloseWithError(io.ErrUnexpectedEOF)
	<-s.parsed
}

// body is what was sent, when it is not a form.
func (s *sent) body() ([]byte, error) {
	switch {
	case s.over:
		return nil, fmt.Errorf("a body of more than %d bytes is not described", maxKept)
	case s.form != nil:
		s.end()
		return nil, s.form.err
	}
	return s.kept.Bytes(), nil
}

func (f *form) parse(parts *multipart.Reader) error {
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF { // wrapped, it is an end before the last boundary
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the form: %w", err)
		}
		_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		if err != nil {
			return fmt.Errorf("read the name of a part: %w", err)
		}
		name := params["name"]
		if _, again := f.values[name]; again {
			return fmt.Errorf("the part %s comes twice", name)
		}
		if _, file := params["filename"]; file {
			f.files[name] = true
			f.values[name] = ""
			_, err = io.Copy(io.Discard, part)
		} else {
			var value []byte
			value, err = io.ReadAll(io.LimitReader(part, maxKept))
			f.values[name] = string(value)
		}
		if err != nil {
			return fmt.Errorf("read the part %s: %w", name, err)
		}
	}
}
