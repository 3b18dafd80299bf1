package e2e

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// screenshots is the folder that pictures of every page go to, for people who
// look at them. It is named by the environment; without it none are made.
var screenshots = os.Getenv("VEDETTE_SCREENSHOTS")

// sizes of windows that pages are pictured in.
var sizes = []struct{ width, height int64 }{{1280, 900}, {400, 800}}

// Parts of paths that are made anew in each run, and what names of files leave
// out.
var (
	made  = regexp.MustCompile(`[0-9a-f]{12,}|[A-Z2-7]{26}`)
	unfit = regexp.MustCompile(`[^A-Za-z0-9]+`)
)

// photograph keeps pictures of the page, light and dark, large and small.
func (p *tab) photograph() {
	p.t.Helper()
	if screenshots == "" {
		return
	}
	u, err := url.Parse(p.location())
	if err != nil || u.Scheme != "https" {
		return
	}
	name := strings.Trim(unfit.ReplaceAllString(made.ReplaceAllString(u.Path, "x"), "-"), "-")
	if name == "" {
		name = "home"
	}
	p.do("keep a picture", func() error {
		if err := os.MkdirAll(screenshots, 0o755); err != nil {
			return err
		}
		for _, scheme := range []string{"light", "dark"} {
			if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			}); err != nil {
				return err
			}
			for _, size := range sizes {
				if err := p.picture(filepath.Join(screenshots, fmt.Sprintf("%s-%s-%d.png", name, scheme, size.width)), size.width, size.height); err != nil {
					return err
				}
			}
		}
		_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
		if err == nil {
			_, err = chromedp.Call(p.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: sizes[0].width, Height: sizes[0].height, DeviceScaleFactor: 1})
		}
		return err
	})
}

// picture writes the whole page as it is in a window of a width.
func (p *tab) picture(path string, width, height int64) error {
	if _, err := chromedp.Call(p.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1}); err != nil {
		return err
	}
	all := true
	shot, err := chromedp.Call(p.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &all})
	if err != nil {
		return err
	}
	return os.WriteFile(path, shot.Data, 0o644)
}
