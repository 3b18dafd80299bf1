package e2e

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"golang.org/x/sys/unix"
)

// chromium is a browser process of its own, with a folder of its own.
type chromium struct {
	t   testing.TB
	ctx context.Context
}

// newBrowser starts a browser that takes the certificates of the given public
// keys for valid, and no other certificate that is not.
func newBrowser(t testing.TB, keys ...string) *chromium {
	t.Helper()
	program := chromiumProgram(t)
	adopts(t)
	dir, err := os.MkdirTemp("", "browser-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := removed(dir); err != nil {
			t.Errorf("the browser's folder stays: %v", err)
		}
	})
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.Flag("user-data-dir", filepath.Join(dir, "profile")),
		chromedp.Flag("disk-cache-dir", filepath.Join(dir, "cache")),
		chromedp.Env("TMPDIR="+dir), // else a socket stays behind
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		// Nobody reads reports of crashes, and who would write them leaves the process
		// group. Without them only a network service in the browser's own process
		// works.
		chromedp.Flag("disable-crashpad-for-testing", true),
		chromedp.Flag("enable-features", "NetworkServiceInProcess2"),
		chromedp.Flag("no-proxy-server", true),
		// Elements tell the names and roles that assistive technology hears.
		chromedp.Flag("enable-blink-features", "ComputedAccessibilityInfo"),
		chromedp.Flag("ignore-certificate-errors-spki-list", strings.Join(keys, ",")),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		}),
	)
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		end()
		t.Fatalf("start %s: %v", program, err)
	}
	group := chromedp.FromContext(ctx).Browser.Process().Pid
	t.Cleanup(func() {
		end()
		endGroup(group)
	})
	return &chromium{t: t, ctx: ctx}
}

// adopting counts the browsers while whose lives this process adopts whoever
// loses its parent.
var adopting struct {
	sync.Mutex
	browsers int
}

// adopts lets what a browser leaves behind come to this process, which can end
// it, until the test ends.
func adopts(t testing.TB) {
	t.Helper()
	change := func(by int) {
		adopting.Lock()
		defer adopting.Unlock()
		adopting.browsers += by
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, uintptr(min(adopting.browsers, 1)), 0, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	change(1)
	t.Cleanup(func() { change(-1) })
}

// endGroup ends what is left of a process group whose leader has ended.
func endGroup(group int) {
	for {
		_ = syscall.Kill(-group, syscall.SIGKILL) // the last may just have ended
		if _, err := syscall.Wait4(-group, nil, 0, nil); err != nil && err != syscall.EINTR {
			return
		}
	}
}

// chromiumProgram is the browser itself, not a script around it: it is ended by
// its process number.
func chromiumProgram(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"/usr/lib/chromium/chromium", "chromium", "chromium-browser", "google-chrome-stable", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("Chromium is not installed; scripts/need.sh chromium installs it")
	return ""
}

// removed removes a folder that processes which were just ended may still write
// into.
func removed(dir string) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := os.RemoveAll(dir)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return err
		}
	}
}

// publicKey is the key of the certificate that is served at an address, as
// newBrowser takes it.
func publicKey(t testing.TB, address string) string {
	t.Helper()
	sum := sha256.Sum256(servedLeaf(t, address).RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// servedLeaf is the certificate that is served at an address.
func servedLeaf(t testing.TB, address string) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatalf("look at the certificate of %s: %v", address, err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

// scripting says whether the pages' script runs in somebody's browser.
type scripting bool

const (
	withScript    scripting = true
	withoutScript scripting = false
)

// eachWay runs a procedure for somebody whose browser runs scripts, and for
// somebody whose browser does not.
func eachWay(t *testing.T, procedure func(t *testing.T, s scripting)) {
	t.Helper()
	t.Run("with script", func(t *testing.T) { t.Parallel(); procedure(t, withScript) })
	t.Run("without script", func(t *testing.T) { t.Parallel(); procedure(t, withoutScript) })
}

// visitor is somebody with one tab of a browser, alone with its cookies. within
// narrows where things are looked for.
type visitor struct {
	*tab
	within []within
}

// within is a part of a page by its heading or its role, or a row by what it
// says.
type within struct {
	Part string `json:"part,omitempty"`
	Row  string `json:"row,omitempty"`
	Role string `json:"role,omitempty"`
}

// tab is what one person has open.
type tab struct {
	t         testing.TB
	ctx       context.Context
	site      string // scheme, host and port
	downloads string // folder
	script    scripting
	watch     *watcher
}

// visitor lets somebody look at a site. What goes wrong in the browser
// meanwhile fails the test when it ends.
func (c *chromium) visitor(t testing.TB, address string, s scripting) *visitor {
	t.Helper()
	ctx, end := chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext())
	p := &visitor{tab: &tab{t: t, ctx: ctx, site: "https://" + address, downloads: t.TempDir(), script: s}}
	p.watch = newWatcher(p.site)
	t.Cleanup(func() {
		p.report()
		end()
	})
	p.do("begin", func() error { return chromedp.Do(ctx) })
	p.do("watch the tab", func() error { return chromedp.Listen(ctx, p.watch.see) })
	own := chromedp.FromContext(ctx)
	p.do("watch downloads", func() error {
		return chromedp.ListenBrowser(ctx, func(event any) { p.watch.seeDownload(string(own.Target.TargetID), event) })
	})
	yes := true
	p.do("choose the folder of downloads", func() error {
		_, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
			Behavior: browser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: own.BrowserContextID, DownloadPath: p.downloads, EventsEnabled: &yes,
		})
		return err
	})
	p.do("set the window's size", func() error {
		_, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 1280, Height: 900, DeviceScaleFactor: 1})
		return err
	})
	if s == withoutScript {
		p.do("switch scripts off", func() error {
			_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
			return err
		})
	}
	return p
}

// do fails the test when something about the browser does not work.
func (p *tab) do(what string, f func() error) {
	p.t.Helper()
	if err := f(); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

// report fails the test for what went wrong in the browser.
func (p *tab) report() {
	p.t.Helper()
	for _, fault := range p.watch.takeFaults() {
		p.t.Errorf("in the browser: %s", fault)
	}
}

// navigate goes to an address and waits for the page, and returns the error
// that the browser shows instead, if it does.
func (p *tab) navigate(url string) string {
	p.t.Helper()
	url, _, _ = strings.Cut(url, "#") // going to another place of the same page loads nothing
	before := p.watch.arrivals()
	var refused string
	p.do("open "+url, func() error {
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		defer cancel()
		answer, err := chromedp.Call(ctx, page.Navigate, page.NavigateParams{URL: url})
		refused = answer.ErrorText
		return err
	})
	p.arrives(before, "open "+url)
	return refused
}
