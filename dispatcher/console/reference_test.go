package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/html"

	"github.com/postrider/postrider/dispatcher/httpapi"
)

// TestReference looks at how an event type is documented.
func TestReference(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := furnished(t)
		w.get("viewer "+acme, "/events").is(http.StatusOK).says("user.registered", "A person has opened an account.")
		w.get(asAdmin, "/events?q=opened+an+account").is(http.StatusOK).says("user.registered")
		w.get(asAdmin, "/events?q=nothing-like-it").is(http.StatusOK).says("No event type matches")
		w.get(asAdmin, "/events/user.registered").is(http.StatusOK).says("email required", "Address that the person signed up with.", "at most 254 characters", `one of "password"`, "jane.doe@example.com")
		w.get(asAdmin, "/events/not.registered").is(http.StatusNotFound)
	})
}

// TestSamplesAreCode has the code of the reference checked by the tools of its language,
// where they are installed: the Go toolchain always is.
func TestSamplesAreCode(t *testing.T) {
	t.Parallel()
	code := make(map[string]string)
	synctest.Test(t, func(t *testing.T) {
		w, _ := furnished(t)
		for n := range w.get(asAdmin, "/events/user.registered").is(http.StatusOK).parse().Descendants() {
			if label, _ := attribute(n, "aria-label"); n.Data == "pre" && strings.HasPrefix(label, "Code in ") {
				code[strings.TrimPrefix(label, "Code in ")] = raw(n)
			}
		}
	})
	for language, tt := range map[string]struct {
		file string
		tool []string
	}{
		"curl": {"sample.sh", []string{"sh", "-n"}}, "Go": {"main.go", []string{"go", "vet"}},
		"Node": {"sample.mjs", []string{"node", "--check"}}, "Python": {"sample.py", []string{"python3", "-m", "py_compile"}},
	} {
		if !strings.Contains(code[language], "user.registered") {
			t.Errorf("the sample in %s does not speak of the event type: %q", language, code[language])
			continue
		}
		if _, err := exec.LookPath(tt.tool[0]); err != nil {
			continue
		}
		path := filepath.Join(t.TempDir(), tt.file)
		if err := os.WriteFile(path, []byte(code[language]), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), tt.tool[0], append(tt.tool[1:], path)...).CombinedOutput(); err != nil {
			t.Errorf("the sample in %s: %v\n%s", language, err, out)
		}
	}
}

// raw returns the text below a node as it is.
func raw(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// TestFiguresAreTheAPIs compares what pages show with what the API answers for the same
// time.
func TestFiguresAreTheAPIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ep := furnished(t)
		time.Sleep(2 * time.Minute) // virtual: ranges end with whole minutes
		api, err := httpapi.New(w.m, httpapi.Config{Authenticate: authenticate})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().UTC().Truncate(time.Minute)
		week := url.Values{"from": {now.Add(-7 * 24 * time.Hour).Format(time.RFC3339)}, "to": {now.Format(time.RFC3339)}, "interval": {"hour"}, "webhook_id": {ep.ID}}.Encode()
		for page, path := range map[string]string{
			"/analytics": "/webhooks/analytics", "/" + ep.ID: "/webhooks/" + ep.ID + "/stats", "/": "/webhooks/analytics",
			"/analytics?range=week&webhook=" + ep.ID: "/webhooks/analytics?" + week, "/" + ep.ID + "?range=week": "/webhooks/analytics?" + week,
		} {
			var answer struct {
				Totals struct {
					Attempts, Delivered, Failed int64
					SuccessRate                 float64 `json:"success_rate"`
				}
			}
			r := send(t, api, asAdmin, http.MethodGet, path, nil).is(http.StatusOK)
			if err := json.Unmarshal([]byte(r.body), &answer); err != nil {
				t.Fatal(err)
			}
			n := answer.Totals
			if n.Delivered != 1 || n.Failed != 1 || n.SuccessRate != 0.5 {
				t.Fatalf("%s = %+v; want one delivered and one failed", path, n)
			}
			shown := w.get(asAdmin, page).is(http.StatusOK).says(
				fmt.Sprintf("Delivered %d", n.Delivered), fmt.Sprintf("Failed for good %d", n.Failed), fmt.Sprintf("Success rate %.1f %%", n.SuccessRate*100),
			)
			if page == "/" { // which has no charts
				continue
			}
			shown.says(fmt.Sprintf("%d delivered and %d failed for good in %d attempts.", n.Delivered, n.Failed, n.Attempts))
		}
	})
}
