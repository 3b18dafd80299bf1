package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axeVersion is the one of axe-core, which comes from the npm registry.
const axeVersion = "4.14.1"

// axeCore is axe-core's program. It is fetched once and kept in the user's cache.
var axeCore = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "vedette", "axe-core-"+axeVersion)
	file := filepath.Join(folder, "node_modules", "axe-core", "axe.min.js")
	if text, err := os.ReadFile(file); err == nil {
		return string(text), nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", err
	}
	// Installed aside and put into its place whole, for others who want it now.
	aside, err := os.MkdirTemp(filepath.Dir(folder), "axe-core-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(aside)
	if out, err := exec.Command("npm", "install", "--prefix", aside, "--prefer-offline", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund", "axe-core@"+axeVersion).CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install axe-core: %w\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(aside, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return "", err
	}
	_ = os.Rename(aside, folder) // another run may have been first
	return string(text), nil
})

// violation is a rule of axe-core that a page breaks, and where.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML           string
		FailureSummary string
	}
}

func (v violation) String() string {
	text := fmt.Sprintf("%s (%s): %s", v.ID, v.Impact, v.Help)
	for _, n := range v.Nodes {
		text += "\n    " + n.HTML + "\n      " + strings.ReplaceAll(n.FailureSummary, "\n", "\n      ")
	}
	return text
}

// violations has axe-core look at the page as it is: every rule of WCAG 2.2 A
// and AA, and those of good practice.
func (p *visitor) violations() []violation {
	p.t.Helper()
	program, err := axeCore()
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	// The program is evaluated from outside: the page's policy does not let it in.
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](program)); err != nil {
		p.t.Fatalf("load axe-core: %v", err)
	}
	result, err := chromedp.Run(ctx, chromedp.Evaluate[[]violation](
		`axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.map((v) => ({ID: v.id, Impact: v.impact, Help: v.help,
			Nodes: v.nodes.map((n) => ({HTML: n.html, FailureSummary: n.failureSummary}))})))`,
		func(p *runtime.EvaluateParams) { yes := true; p.AwaitPromise = &yes }))
	if err != nil {
		p.t.Fatalf("axe-core: %v", err)
	}
	return result
}

// TestAxeTellsWhatAPersonCannotUse holds axe-core itself against a page that is
// wrong: it has to work inside the policy of our pages.
func TestAxeTellsWhatAPersonCannotUse(t *testing.T) {
	t.Parallel()
	address := newPages(t, map[string]string{
		"/good": `<!DOCTYPE html><html lang="en"><title>Good</title><main><h1>Good</h1><label>Name <input></label></main></html>`,
		"/bad":  `<!DOCTYPE html><html lang="en"><title>Bad</title><main><h1>Bad</h1><input></main></html>`,
	})
	p := newBrowser(t, publicKey(t, address)).visitor(t, address, withScript)
	p.opens("/good")
	if found := p.violations(); len(found) != 0 {
		t.Errorf("a good page: %v", found)
	}
	p.opens("/bad")
	if found := p.violations(); len(found) != 1 || found[0].ID != "label" {
		t.Errorf("a field without a label: %v", found)
	}
}
