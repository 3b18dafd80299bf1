package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"vedette/scripts/bench/load"
)

// attacks are the ways of accepted systems to be a nuisance, and one of
// strangers.
func attacks() []play {
	return []play{
		{name: "parts", about: "forms of 3,000 parts, 50 a second", players: 20, rate: 50, first: badSystem, systems: 1, do: (*player).parts},
		{name: "names", about: "parts whose names and headers have 256 KiB, 50 a second", players: 20, rate: 50, first: badSystem, systems: 1, do: (*player).names},
		{name: "endless", about: "bodies in which no part ever begins, 50 a second", players: 20, rate: 50, first: badSystem, systems: 1, do: (*player).endless},
		{name: "slow", about: "200 uploads of 100 MiB at 2 KiB a second", players: 200, rate: 500, first: badSystem, systems: 1, do: (*player).slow},
		{name: "oversize", about: "objects above the limit of 100 MiB that do not say their length, one a second", players: 2, rate: 1, first: badSystem, systems: 1, do: (*player).oversize},
		{name: "strangers", about: "a system that nobody accepted submits 100 times a second, each time on a new connection", players: 50, rate: 100, first: stranger, systems: 1, do: (*player).stranger},
	}
}

const submitHead = "POST /kata/scanner/v1/sensors/%s/scans HTTP/1.1\r\nHost: central-node\r\nContent-Type: multipart/form-data; boundary=" + boundary + "\r\n"

// send sends a body and reads the answer, whichever it is.
func (p *player) send(ctx context.Context, body string) error {
	if err := p.connected(ctx); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(p.conn, submitHead+"Content-Length: %d\r\n\r\n%s", p.system.id, len(body), body); err != nil {
		return p.conn.early(err)
	}
	_, _, err := p.conn.answer()
	return err
}

func (p *player) parts(ctx context.Context) error {
	var body strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&body, "--%s\r\nContent-Disposition: form-data; name=\"field-%d\"\r\n\r\n1\r\n", boundary, i)
	}
	return p.send(ctx, body.String()+"--"+boundary+"--\r\n")
}

func (p *player) names(ctx context.Context) error {
	long := strings.Repeat("name", 32<<10)
	return p.send(ctx, fmt.Sprintf("--%s\r\nContent-Disposition: form-data; name=\"content\"; filename=\"%s\"\r\nX-Filler: %s\r\n\r\n1\r\n--%s--\r\n", boundary, long, long, boundary))
}

func (p *player) endless(ctx context.Context) error {
	return p.send(ctx, strings.Repeat("--"+boundary[1:]+"\r\n", 8<<10))
}

// slow keeps one upload going for as long as it is let.
func (p *player) slow(ctx context.Context) error {
	if err := p.connected(ctx); err != nil {
		return err
	}
	p.number++
	err := p.conn.beginObject(object{scanID: fmt.Sprintf("%s-%d", p.name, p.number)}, 100<<20)
	for err == nil {
		if err = p.conn.content(trickleSends); err == nil {
			err = load.Pause(ctx, time.Second)
		}
	}
	return err
}

func (p *player) oversize(ctx context.Context) error {
	if err := p.connected(ctx); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(p.conn, submitHead+"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s", p.system.id, len(oversizeBegins), oversizeBegins); err != nil {
		return err
	}
	for range 101 << 20 / chunk {
		if _, err := fmt.Fprintf(p.conn, "\r\n%x\r\n%s", len(noise), noise); err != nil {
			return p.conn.early(err)
		}
	}
	_, _, err := p.conn.answer()
	return err
}

const oversizeBegins = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"content\"; filename=\"a\"\r\n\r\n"

func (p *player) stranger(ctx context.Context) error {
	defer p.hangUp()
	return p.submit(ctx)
}
