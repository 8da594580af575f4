package console_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	browserlog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var screenshots = flag.Bool("screenshots", false, "write pictures of all pages to the folder screenshots, which git ignores")

// patience is how long a test waits for what should take milliseconds. It is for what
// hangs: a busy machine may take its time.
const patience = 2 * time.Minute

// browser starts one Chromium, which all tabs of a test share.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium to look at the pages with")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WSURLReadTimeout(patience))
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox)
	}
	alloc, stop := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(stop)
	ctx, closeBrowser := chromedp.NewContext(alloc)
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return ctx
}

// variant is a way to look at a page.
type variant struct {
	name          string
	width, height int64
	dark          bool
}

var variants = []variant{
	{"desktop-light", 1280, 900, false},
	{"desktop-dark", 1280, 900, true},
	{"phone-light", 390, 844, false},
	{"phone-dark", 390, 844, true},
}

// tab is a page in the browser. What goes wrong in it fails the test.
type tab struct {
	t      *testing.T
	ctx    context.Context
	origin string
	variant

	mu     sync.Mutex
	faults []string
	// expected are parts of messages that are meant to come, such as of a status of 422.
	expected []string
}

func (w *live) tab(browser context.Context, t *testing.T, v variant, origin string) *tab {
	t.Helper()
	b := &tab{t: t, origin: origin, variant: v}
	ctx, closeTab := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(closeTab)
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	t.Cleanup(cancel)
	b.ctx = ctx
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	scheme := "light"
	if v.dark {
		scheme = "dark"
	}
	b.do(chromedp.EmulateViewport(v.width, v.height), func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		if err == nil {
			_, err = cdp.Call(ctx, t, browserlog.Enable, cdp.Empty{})
		}
		return chromedp.Void{}, err
	})
	return b
}

// hear remembers what must not happen: errors in the console, exceptions, and requests to
// another origin.
func (b *tab) hear(ev any) {
	var fault string
	switch ev := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		if ev.Type == "error" || ev.Type == "warning" {
			fault = fmt.Sprintf("console.%s: %s", ev.Type, ev.Args[0].Value)
		}
	case *runtime.EventExceptionThrown:
		fault = "exception: " + ev.ExceptionDetails.Text
		if ev.ExceptionDetails.Exception != nil {
			fault += ": " + ev.ExceptionDetails.Exception.Description
		}
	case *browserlog.EventEntryAdded:
		if ev.Entry.Level == browserlog.EntryLevelError || ev.Entry.Level == browserlog.EntryLevelWarning {
			fault = "log: " + ev.Entry.Text + " " + ev.Entry.URL
		}
	case *network.EventRequestWillBeSent:
		// The icons in date fields are the browser's own.
		if u := ev.Request.URL; !strings.HasPrefix(u, b.origin) && u != "about:blank" && !strings.HasPrefix(u, "data:image/svg+xml;base64,") {
			fault = "request to " + ev.Request.URL
		}
	}
	if fault == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, fault)
}

// hears waits until something has gone wrong that is meant to.
func (b *tab) hears(part string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		b.mu.Lock()
		found := slices.ContainsFunc(b.faults, func(f string) bool { return strings.Contains(f, part) })
		b.mu.Unlock()
		if found {
			return
		}
	}
	b.t.Fatalf("%s: nothing says %q", b.name, part)
}

// expect says that messages with this in them are meant to come.
func (b *tab) expect(part string) { b.expected = append(b.expected, part) }

// quiet fails the test if something has gone wrong in the tab.
func (b *tab) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		if !slices.ContainsFunc(b.expected, func(part string) bool { return strings.Contains(f, part) }) {
			b.t.Errorf("%s: %s", b.name, f)
		}
	}
	b.faults = nil
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatalf("%s: %v; the page is\n%.1500s", b.name, err, b.text())
	}
}

// open goes to a page below the mount and waits until it is loaded.
func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.origin + path))
}

// click presses what a selector finds and is visible.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.ScrollIntoView(selector), chromedp.Click(selector, chromedp.NodeVisible))
}

func (b *tab) fill(selector, text string) {
	b.t.Helper()
	b.do(chromedp.Clear(selector, chromedp.NodeVisible), chromedp.SendKeys(selector, text, chromedp.NodeVisible))
}

// see waits until the text of the page has something in it.
func (b *tab) see(part string) {
	b.t.Helper()
	b.wait(fmt.Sprintf("document.body && document.body.innerText.includes(%s)", quoted(part)))
}

// wait waits until an expression is true of a page that is loaded: its text is there
// before its scripts listen.
func (b *tab) wait(expression string) {
	b.t.Helper()
	expression = "document.readyState === 'complete' && (" + expression + ")"
	for deadline := time.Now().Add(patience); ; {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && ok {
			return
		}
		if b.ctx.Err() != nil || time.Now().After(deadline) {
			b.picture("failed")
			b.t.Fatalf("%s: waited in vain for %s; the page is\n%.3000s", b.name, expression, b.text())
		}
		<-time.After(20 * time.Millisecond)
	}
}

func (b *tab) text() string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), 5*time.Second)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return s
}

// eval returns what a script in the page does.
func eval[T any](b *tab, script string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		b.t.Fatalf("%s: evaluate %.80s: %v", b.name, script, err)
	}
	return v
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // a string always can
	return string(b)
}

// picture writes what the tab shows to the folder screenshots, if that is wanted.
func (b *tab) picture(name string) {
	b.t.Helper()
	if !*screenshots {
		return
	}
	height := eval[int64](b, "Math.min(document.documentElement.scrollHeight, 4000)")
	b.do(chromedp.EmulateViewport(b.width, max(height, b.height)))
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll("screenshots", 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join("screenshots", name+"."+b.name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Errorf("take a picture: %v", err)
	}
	b.do(chromedp.EmulateViewport(b.width, b.height))
}

// accessible fails the test for what our own check of a page finds: texts without
// contrast, controls without names, and the like.
func (b *tab) accessible(name string) {
	b.t.Helper()
	script, err := os.ReadFile("testdata/accessible.js")
	if err != nil {
		b.t.Fatal(err)
	}
	for _, fault := range eval[[]string](b, string(script)) {
		b.t.Errorf("%s, %s: %s", name, b.name, fault)
	}
}

func originOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Scheme + "://" + u.Host
}
