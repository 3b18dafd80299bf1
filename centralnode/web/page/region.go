package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
)

// region is a part of a page that is brought up to date by itself: a section or
// div with id and data-live.
type region struct {
	id, hash   string
	from, open int // where its start tag begins in the page, and where it ends
	to         int // where its end tag ends
}

const (
	hashLength = 16
	maxRegions = 64 // of one page
)

// regions finds the live regions of a page. Their hashes leave out the tokens of
// forms, which are others each time.
func regions(page rendered) ([]region, error) {
	var out []region
	var element string // of the region that is open
	depth := 0
	for t, ok := nextTag(page.text, 0); ok; t, ok = nextTag(page.text, t.to) {
		switch {
		case depth > 0 && t.name == element && !t.closes:
			depth++
		case depth > 0 && t.name == element:
			if depth--; depth == 0 {
				r := &out[len(out)-1]
				r.to, r.hash = t.to, page.hash(r.from, t.to)
			}
		case depth == 0 && t.live:
			if !plain(t.id) || t.name != "section" && t.name != "div" {
				return nil, fmt.Errorf("%s is no live region: one is a section or div with an id of letters, digits and dashes", page.text[t.from:t.to])
			}
			if len(out) == maxRegions {
				return nil, fmt.Errorf("more than %d live regions", maxRegions)
			}
			out = append(out, region{id: t.id, from: t.from, open: t.to})
			element, depth = t.name, 1
		}
	}
	if depth > 0 {
		return nil, fmt.Errorf("live region %s has no end", out[len(out)-1].id)
	}
	return out, nil
}

// tag is a tag of a page, with what of it regions are known by.
type tag struct {
	from, to int
	name     string
	closes   bool
	live     bool
	id       string
}

// nextTag finds the first tag from a place on. The text is html/template's: what
// came from outside has no angle brackets and no quotes in it.
func nextTag(text []byte, at int) (t tag, ok bool) {
	for {
		i := bytes.IndexByte(text[at:], '<')
		if i < 0 {
			return tag{}, false
		}
		t = tag{from: at + i}
		at += i + 1
		if t.closes = at < len(text) && text[at] == '/'; t.closes {
			at++
		}
		start := at
		for at < len(text) && (isLetter(text[at]) || '0' <= text[at] && text[at] <= '9') {
			at++
		}
		if at == start {
			continue // a document type, or no tag
		}
		t.name = string(text[start:at])
		t.to = t.attributes(text, at)
		return t, true
	}
}

// attributes reads to the end of a tag.
func (t *tag) attributes(text []byte, at int) (end int) {
	for at < len(text) && text[at] != '>' {
		if text[at] <= ' ' || text[at] == '/' {
			at++
			continue
		}
		start := at
		for at < len(text) && text[at] > ' ' && text[at] != '>' && text[at] != '=' && (text[at] != '/' || at == start) {
			at++
		}
		name, value := text[start:at], []byte(nil)
		if at < len(text) && text[at] == '=' {
			value, at = attributeValue(text, at+1)
		}
		t.live = t.live || string(name) == "data-live"
		if string(name) == "id" {
			t.id = string(value)
		}
	}
	return min(at+1, len(text))
}

func attributeValue(text []byte, at int) (value []byte, end int) {
	if at < len(text) && (text[at] == '"' || text[at] == '\'') {
		length := bytes.IndexByte(text[at+1:], text[at])
		if length < 0 {
			return nil, len(text)
		}
		return text[at+1 : at+1+length], at + length + 2
	}
	start := at
	for at < len(text) && text[at] > ' ' && text[at] != '>' {
		at++
	}
	return text[start:at], at
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// plain says whether an id can stand in an address as it is.
func plain(id string) bool {
	for _, c := range []byte(id) {
		if !isLetter(c) && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return id != ""
}

func (p rendered) hash(from, to int) string {
	h, text := sha256.New(), p.text[from:to]
	for _, token := range p.tokens { // in the order in which they stand in the page
		before, after, found := bytes.Cut(text, []byte(token))
		if found {
			h.Write(before)
			text = after
		}
	}
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil)[:hashLength/2])
}

// marked writes into a page which state its regions show, so that its script can
// say it when it asks for what is new.
func marked(page rendered) ([]byte, error) {
	found, err := regions(page)
	if err != nil {
		return nil, err
	}
	out, at := make([]byte, 0, len(page.text)+40*len(found)), 0
	for _, r := range found {
		out = append(out, page.text[at:r.open-1]...)
		out = append(out, ` data-hash="`+r.hash+`"`...)
		at = r.open - 1
	}
	return append(out, page.text[at:]...), nil
}

// liveParameter carries the hashes of what a page shows, each followed by the id
// of its region, when its script asks for what is new.
const liveParameter = "live"

// takeKnown takes that parameter away from a request of a page's script: what is
// left is the page's own address.
func takeKnown(r *Request) map[string]string {
	if !live(r.Request) {
		return nil
	}
	known := make(map[string]string)
	var rest []string
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		value, ours := strings.CutPrefix(part, liveParameter+"=")
		if !ours {
			rest = append(rest, part)
			continue
		}
		value, _ = url.QueryUnescape(value) // what cannot be read is known to nobody, and sent
		for i, one := range strings.Split(value, ",") {
			if i < maxRegions && len(one) > hashLength {
				known[one[hashLength:]] = one[:hashLength]
			}
		}
	}
	address := *r.URL
	address.RawQuery = strings.Join(rest, "&")
	request := *r.Request
	request.URL, request.Form = &address, nil
	r.Request = &request
	return known
}
