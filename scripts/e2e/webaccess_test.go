package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"vedette/internal/acts"
)

// showing is how somebody has the browser show pages.
type showing struct {
	name          string
	width, height int64
	media         []*emulation.MediaFeature
}

func feature(name, value string) *emulation.MediaFeature {
	return &emulation.MediaFeature{Name: name, Value: value}
}

// showings are the ways that pages are held against the rules in.
var showings = []showing{
	{"light", 1280, 900, []*emulation.MediaFeature{feature("prefers-color-scheme", "light")}},
	{"dark, narrow", 360, 740, []*emulation.MediaFeature{feature("prefers-color-scheme", "dark")}},
	{"light, narrow", 360, 740, []*emulation.MediaFeature{feature("prefers-color-scheme", "light")}},
	{"dark", 1280, 900, []*emulation.MediaFeature{feature("prefers-color-scheme", "dark")}},
}

// shows has the browser show pages so, from now on.
func (p *visitor) shows(s showing) {
	p.t.Helper()
	p.do("choose how pages are shown", func() error {
		_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: s.media})
		if err == nil {
			_, err = chromedp.Call(p.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: s.width, Height: s.height, DeviceScaleFactor: 1})
		}
		return err
	})
}

// usable fails the test for every rule that the page breaks in some showing.
// Nothing is left out of what violations asks for.
func (p *visitor) usable(what string) {
	p.t.Helper()
	for _, s := range showings {
		p.shows(s)
		for _, v := range p.violations() {
			p.t.Errorf("%s (%s): %s", what, s.name, v)
		}
	}
	p.shows(showings[0])
}

// webPages are those that the navigation leads to, and those behind them.
var webPages = []string{
	"/", "/alerts", "/events", "/endpoint-agents", "/settings/certificates", "/sensor-servers", "/external-systems", "/settings/accounts", "/audit", "/about", "/account",
}

// windows are pages that ask, and forms, where there is something to ask about.
func (there population) windows() []string {
	system, sensor := "/external-systems/"+strings.ReplaceAll(there.system.fingerprint, ":", "")+"/gate-1", "/sensor-servers/"+there.sensor
	return []string{
		"/settings/certificates/server/generate", "/settings/certificates/agent/validation?on=yes",
		"/settings/certificates/agent/delete?certificate=" + strings.ReplaceAll(there.certificate.String(), ":", ""),
		sensor, sensor + "/delete", system, system + "/accept", system + "/reject", system + "/delete",
		"/settings/accounts/add/account", "/settings/accounts/boris", "/settings/accounts/boris/role?role=security-officer", "/settings/accounts/boris/disable",
		"/settings/accounts/boris/password", "/settings/accounts/boris/delete", "/account/second-factor", "/endpoint-agents/activity", "/audit/verify",
		"/endpoint-agents/" + fmt.Sprintf("%032x", 1), "/alerts/1", "/nothing", "/settings/accounts/nobody", "/events?text=%00&from=never",
	}
}

// TestWebPagesAreUsable has axe-core look at every page, empty and filled, light
// and dark, wide and narrow: sign-in and its failures, sections, windows that
// ask, pages of what is not there.
func TestWebPagesAreUsable(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	p := w.comes(t, withScript)
	t.Cleanup(func() { p.watch.takeFaults() })
	p.usable("sign-in")
	p.signsIn("admin", "wrong-Horse-7")
	p.sees("is not right")
	p.usable("sign-in, refused")
	p.signsIn("admin", webPassword)
	p.sees("Dashboard")
	for _, path := range webPages {
		p.opens(path)
		p.usable(path + ", empty")
	}
	there := w.populate(t)
	w.hostileHosts(t, []string{"host-1.example.org", "host-2.example.org"}, 1)
	there.system.accept("--type", "mail")
	there.system.hostileObjects(t, []string{"invoice.exe", "letter.doc"})
	eventually(t, patience/busy, "an alert", func() bool { return strings.Contains(w.must("alert", "list"), "invoice.exe") })
	for _, path := range append(append([]string(nil), webPages...), there.windows()...) {
		p.opens(path)
		if _, status := p.watch.shown(); status >= http.StatusInternalServerError {
			t.Errorf("%s is answered %d", path, status)
		}
		p.usable(path)
	}
	w.stop()
}

// outside tells what of a page does not fit its window: WCAG 2.2, 1.4.10, lets
// tables be scrolled by themselves.
const outside = `() => {
	const wide = document.documentElement.scrollWidth, found = [];
	if (wide <= innerWidth + 1) return found;
	found.push("the page is " + wide + " wide in a window of " + innerWidth);
	for (const e of document.querySelectorAll("body *")) {
		const box = e.getBoundingClientRect();
		if (box.right > innerWidth + 1 && box.width > 0 && !e.closest(".scroll")) found.push(e.outerHTML.slice(0, 120));
	}
	return found.slice(0, 4);
}`

// vanished tells controls that cannot be seen: no border, no ground of their
// own, no text.
const vanished = `() => [...document.querySelectorAll("main a[href], main button, main input:not([type=hidden]), main select, main .badge")].filter((e) => e.checkVisibility({visibilityProperty: true}) && !e.closest(".unseen")).filter((e) => {
	const box = e.getBoundingClientRect(), style = getComputedStyle(e), ground = getComputedStyle(document.body).backgroundColor;
	const bordered = style.borderTopStyle !== "none" && parseFloat(style.borderTopWidth) > 0 && style.borderTopColor !== ground;
	return box.width < 1 || box.height < 1 || style.opacity === "0" || !bordered && style.color === ground && style.backgroundColor === ground;
}).map((e) => e.outerHTML.slice(0, 120))`

// TestWebPagesFitAndStayVisible shows pages in a window of 320 pixels, with text
// of twice the size, with few movements and with the colours of the system.
func TestWebPagesFitAndStayVisible(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	there := w.populate(t)
	w.hostileHosts(t, []string{"host-1.example.org", strings.Repeat("a-very-long-name-", 12)}, 1)
	p := w.administrator(t, withScript)
	for _, path := range slices.Concat(webPages, there.windows()[:14]) {
		p.shows(showing{width: 320, height: 640, media: []*emulation.MediaFeature{feature("prefers-reduced-motion", "reduce")}})
		p.opens(path)
		for _, found := range evaluates[[]string](p, outside) {
			t.Errorf("%s at 320: %s", path, found)
		}
		if n := evaluates[int](p, `() => document.getAnimations().length`); n != 0 {
			t.Errorf("%s: %d things move for somebody who wants few movements", path, n)
		}
		p.shows(showing{width: 1280, height: 900})
		evaluates[bool](p, `() => { document.documentElement.style.fontSize = "200%"; return true; }`)
		for _, found := range evaluates[[]string](p, outside) {
			t.Errorf("%s with text of twice the size: %s", path, found)
		}
		evaluates[bool](p, `() => { document.documentElement.style.fontSize = ""; return true; }`)
		for _, media := range []*emulation.MediaFeature{feature("forced-colors", "active"), feature("prefers-contrast", "more")} {
			p.shows(showing{width: 1280, height: 900, media: []*emulation.MediaFeature{media}})
			for _, found := range evaluates[[]string](p, vanished) {
				t.Errorf("%s with %s: %s is not to be seen", path, media.Name, found)
			}
		}
	}
	w.stop()
}

// keys presses keys, as somebody without a mouse does.
func (p *visitor) keys(keys string) {
	p.t.Helper()
	p.do("press keys", func() error { return chromedp.Do(p.ctx, chromedp.KeyEvent(keys)) })
}

// focused is what has the focus, by the name that a person hears, and whether it
// is to be seen that it has.
type focused struct {
	Name, Tag, Type string
	Seen            bool
	X, Y            float64
	Header          bool // of a table, whose cells come after it
}

func (p *visitor) focus() focused {
	p.t.Helper()
	return evaluates[focused](p, `() => {
		const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
		const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
		return {Name: (e.computedName || e.innerText || "").replace(/\s+/g, " ").trim(), Tag: e.tagName, Type: e.type || "",
			Seen: inside && (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2), X: box.left, Y: box.top + scrollY, Header: !!e.closest("thead")};
	}`)
}

// tabs goes on with the Tab key until something has the focus, and holds what it
// passes to being seen.
func (p *visitor) tabs(name string) focused {
	p.t.Helper()
	var passed []string
	for range 80 {
		p.keys("\t")
		f := p.focus()
		if f.Tag != "BODY" && !f.Seen {
			p.t.Errorf("%s: it is not to be seen that %q has the focus", p.location(), f.Name)
		}
		if f.Tag != "BODY" && strings.Contains(f.Name, name) {
			return f
		}
		passed = append(passed, f.Name)
	}
	p.t.Fatalf("%s: Tab does not come to %q, but to %q", p.location(), name, passed)
	return focused{}
}

// entersPage presses Enter and waits for the page that comes of it.
func (p *visitor) entersPage() {
	p.t.Helper()
	before := p.watch.arrivals()
	p.keys("\r")
	p.arrives(before, "Enter")
}

// TestWebByKeyboardAlone signs in, filters, selects, deletes and accepts without
// a mouse.
func TestWebByKeyboardAlone(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	there := w.populate(t)
	w.pfx("two")
	p := w.comes(t, withScript)
	if f := p.focus(); f.Name != "Name" {
		t.Errorf("%q has the focus on the sign-in page", f.Name)
	}
	p.keys("admin\t" + webPassword)
	p.entersPage()
	p.sees("Dashboard")

	p.tabs("Skip to the content")
	p.keys("\r")
	p.until(func() bool { return p.focus().Tag == "MAIN" }, func() string { return "the link that skips does not lead to the content" })
	p.opens("/")
	p.tabs("Certificates")
	p.entersPage()
	p.sees("Server certificate")

	// The filter of the first header.
	p.tabs("Skip to the content")
	p.keys("\r")
	p.tabs("TLS certificate")
	for p.focus().Tag != "SUMMARY" {
		p.tabs("TLS certificate")
	}
	p.keys("\r")
	p.until(func() bool { return p.focus().Tag == "INPUT" }, func() string { return "the filter's field does not have the focus" })
	p.keys("\u001b")
	if f := p.focus(); f.Tag != "SUMMARY" {
		t.Errorf("after Escape %+v has the focus", f)
	}
	p.keys("\r")
	p.until(func() bool { return p.focus().Tag == "INPUT" }, func() string { return "the filter's field does not have the focus" })
	p.keys(there.certificate.String()[:11])
	p.entersPage()
	p.rows(agentTable, 1)

	p.tabs("Select the certificate " + there.certificate.String())
	p.keys(" ")
	p.tabs("Delete")
	p.entersPage()
	p.tabs("Yes")
	p.entersPage()
	p.sees("1 certificate deleted")
	if list := read[acts.AgentCertificateList](w, "agent-certificate", "list").Certificates; len(list) != 1 || list[0].Fingerprint == there.certificate {
		t.Errorf("after Delete by keyboard: %v", list)
	}

	p.opens("/sensor-servers")
	p.tabs("127.0.0.1")
	p.entersPage()
	p.tabs("Accept")
	p.entersPage()
	p.sees("Accepted: branch-1")
	if s := read[acts.SensorServerList](w, "sensor", "list").Servers[0]; s.State != acts.Accepted {
		t.Errorf("after Accept by keyboard the Sensor is %s", s.State)
	}
	w.stop()
}
