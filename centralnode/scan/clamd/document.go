package clamd

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"unicode/utf16"
)

// document is a probe of a kind that clamd opens only while a setting is yes.
type document struct {
	setting string
	needs   string // another setting without which this one shows nothing; or empty
	object  []byte
}

// documents hold the encrypted archive so that clamd meets it only when it opens
// that kind of document. All are small: clamd needs less than a millisecond for
// each.
func documents(archive []byte) ([]document, error) {
	inPDF, err := pdf(archive)
	if err != nil {
		return nil, err
	}
	inOLE2, err := ole2(archive)
	if err != nil {
		return nil, err
	}
	return []document{
		{setting: "ScanMail", object: mail(archive)},
		{setting: "ScanHTML", needs: "ScanMail", object: html(archive)}, // it reads what a URL holds as a part of a mail
		{setting: "ScanPDF", object: inPDF},
		{setting: "ScanOLE2", object: inOLE2},
		{setting: "ScanXMLDOCS", object: wordXML(archive)},
	}, nil
}

// mail has an attachment.
func mail(attachment []byte) []byte {
	return fmt.Appendf(nil, "From: %[1]s@example.com\r\nTo: %[1]s@example.com\r\nSubject: %[1]s\r\nMIME-Version: 1.0\r\n"+
		"Content-Type: application/zip; name=\"%[1]s.zip\"\r\nContent-Transfer-Encoding: base64\r\n"+
		"Content-Disposition: attachment; filename=\"%[1]s.zip\"\r\n\r\n%[2]s\r\n", probeName, lines(attachment, "\r\n"))
}

// html has a link that holds its content itself (RFC 2397).
func html(content []byte) []byte {
	return fmt.Appendf(nil, "<html><head><title>%s</title></head><body><a href=\"data:application/zip;base64,%s\">file</a></body></html>\n",
		probeName, base64.StdEncoding.EncodeToString(content))
}

// wordXML is a document of Word 2003 with an embedded object.
func wordXML(content []byte) []byte {
	return fmt.Appendf(nil, "<?xml version=\"1.0\"?>\n<?mso-application progid=\"Word.Document\"?>\n"+
		"<w:wordDocument xmlns:w=\"http://schemas.microsoft.com/office/word/2003/wordml\">"+
		"<w:docOleData><w:binData w:name=\"%s.mso\">\n%s\n</w:binData></w:docOleData></w:wordDocument>\n", probeName, lines(content, "\n"))
}

// lines is base64 in lines of 76 digits.
func lines(data []byte, end string) []byte {
	var out []byte
	for text := base64.StdEncoding.AppendEncode(nil, data); len(text) > 0; {
		n := min(len(text), 76)
		if out != nil {
			out = append(out, end...)
		}
		out, text = append(out, text[:n]...), text[n:]
	}
	return out
}

// pdf has an attachment, compressed.
func pdf(attachment []byte) ([]byte, error) {
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	_, err := w.Write(attachment)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("make a document: %w", err)
	}
	out := []byte("%PDF-1.4\n")
	var places []int
	for i, object := range []string{
		"<< /Type /Catalog /Names << /EmbeddedFiles << /Names [(" + probeName + ".zip) 2 0 R] >> >> >>",
		"<< /Type /Filespec /F (" + probeName + ".zip) /EF << /F 3 0 R >> >>",
		fmt.Sprintf("<< /Type /EmbeddedFile /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream", packed.Len(), &packed),
	} {
		places = append(places, len(out))
		out = fmt.Appendf(out, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	table := len(out)
	out = fmt.Appendf(out, "xref\n0 %d\n0000000000 65535 f \n", len(places)+1)
	for _, place := range places {
		out = fmt.Appendf(out, "%010d 00000 n \n", place)
	}
	return fmt.Appendf(out, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(places)+1, table), nil
}

// Sectors of a compound file ([MS-CFB] 2.1).
const (
	sectorSize = 512
	endOfChain = 0xFFFFFFFE
	fatSector  = 0xFFFFFFFD
	noSector   = 0xFFFFFFFF
	smallest   = 4096 // bytes of a stream in sectors of its own
)

// ole2 is a compound file, as documents of Office were until 2007, with one
// stream. Sector 0 has the allocation table, sector 1 the directory.
func ole2(content []byte) ([]byte, error) {
	const streamSectors = smallest / sectorSize
	if len(content) > smallest {
		return nil, fmt.Errorf("make a document: %d bytes do not fit into its stream", len(content))
	}
	var out bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&out, binary.LittleEndian, v) // fixed sizes, to a buffer
		}
	}
	fill := func(n int, with uint32) {
		for range n {
			put(with)
		}
	}
	put([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), [16]byte{}, uint16(0x3e), uint16(3), uint16(0xfffe), uint16(9), uint16(6), [6]byte{})
	put(uint32(0), uint32(1), uint32(1), uint32(0), uint32(smallest)) // one sector of the table, the directory is at 1
	put(uint32(endOfChain), uint32(0), uint32(endOfChain), uint32(0), uint32(0))
	fill(108, noSector)

	put(uint32(fatSector), uint32(endOfChain))
	for i := range uint32(streamSectors - 1) {
		put(3 + i)
	}
	put(uint32(endOfChain))
	fill(sectorSize/4-2-streamSectors, noSector)

	entry := func(name string, kind byte, child, start, size uint32) {
		var text [32]uint16
		n := copy(text[:], utf16.Encode([]rune(name)))
		if n > 0 {
			n++ // the zero behind it
		}
		put(text, uint16(2*n), kind, byte(1), uint32(noSector), uint32(noSector), child, [36]byte{}, start, size, uint32(0))
	}
	entry("Root Entry", 5, 1, endOfChain, 0)
	entry(probeName, 2, noSector, 2, smallest)
	entry("", 0, noSector, 0, 0)
	entry("", 0, noSector, 0, 0)

	put(content, make([]byte, smallest-len(content)))
	return out.Bytes(), nil
}
