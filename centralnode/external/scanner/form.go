package scanner

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"runtime"
	"strings"

	"vedette/proto/problem"
)

const (
	// maxParts bounds the parts of a form.
	maxParts = 20
	// maxBoundary bounds the boundary between parts (RFC 2046 section 5.1.1).
	maxBoundary = 70
	// maxField bounds the value of a field, in bytes; known ones have less.
	maxField = 4 << 10
	// bufferSize is what an object goes through.
	bufferSize = 32 << 10
)

// form is what came with an object.
type form struct {
	scanID, instance string
	name             string // of the object: foreign
	whole            bool   // the object was there
	seen             map[string]bool
}

// boundaryOf finds out what separates the parts of a body.
func boundaryOf(h http.Header) (string, *problem.Problem) {
	const want = "The body has to be multipart/form-data with a boundary (with curl: -F content=@FILE)."
	given := h["Content-Type"]
	if len(given) != 1 {
		return "", badRequest(want)
	}
	kind, params, err := mime.ParseMediaType(given[0])
	if err != nil || kind != "multipart/form-data" {
		return "", badRequest(want)
	}
	switch boundary := params["boundary"]; {
	case boundary == "":
		return "", badRequest(want)
	case len(boundary) > maxBoundary:
		return "", badRequest("The boundary of the body may have at most 70 characters.")
	default:
		return boundary, nil
	}
}

// afterEnd is read behind the end of a body. Package multipart takes a body that
// ends right behind a boundary for a whole one; with this it finds a part that is
// none. Behind the last boundary nothing is looked at.
const afterEnd = "\r\nx"

// readForm reads a body to its end and gives the object to put.
func (a *API) readForm(b *body, boundary string, put io.Writer) (form, error) {
	f := form{seen: make(map[string]bool)}
	parts := multipart.NewReader(io.MultiReader(b, strings.NewReader(afterEnd)), boundary)
	for n := 0; ; n++ {
		// The object is taken as its bytes are: NextPart would decode them.
		part, err := parts.NextRawPart()
		if err == io.EOF { // wrapped, it is an end before the last boundary
			break
		}
		if err != nil {
			return f, formFault(b, err)
		}
		if n == maxParts {
			return f, badRequest("The body may have at most 20 parts.")
		}
		if err := a.readPart(&f, b, part, put); err != nil {
			return f, err
		}
	}
	if err := b.rest(); err != nil {
		return f, formFault(b, err)
	}
	if !f.whole {
		return f, badRequest("There is no object: it goes into the part content (with curl: -F content=@FILE).")
	}
	return f, nil
}

// formFault says what is wrong with a body that cannot be read on. What ended
// the body itself is bodyFault's to say.
func formFault(b *body, err error) error {
	switch {
	case b.err != nil && b.err != io.EOF:
		return b.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return badRequest("The body ends before its last boundary.")
	default:
		return badRequest("The body is not well-formed multipart/form-data.")
	}
}

// readPart reads one part to its end.
func (a *API) readPart(f *form, b *body, part *multipart.Part, put io.Writer) error {
	disposition, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	name := params["name"]
	if err != nil || disposition != "form-data" || name == "" {
		return badRequest("A part of the body has no name, or a malformed one.")
	}
	if name == "scanID" {
		name = "scanId" // as a syntax line of the documents has it
	}
	switch strings.ToLower(part.Header.Get("Content-Transfer-Encoding")) {
	case "", "7bit", "8bit", "binary":
	default:
		return badRequest("Parts may not have a Content-Transfer-Encoding: send the bytes as they are.")
	}
	for _, known := range []string{"content", "scanId", "objectType", "sensorInstanceId"} {
		if name != known && strings.EqualFold(name, known) {
			return badRequest("A field is misspelt: it is written " + known + ".")
		}
		if name == known && f.seen[name] {
			return badRequest(known + " is given more than once.")
		}
	}
	f.seen[name] = true
	file, isFile := params["filename"]
	switch {
	case name == "content" && !isFile:
		return badRequest("content must be a file part, with a file name: with curl write -F content=@FILE, with the @.")
	case name == "content":
		f.name = file
		return a.readObject(f, b, part, put)
	case isFile:
		return badRequest("A file goes into the part content, and nowhere else.")
	}
	return f.readField(b, name, part)
}

// readField reads a field that is no file.
func (f *form) readField(b *body, name string, part io.Reader) error {
	raw, err := io.ReadAll(io.LimitReader(part, maxField+1))
	if err != nil {
		return formFault(b, err)
	}
	if len(raw) > maxField {
		return badRequest("A field of the body is too long: at most 4096 bytes.")
	}
	switch value := string(raw); name {
	case "scanId":
		if !isID(value) {
			return badRequest("scanId has " + idRule + ". Leave it out when the result need not be looked up.")
		}
		f.scanID = value
	case "objectType":
		if value != "file" {
			return badRequest("objectType is file; there is no other.")
		}
	case "sensorInstanceId":
		if value != "" && !isID(value) {
			return badRequest("sensorInstanceId has " + idRule + ".")
		}
		f.instance = value
	}
	return nil
}

// readObject passes the object on.
func (a *API) readObject(f *form, b *body, part io.Reader, put io.Writer) error {
	buffer := a.buffers.Get().(*[bufferSize]byte)
	defer a.buffers.Put(buffer)
	for {
		n, err := fill(b, part, buffer[:])
		if n > 0 {
			if _, err := put.Write(buffer[:n]); err != nil {
				return err
			}
			// A fast upload never waits, and would keep others from a processor for
			// 10 ms at a time.
			runtime.Gosched()
		}
		if err == io.EOF {
			f.whole = true
			return nil
		}
		if err != nil {
			return formFault(b, err)
		}
	}
}

// fill reads until the buffer is full or the part ends.
func fill(b *body, part io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var more int
		more, err = part.Read(buffer[n:])
		n += more
		b.object += int64(more)
	}
	return n, err
}
