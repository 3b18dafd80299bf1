package clamd

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
)

// maxRecursion is the highest MaxRecursion that is understood; 17 is usual. A
// clamd that looks deeper does not report the probe and is not believed.
const maxRecursion = 100

// probeName is in every probe in clear, so that people who meet one in a log or
// a capture can tell whose it is.
const probeName = "vedette-probe"

// probes are objects that clamd should report; see the package comment.
type probes struct {
	nested, encrypted, oversized []byte
	documents                    []document
}

// makeProbes makes them for a clamd that looks at files of maxFileSize bytes.
func makeProbes(maxFileSize int64) (probes, error) {
	var p probes
	var err error
	if p.nested, err = nested(); err != nil {
		return probes{}, err
	}
	if p.encrypted, err = encrypted(); err != nil {
		return probes{}, err
	}
	if p.documents, err = documents(p.encrypted); err != nil {
		return probes{}, err
	}
	p.oversized, err = oversized(maxFileSize + 1)
	return p, err
}

// nested is an archive in an archive in an archive, so deep that clamd cannot
// look at its innermost file. It has about 8 KiB.
func nested() ([]byte, error) {
	var p packer
	data := []byte("too deep")
	for range maxRecursion + 1 {
		var err error
		if data, err = p.pack(bytes.NewReader(data)); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// oversized is an archive whose one file is itself an archive with one file,
// which has n bytes, all zero. For 400 MiB it has 3 KiB.
func oversized(n int64) ([]byte, error) {
	var p packer
	inner, err := p.pack(io.LimitReader(zeros{}, n))
	if err != nil {
		return nil, err
	}
	return p.pack(bytes.NewReader(inner))
}

// encrypted is an archive with one file that says it is encrypted.
func encrypted() ([]byte, error) {
	const secret = "not to be read without a password"
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	file, err := w.CreateRaw(&zip.FileHeader{
		Name: probeName, Method: zip.Store, Flags: 1, // encrypted
		CompressedSize64: uint64(len(secret)), UncompressedSize64: uint64(len(secret)) - 12, // its header
	})
	if err == nil {
		_, err = io.WriteString(file, secret)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("make an archive: %w", err)
	}
	return out.Bytes(), nil
}

// packer makes archives of one file with one compressor.
type packer struct{ flate *flate.Writer }

func (p *packer) pack(content io.Reader) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	w.RegisterCompressor(zip.Deflate, func(to io.Writer) (io.WriteCloser, error) {
		if p.flate == nil {
			var err error
			p.flate, err = flate.NewWriter(to, flate.BestSpeed)
			return p.flate, err
		}
		p.flate.Reset(to)
		return p.flate, nil
	})
	file, err := w.Create(probeName)
	if err == nil {
		_, err = io.Copy(file, content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("make an archive: %w", err)
	}
	return out.Bytes(), nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
