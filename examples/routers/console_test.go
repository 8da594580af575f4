package routers_test

import (
	"cmp"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store/memstore"
)

// TestConsole follows the links of the console in every router, from the bare mount on, at
// the root of the host and under a prefix.
func TestConsole(t *testing.T) {
	t.Parallel()
	for name, mount := range mounts {
		for _, prefix := range []string{"", "/settings/webhooks"} {
			t.Run(name+prefix, func(t *testing.T) {
				t.Parallel()
				d, err := dispatcher.New(memstore.New(), dispatcher.Config{AllowPlaintextSecrets: true})
				if err != nil {
					t.Fatal(err)
				}
				ui, err := console.New(manage.New(d), console.Config{Authenticate: everybody})
				if err != nil {
					t.Fatal(err)
				}
				server := httptest.NewServer(mount(prefix, ui))
				defer server.Close()
				look(t, server.URL, prefix)
			})
		}
	}
}

var links = regexp.MustCompile(`(?:href|src)="([^"#]+)["#]`)

// look opens the bare mount and follows every link from there.
func look(t *testing.T, origin, prefix string) {
	t.Helper()
	first, _ := page(t, origin+cmp.Or(prefix, "/"))
	if got := strings.TrimPrefix(first.String(), origin); got != prefix+"/" {
		t.Errorf("the bare mount leads to %s; want %s/", got, prefix)
	}
	seen := map[string]bool{}
	for queue := []string{first.String()}; len(queue) > 0; queue = queue[1:] {
		if seen[queue[0]] {
			continue
		}
		seen[queue[0]] = true
		at, content := page(t, queue[0])
		if !strings.HasPrefix(at.String(), origin+prefix+"/") {
			t.Errorf("a link leads to %s, above the mount", at)
		}
		for _, link := range links.FindAllStringSubmatch(content, -1) {
			next, err := at.Parse(strings.ReplaceAll(link[1], "&amp;", "&"))
			if err != nil {
				t.Fatal(err)
			}
			queue = append(queue, next.String())
		}
	}
	if len(seen) < 15 { // the pages of the navigation, their views, scripts and styles
		t.Errorf("%d pages were found: %v", len(seen), seen)
	}
}

// page returns where a URL leads, by redirects, and what is there.
func page(t *testing.T, address string) (*url.URL, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s = %d, %v; want the page", address, resp.StatusCode, err)
	}
	return resp.Request.URL, string(body)
}
