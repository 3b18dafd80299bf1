package e2e

import (
	"fmt"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
)

// watcher notes what happens in one tab, and what of it may never happen:
// violations of the content policy, errors on the console, exceptions, requests
// to other sites, answers 500 and above, parts of pages that do not load.
type watcher struct {
	site string

	mu        sync.Mutex // guards what follows
	faults    []string
	loads     int    // pages that have arrived
	error     string // of the last navigation, when the browser shows its own page
	status    int64  // of the last page
	documents map[network.RequestID]bool
	last      string // last error of a document's request
	saved     []*download
}

// download is a file that the browser saves.
type download struct {
	guid, name, state string
	told              bool
}

func newWatcher(site string) *watcher {
	return &watcher{site: site, documents: make(map[network.RequestID]bool)}
}

func (w *watcher) fault(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// takeFaults returns the faults so far and forgets them.
func (w *watcher) takeFaults() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	faults := w.faults
	w.faults = nil
	return faults
}

// arrivals counts pages that have come, and downloads that have begun.
func (w *watcher) arrivals() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.loads + len(w.saved)
}

// shown tells of the page that the person sees: the browser's error, if it is
// the browser's own page, and else the status.
func (w *watcher) shown() (refused string, status int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.error, w.status
}

// see takes an event of the tab.
func (w *watcher) see(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *page.EventFrameNavigated:
		if e.Frame.ParentID == "" {
			w.error = ""
			if e.Frame.UnreachableURL != "" {
				w.error = w.last
			}
		}
	case *page.EventLoadEventFired:
		w.loads++
	case *page.EventJavascriptDialogOpening:
		w.fault("a dialog opens: %s", e.Message)
	case *log.EventEntryAdded:
		// What the network does is seen below, with its numbers.
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
			w.fault("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			w.fault("console: %s", arguments(e.Args))
		}
	case *runtime.EventExceptionThrown:
		w.fault("exception: %s at %s:%d", exception(e.ExceptionDetails), e.ExceptionDetails.URL, e.ExceptionDetails.LineNumber)
	case *network.EventRequestWillBeSent:
		w.request(e)
	case *network.EventResponseReceived:
		w.response(e)
	case *network.EventLoadingFailed:
		if w.documents[e.RequestID] {
			w.last = e.ErrorText
		}
		if e.BlockedReason != "" {
			w.fault("blocked (%s): a %s", e.BlockedReason, e.Type)
		}
	}
}

func (w *watcher) request(e *network.EventRequestWillBeSent) {
	url := e.Request.URL
	if e.Type == network.ResourceTypeDocument {
		w.documents[e.RequestID] = true
	}
	for _, fine := range []string{w.site + "/", "data:", "blob:" + w.site, "about:", "chrome-error:", "chrome:"} {
		if strings.HasPrefix(url, fine) {
			return
		}
	}
	w.fault("a request to another site: %s", url)
}

func (w *watcher) response(e *network.EventResponseReceived) {
	status := e.Response.Status
	switch {
	case status >= 500:
		w.fault("%s answered %d", e.Response.URL, status)
	case status >= 400 && e.Type != network.ResourceTypeDocument:
		w.fault("%s, a part of a page, answered %d", e.Response.URL, status)
	}
	if e.Type == network.ResourceTypeDocument {
		w.status = status
	}
}

// seeDownload takes an event of the browser that may be one of the tab's
// downloads.
func (w *watcher) seeDownload(frame string, event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *browser.EventDownloadWillBegin:
		if string(e.FrameID) == frame {
			w.saved = append(w.saved, &download{guid: e.GUID, name: e.SuggestedFilename})
		}
	case *browser.EventDownloadProgress:
		for _, d := range w.saved {
			if d.guid == e.GUID {
				d.state = string(e.State)
			}
		}
	}
}

// nextDownload returns the name of the first download that was not asked for
// before, when it is complete.
func (w *watcher) nextDownload() (name, state string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.saved {
		if !d.told {
			d.told = d.state == string(browser.DownloadProgressStateCompleted)
			return d.name, d.state
		}
	}
	return "", ""
}

func arguments(args []*runtime.RemoteObject) string {
	var texts []string
	for _, a := range args {
		texts = append(texts, fmt.Sprint(string(a.Value), " ", a.Description))
	}
	return strings.Join(texts, ", ")
}

func exception(d *runtime.ExceptionDetails) string {
	if d.Exception != nil && d.Exception.Description != "" {
		return d.Exception.Description
	}
	return d.Text
}
