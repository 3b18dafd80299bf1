package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/pem"
	"fmt"
	"math/big"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"vedette/internal/acts"
	"vedette/pki"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/agent/v1/agentv1connect"
)

//go:embed testdata/websafe/hostile.txt
var hostileLines string

// hostileTexts are names that try to be something else on a page: elements,
// scripts, addresses, templates, events of a live page, other directions.
func hostileTexts(t testing.TB) (texts []string) {
	t.Helper()
	for line := range strings.Lines(hostileLines) {
		text, err := strconv.Unquote(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		texts = append(texts, text)
	}
	if len(texts) < 60 {
		t.Fatalf("there are only %d hostile texts", len(texts))
	}
	return texts
}

// hostileHosts lets agents call that name themselves so, one for each text, and
// sends an event that is named so from top to bottom.
func (w *web) hostileHosts(t testing.TB, texts []string, round int) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: pki.ClientConfig(pki.PinTo(pki.FingerprintOf(servedLeaf(t, w.address).Raw)), nil)}
	t.Cleanup(transport.CloseIdleConnections)
	c := agentv1connect.NewAgentServiceClient(&http.Client{Transport: transport, Timeout: patience}, "https://"+w.address)
	for i, text := range texts {
		text = strings.ToValidUTF8(text, "")
		id := fmt.Sprintf("%032x", i+1)
		if _, err := c.Sync(t.Context(), &agentv1.SyncRequest{AgentId: id, QueueId: id, Host: &agentv1.Host{
			Name: text, OsFamily: text, OsName: text, OsVersion: text, AgentVersion: text, Collector: text, Addresses: []string{"192.0.2.1", text},
		}}); err != nil {
			t.Logf("the host %q is not taken: %v", text, err)
			continue
		}
		if _, err := c.SendEvents(t.Context(), &agentv1.SendEventsRequest{AgentId: id, QueueId: id, Seq: uint64(round), Events: []*agentv1.Event{{
			Id: fmt.Sprintf("%016x%016x", round, i+1), Time: timestamppb.Now(), Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{
				Pid: 1, ParentPid: 2, Executable: text, Args: []string{text, text}, UserName: text, UserId: text, WorkingDirectory: text, ParentExecutable: text,
			}},
		}}}); err != nil {
			t.Logf("the event %q is not taken: %v", text, err)
		}
	}
}

// hostileCertificate is one whose subject is such a text, with its key.
func hostileCertificate(t testing.TB, number int64, text string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number + 1), Subject: pkix.Name{CommonName: text, Organization: []string{text}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
}

// hostileObjects lets an accepted system submit what is found, under such names.
func (s *system) hostileObjects(t testing.TB, texts []string) {
	t.Helper()
	c := s.caller()
	for i, text := range texts {
		var body bytes.Buffer
		m := multipart.NewWriter(&body)
		_ = m.WriteField("scanId", strconv.Itoa(i)) // to memory
		_ = m.WriteField("objectType", "file")
		part, _ := m.CreateFormFile("content", text)
		_, _ = part.Write([]byte(eicar))
		_ = m.Close()
		if status, said, err := c.call(http.MethodPost, c.scanner("scans"), m.FormDataContentType(), body.Bytes()); err != nil || status != http.StatusOK {
			t.Logf("the object %q is not taken: %d %s, %v", text, status, said, err)
		}
	}
}

// plant brings the texts in by every door that takes text.
func (w *web) plant(t testing.TB, texts []string) {
	t.Helper()
	w.hostileHosts(t, texts, 1)
	var files []string
	dir := t.TempDir()
	for i, text := range texts {
		file := filepath.Join(dir, strconv.Itoa(i)+".pem")
		if err := os.WriteFile(file, hostileCertificate(t, int64(i), strings.ToValidUTF8(text, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	w.must(append([]string{"agent-certificate", "upload"}, files...)...)

	// External systems: what they call themselves, IDs, objects.
	gate := acceptedSystem(t, w.node, "gate-1")
	gate.hostileObjects(t, texts)
	named := newSystem(t, w.node, "store")
	planted := 0
	for i, text := range texts {
		named.id = "store-" + strconv.Itoa(i)
		if i%2 == 0 {
			named.id = url.PathEscape(text)
		}
		status, _, err := named.caller().call(http.MethodGet, named.scanner("connection")+"?sensorType=mail&sensorName="+url.QueryEscape(text)+"&sensorInstanceId="+url.QueryEscape(text), "", nil)
		if err == nil && status == http.StatusUnauthorized {
			planted++
		}
	}
	if planted < len(texts)/2 {
		t.Errorf("only %d external systems with hostile names asked", planted)
	}

	k := newBench(t)
	for i, text := range texts[:8] {
		k.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", fmt.Sprint("id", i))
		public := strings.Fields(k.read(fmt.Sprint("id", i, ".pub")))
		w.must("account", "key", "add", "admin", k.write(fmt.Sprint("key", i, ".pub"), public[0]+" "+public[1]+" "+text+"\n"))
	}
	// A Sensor says its name itself.
	s := newSensor(t, fmt.Sprintf("name = %q", texts[3]))
	s.point(w.address, w.node)
	s.becomes(acts.LinkPending)
}

// strange is what none of our pages has of itself, and hostile texts would make.
const strange = `() => {
	const found = [...document.querySelectorAll("x-pwned, #pwned, [onerror], [onload], [onclick], [onfocus], [onmouseover], [onbegin], [ontoggle], [style], style, iframe, object, embed, base, math, template, noscript, xmp, plaintext, marquee, audio, video, img, foreignObject, animate, meta[http-equiv], link[href*=pwned], script:not([src^='/']), [href*='javascript:' i], [src*=evil], [action*=evil], a[href*='//evil']")].map((e) => e.outerHTML.slice(0, 200));
	const depth = document.querySelectorAll("main").length + document.querySelectorAll("h1").length;
	if (depth !== 2) found.push("there are " + depth + " headings and main parts");
	if (globalThis.pwnedBy) found.push("a script ran: " + globalThis.pwnedBy);
	for (const cell of document.querySelectorAll("td, dd")) {
		for (const e of cell.querySelectorAll("*")) {
			if (!/^(A|SPAN|CODE|TIME|FORM|INPUT|BUTTON|LABEL|SVG|PATH|CIRCLE|RECT|POLYGON|LINE|USE|TITLE|DESC|G|P|UL|OL|LI|DL|DT|DD|DIV|SMALL|STRONG|EM|B|I|WBR|BR|DETAILS|SUMMARY|SELECT|OPTION|FIELDSET|LEGEND|ELLIPSE|POLYLINE|BDI|BDO|SAMP|KBD|PRE|DATA|ABBR|TD|TR|TABLE|TBODY|THEAD|TH)$/i.test(e.nodeName)) found.push("in a cell: " + e.outerHTML.slice(0, 200));
		}
	}
	if (document.documentElement.scrollWidth > innerWidth + 1) found.push("the page is wider than the window: " + document.documentElement.scrollWidth);
	return found;
}`

// TestWebHostileNamesStayText plants hostile names behind every door and visits
// every page that shows them, with script, light and dark, and while they change.
func TestWebHostileNamesStayText(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	texts := hostileTexts(t)
	w.plant(t, texts)
	p := w.administrator(t, withScript)
	// Whatever a text may call is there to be called, and tells.
	p.do("wait to be called", func() error {
		_, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `globalThis.pwned = () => { globalThis.pwnedBy = new Error("called").stack; throw new Error("pwned"); };`})
		return err
	})
	visited, shown := make(map[string]bool), ""
	visit := func(path string) {
		if visited[path] {
			return
		}
		visited[path] = true
		p.opens(path)
		for _, found := range evaluates[[]string](p, strange) {
			t.Errorf("%s: %s", path, found)
		}
		shown += p.reads()
	}
	sections := []string{"/", "/alerts", "/events", "/endpoint-agents", "/settings/certificates", "/sensor-servers", "/external-systems", "/settings/accounts", "/settings/accounts/admin", "/account", "/audit", "/about"}
	for _, scheme := range []string{"light", "dark"} {
		p.do("choose the scheme", func() error {
			_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
			return err
		})
		for _, path := range sections {
			visited[path] = false
			visit(path)
			// What the rows lead to, the next pages, and what the search echoes.
			links := evaluates[[]string](p, `() => [...new Set([...document.querySelectorAll("main td a[href^='/'], main th[scope=row] a[href^='/'], .pager a")].map((a) => a.getAttribute("href").split("#")[0]))].slice(0, 14)`)
			if scheme == "light" {
				for _, link := range links {
					visit(link)
				}
			}
		}
	}
	for _, text := range texts[:12] {
		q := url.QueryEscape(text)
		for _, path := range []string{"/events?text=" + q + "&host=" + q, "/endpoint-agents?name=" + q + "&sort=" + q, "/settings/certificates?fingerprint=" + q + "&serial=" + q, "/alerts?q=" + q + "&state=" + q, "/audit?text=" + q + "&account=" + q, "/settings/accounts/" + url.PathEscape(text), "/nothing/" + url.PathEscape(text), "/about?notice=" + q} {
			visit(path)
		}
	}
	if len(visited) < 60 {
		t.Errorf("only %d pages were visited: %v", len(visited), visited)
	}
	for _, want := range []string{"<script>pwned()</script>", "<img src=x onerror=pwned()>", "{{.Token}}", `" onmouseover=pwned() x="`} {
		if !strings.Contains(shown, want) {
			t.Errorf("no page shows %q: the texts were not planted", want)
		}
	}

	// Live pages take over what comes: the same texts as changes.
	p.opens("/endpoint-agents")
	p.sees("Live")
	turned := append([]string(nil), texts[len(texts)/2:]...)
	w.hostileHosts(t, append(turned, texts[:len(texts)/2]...), 2)
	p.until(func() bool {
		return evaluates[bool](p, `() => document.querySelectorAll("main .fresh").length > 0`) || strings.Contains(p.reads(), "onerror")
	}, func() string { return "the live page takes nothing over" })
	for _, found := range evaluates[[]string](p, strange) {
		t.Errorf("after live changes: %s", found)
	}
	p.opens("/events")
	p.presses("Follow")
	before := len(p.marks("#rows tr"))
	w.hostileHosts(t, texts[:20], 3)
	p.until(func() bool {
		return evaluates[bool](p, `() => document.querySelectorAll("#rows tr.fresh").length > 5`)
	}, func() string { return fmt.Sprintf("no new rows come to the %d there are", before) })
	for _, found := range evaluates[[]string](p, strange) {
		t.Errorf("after rows that were followed: %s", found)
	}
	for _, fault := range p.watch.takeFaults() {
		if !strings.Contains(fault, "a part of a page, answered 4") {
			t.Errorf("in the browser: %s", fault)
		}
	}
	// What was looked for would have been found.
	if found := evaluates[[]string](p, `() => {
		document.querySelector("td").append(document.createElement("x-pwned"), document.createElement("iframe"));
		document.querySelector("main").style.width = "3000px";
		return (`+strange+`)();
	}`); len(found) < 4 {
		t.Errorf("a page with foreign elements passes but for %q", found)
	}
	w.stop()
}
