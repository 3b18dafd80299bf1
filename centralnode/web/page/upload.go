package page

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"vedette/internal/acts"
	"vedette/internal/foreign"
)

// What a form may carry.
const (
	maxForm     = 1 << 20   // bytes of all of it
	maxFields   = 4 << 10   // values; a table has one for each row that is marked
	maxValue    = 256 << 10 // bytes of one value
	maxLine     = 1 << 10   // bytes of one line of text
	maxFileName = 120       // bytes of a file's name that are kept
)

// File is a file that a person chose in a form. Data is overwritten when the form
// has been answered, because it may be a private key: whoever keeps it copies it.
type File struct {
	Name string // as the person knows it
	Data []byte
}

// File gives the one file of a field. max is in bytes. A form without it is
// refused with the words for it.
func (r *Request) File(name string, max int) (data []byte, fileName string, err error) {
	files, err := r.Files(name, max)
	if err != nil {
		return nil, "", err
	}
	if len(files) > 1 {
		return nil, "", &acts.Error{Code: acts.Invalid, Text: "more than one file was chosen", Hint: "choose one file"}
	}
	return files[0].Data, files[0].Name, nil
}

// Files gives the files of a field, at least one, each of at most max bytes.
func (r *Request) Files(name string, max int) ([]File, error) {
	files := r.files[name]
	if len(files) == 0 {
		return nil, &acts.Error{Code: acts.Invalid, Text: "no file was chosen", Hint: "choose a file and send the form again"}
	}
	for _, f := range files {
		if len(f.Data) > max {
			return nil, &acts.Error{
				Code: acts.Invalid, Text: fmt.Sprintf("the file %s is too large: it has %s", f.Name, acts.ByteSize(uint64(len(f.Data)))),
				Hint: fmt.Sprintf("at most %s are taken", acts.ByteSize(uint64(max))),
			}
		}
	}
	return files, nil
}

// Text reads a field of one line as a person means it: without spaces around it,
// without line ends and other control characters. A password is read with
// PostFormValue, as it was typed.
func (r *Request) Text(name string) string { return line(r.PostFormValue(name), maxLine) }

// line makes one line of what somebody typed.
func line(s string, max int) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case c == '\t' || c == '\n' || c == '\r':
			return ' '
		case unicode.IsControl(c):
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, ""))
	s = strings.TrimSpace(s)
	if len(s) > max {
		s = strings.ToValidUTF8(s[:max], "")
	}
	return s
}

func (r *Request) wipe() {
	for _, files := range r.files {
		for _, f := range files {
			clear(f.Data[:cap(f.Data)])
		}
	}
}

// parse reads a form, with or without files, all of it into memory and nothing
// beyond the bounds above.
func parse(w http.ResponseWriter, r *Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && kind == "multipart/form-data" {
		err = r.readParts()
	} else {
		err = r.ParseForm()
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &acts.Error{Code: acts.Invalid, Text: "what was sent is too large", Hint: fmt.Sprintf("at most %s fit", acts.ByteSize(maxForm)), Err: err}
	case err != nil:
		return &acts.Error{Code: acts.Invalid, Text: "the form cannot be read", Hint: "open the page again and repeat it there", Err: err}
	}
	return r.bounded()
}

// readParts reads a form with files. net/http would read it too, but would leave
// copies of private keys that nobody can overwrite.
func (r *Request) readParts() error {
	parts, err := r.MultipartReader()
	if err != nil {
		return err
	}
	r.PostForm, r.files = make(url.Values), make(map[string][]File)
	r.MultipartForm = &multipart.Form{} // read: net/http tries no more
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && n == maxFields {
			err = fmt.Errorf("more than %d parts", maxFields)
		}
		if err != nil {
			return err
		}
		data, err := readAll(part)
		if err != nil {
			return err
		}
		switch name := part.FormName(); {
		case !isFile(part):
			r.PostForm.Add(name, string(data))
		case part.FileName() != "" || len(data) > 0: // else none was chosen
			r.files[name] = append(r.files[name], File{fileName(part.FileName()), data})
		}
	}
	r.Form = r.URL.Query()
	for name, values := range r.PostForm {
		r.Form[name] = append(values[:len(values):len(values)], r.Form[name]...)
	}
	return nil
}

// readAll reads a part without leaving grown-out buffers behind: what it grows
// out of is overwritten.
func readAll(part io.Reader) ([]byte, error) {
	data := make([]byte, 0, 8<<10)
	for {
		if len(data) == cap(data) {
			grown := make([]byte, len(data), 4*cap(data))
			copy(grown, data)
			clear(data)
			data = grown
		}
		n, err := part.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if errors.Is(err, io.EOF) {
			return data, nil
		}
		if err != nil {
			clear(data)
			return nil, err
		}
	}
}

// isFile says whether a part is a file: browsers send its name, an empty one when
// none was chosen.
func isFile(part *multipart.Part) bool {
	_, parameters, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	_, named := parameters["filename"]
	return err == nil && named
}

// fileName makes the name of a file on somebody's computer fit to be shown.
func fileName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if name == "." || name == "/" {
		return ""
	}
	return foreign.Bounded(foreign.Clean(name), maxFileName)
}

// bounded refuses what no browser sends from a page of ours, and gives lines one
// kind of end.
func (r *Request) bounded() error {
	n := 0
	for _, values := range r.PostForm {
		n += len(values)
		for i, v := range values {
			if len(v) > maxValue || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return &acts.Error{Code: acts.Invalid, Text: "what was entered cannot be read as text", Hint: "at most " + acts.ByteSize(maxValue) + " of UTF-8 fit into one field"}
			}
			values[i] = strings.ReplaceAll(v, "\r\n", "\n")
		}
	}
	if n > maxFields {
		return &acts.Error{Code: acts.Invalid, Text: "the form has too many fields", Hint: fmt.Sprintf("mark at most %d rows at once", maxFields/2)}
	}
	return nil
}
