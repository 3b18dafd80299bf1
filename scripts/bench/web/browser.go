package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"

	"vedette/pki"
)

// browser asks as a browser does that keeps one connection and offers gzip.
type browser struct {
	client *http.Client
	base   string
}

func newBrowser(base string, pins pki.PinCheck) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &browser{base: base, client: &http.Client{Jar: jar, Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: pki.ClientConfig(pins, nil), ForceAttemptHTTP2: true, DisableCompression: true, // counted as it comes
	}}}, nil
}

// signIn signs in as the local administrator.
func signIn(ctx context.Context, address string, pin pki.Fingerprint) (*browser, error) {
	b, err := newBrowser("https://"+address, pki.PinTo(pin))
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.base+"/sign-in", strings.NewReader(url.Values{"name": {"admin"}, "password": {password}}.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := b.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK || answer.Request.URL.Path != "/" {
		return nil, fmt.Errorf("sign in: %s at %s, %w: %.500s", answer.Status, answer.Request.URL, err, body)
	}
	return b, nil
}

// page is what came of a request: as it came, and as it reads.
type page struct {
	sent []byte
	took time.Duration
	kind string // media type
	gzip bool
}

func (b *browser) get(ctx context.Context, path string) (p page, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+path, nil)
	if err != nil {
		return p, err
	}
	request.Header.Set("Accept-Encoding", "gzip")
	began := time.Now()
	answer, err := b.client.Do(request)
	if err != nil {
		return p, err
	}
	defer answer.Body.Close()
	p.sent, err = io.ReadAll(answer.Body)
	p.took, p.kind, p.gzip = time.Since(began), answer.Header.Get("Content-Type"), answer.Header.Get("Content-Encoding") == "gzip"
	if err == nil && (answer.StatusCode != http.StatusOK || answer.Request.URL.Path != request.URL.Path) {
		err = fmt.Errorf("%s: %s", answer.Request.URL, answer.Status)
	}
	return p, err
}

// text is what the page reads.
func (p page) text() (string, error) {
	if !p.gzip {
		return string(p.sent), nil
	}
	z, err := gzip.NewReader(strings.NewReader(string(p.sent)))
	if err != nil {
		return "", err
	}
	raw, err := io.ReadAll(z)
	return string(raw), err
}

// asset is what a page has a browser fetch besides.
var asset = regexp.MustCompile(`(?:href|src)="(/assets/[^"]+)"`)

// bytes are those of a page and of what it is shown with.
func (b *browser) bytes(ctx context.Context, path string) (int, error) {
	p, err := b.get(ctx, path)
	if err != nil {
		return 0, err
	}
	text, err := p.text()
	if err != nil {
		return 0, err
	}
	n := len(p.sent)
	fetched := make(map[string]bool)
	for _, match := range asset.FindAllStringSubmatch(text, -1) {
		if fetched[match[1]] {
			continue
		}
		fetched[match[1]] = true
		a, err := b.get(ctx, match[1])
		if err != nil {
			return 0, err
		}
		n += len(a.sent)
	}
	if len(fetched) < 2 {
		return 0, fmt.Errorf("%s names no style sheet and script", path)
	}
	return n, nil
}
