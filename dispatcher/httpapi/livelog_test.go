package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// liveLog is a client of a live log, over a socket.
type liveLog struct {
	t    *testing.T
	resp *http.Response
	in   *bufio.Reader
	// id is the last id that came.
	id string
}

// serve serves the API over a socket until the test ends.
func (w *world) serve() *httptest.Server {
	w.t.Helper()
	server := httptest.NewServer(w.api)
	w.t.Cleanup(server.Close)
	return server
}

// listen opens a live log; extra are names and values of headers.
func (w *world) listen(as, url string, extra ...string) *liveLog {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", as)
	req.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(extra); i += 2 {
		req.Header.Set(extra[i], extra[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = resp.Body.Close() })
	return &liveLog{t: w.t, resp: resp, in: bufio.NewReader(resp.Body)}
}

// next returns the next event and its data; the event is "" at the end of the stream.
func (l *liveLog) next() (event string, data map[string]any) {
	l.t.Helper()
	for {
		line, err := l.in.ReadString('\n')
		if err != nil {
			return "", nil
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			l.id = value
		case "event":
			event = value
		case "data":
			if err := json.Unmarshal([]byte(value), &data); err != nil {
				l.t.Fatalf("the live log sends %q: %v", line, err)
			}
		case "":
			if event != "" {
				return event, data
			}
		}
	}
}

// until reads until a delivery has a status.
func (l *liveLog) until(delivery, status string) {
	l.t.Helper()
	for {
		event, data := l.next()
		if event == "" {
			l.t.Fatalf("the live log ended before %s was %s", delivery, status)
		}
		if event == "delivery" && data["id"] == delivery && data["status"] == status {
			return
		}
	}
}

// deliver delivers until the test ends.
func (w *world) deliver() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.d.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run = %v", err)
		}
	})
}

func TestLiveLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := w.serve()
	hook := w.create(`{"url":"https://acme.example/hooks"}`)
	all, own := w.listen(asAdmin, server.URL+"/webhooks/deliveries"), w.listen(asAdmin, server.URL+"/webhooks/"+hook+"/deliveries")
	for _, l := range []*liveLog{all, own} {
		h := l.resp.Header
		if l.resp.StatusCode != 200 || h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" || h.Get("X-Accel-Buffering") != "no" {
			t.Fatalf("GET as a live log = %d %v; want a stream that nobody stores or buffers", l.resp.StatusCode, h)
		}
	}
	w.deliver()
	_, delivery := w.publish(`{"type":"invoice.paid","data":1}`)
	all.until(delivery, "delivered")
	own.until(delivery, "delivered")
	_, missed := w.publish(`{"type":"invoice.paid","data":2}`)
	again := w.listen(asAdmin, server.URL+"/webhooks/deliveries", "Last-Event-ID", all.id)
	again.until(missed, "delivered")
}

func TestLiveLogIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hook := w.create(`{"url":"https://acme.example/hooks"}`)
	live := []string{"Accept", "text/event-stream"}
	w.call("", "GET", "/webhooks/deliveries", "", live...).problem(401, "unauthenticated")
	w.call("viewer "+acme, "GET", "/webhooks/deliveries", "", live...).problem(403, "forbidden")
	w.call("admin "+globex, "GET", "/webhooks/"+hook+"/deliveries", "", live...).problem(404, "not_found")
	w.call(asAdmin, "GET", "/webhooks/deliveries?status=lost", "", live...).problem(422, "invalid_field")
	w.call(asAdmin, "GET", "/webhooks/deliveries?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "", live...).problem(422, "invalid_field")
}

func TestLiveLogsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(w.api)
	defer server.Close()
	defer cancel()
	open := func() *http.Response {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/webhooks/deliveries", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", asAdmin)
		req.Header.Set("Accept", "text/event-stream")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	for range 200 {
		resp := open()
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("one of 200 live logs = %s", resp.Status)
		}
	}
	resp := open()
	defer resp.Body.Close()
	var p map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusTooManyRequests || p["code"] != "rate_limited" || resp.Header.Get("Retry-After") == "" {
		t.Errorf("the 201st live log of a tenant = %s %v, %v; want 429 rate_limited with Retry-After", resp.Status, p, resp.Header)
	}
}

// TestShutdownEndsLiveLogs shuts a server down that would wait for ever.
func TestShutdownEndsLiveLogs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := w.serve()
	logs := []*liveLog{w.listen(asAdmin, server.URL+"/webhooks/deliveries"), w.listen(asAdmin, server.URL+"/webhooks/deliveries")}
	if err := server.Config.Shutdown(t.Context()); err != nil {
		t.Fatalf("Shutdown = %v", err)
	}
	for _, l := range logs {
		if event, data := l.next(); event != "" {
			t.Errorf("after Shutdown a live log sends %s %v; want its end", event, data)
		}
	}
}

// TestLiveLogOfWhoDoesNotRead has a client that does not read: the others do not notice.
func TestLiveLogOfWhoDoesNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := w.serve()
	w.create(`{"url":"https://acme.example/hooks"}`)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /webhooks/deliveries HTTP/1.1\r\nHost: x\r\nAuthorization: " + asAdmin + "\r\nAccept: text/event-stream\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	reader := w.listen(asAdmin, server.URL+"/webhooks/deliveries")
	w.deliver()
	for range 20 {
		_, delivery := w.publish(`{"type":"invoice.paid","data":1}`)
		reader.until(delivery, "delivered")
	}
}

// bubbleLog is a live log in a synctest bubble, where there are no sockets.
type bubbleLog struct {
	*httptest.ResponseRecorder

	deadline time.Time
	// endless says that reading has no deadline.
	endless bool
}

func (b *bubbleLog) SetReadDeadline(at time.Time) error {
	b.endless = at.IsZero()
	return nil
}

func (b *bubbleLog) SetWriteDeadline(at time.Time) error {
	b.deadline = at
	return nil
}

// bubble opens a live log and waits until it waits.
func (w *world) bubble(ctx context.Context) (*bubbleLog, chan struct{}) {
	b, done := w.bubbleOf(ctx, "text/event-stream")
	synctest.Wait()
	return b, done
}

// bubbleOf asks for the log in a form. The channel is closed at the end of the answer.
func (w *world) bubbleOf(ctx context.Context, accept string) (*bubbleLog, chan struct{}) {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/webhooks/deliveries", nil)
	r.Header.Set("Authorization", asAdmin)
	r.Header.Set("Accept", accept)
	b, done := &bubbleLog{ResponseRecorder: httptest.NewRecorder()}, make(chan struct{})
	go func() {
		defer close(done)
		w.api.ServeHTTP(b, r)
	}()
	return b, done
}

func TestLiveLogBeatsAndHasDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, leave := context.WithCancel(t.Context())
		b, done := w.bubble(ctx)
		began := time.Now()
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if got := b.Body.String(); !strings.HasPrefix(got, "retry: 2000\nid: ") || strings.Count(got, ":\nid: ") != 4 {
			t.Errorf("a minute of a live log without news = %q; want a time to wait, and a comment each 15 seconds", got)
		}
		if got := b.deadline.Sub(began); got != 70*time.Second {
			t.Errorf("the deadline of the last write is %v after the beginning; want ten seconds after the write", got)
		}
		if !b.endless {
			t.Error("the deadline of the request holds for the live log too: a server's ReadTimeout would end it")
		}
		leave()
		<-done
	})
}

// TestLiveLogEndsWithItsKey revokes what a client has come with.
func TestLiveLogEndsWithItsKey(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]struct {
		principal webhook.Principal
		err       error
		ends      bool
	}{
		"revoked":                   {webhook.Principal{}, errNobody, true},
		"of another tenant now":     {webhook.Principal{Tenant: globex, Role: webhook.RoleAdmin}, nil, true},
		"of a viewer now":           {webhook.Principal{Tenant: acme, Role: webhook.RoleViewer}, nil, true},
		"not known to be revoked":   {webhook.Principal{}, store.ErrUnavailable, false},
		"as good as it was":         {webhook.Principal{Tenant: acme, Role: webhook.RoleDeveloper}, nil, false},
		"refused by the host's own": {webhook.Principal{Tenant: acme, Role: webhook.RoleDeveloper, Actor: "refused"}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var changed atomic.Bool
				w := newWorld(t, func(_ *dispatcher.Config, cfg *httpapi.Config) {
					cfg.Authenticate = func(r *http.Request) (webhook.Principal, error) {
						if changed.Load() {
							return answer.principal, answer.err
						}
						return authenticate(r)
					}
					cfg.Authorize = func(_ context.Context, p webhook.Principal, _ httpapi.Action, _ string) error {
						if p.Actor == "refused" {
							return errors.New("not any more")
						}
						return nil
					}
				})
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				_, done := w.bubble(ctx)
				time.Sleep(time.Minute)
				changed.Store(true)
				began := time.Now()
				select {
				case <-done:
				case <-time.After(10 * time.Minute):
				}
				if took := time.Since(began); answer.ends != (took <= 30*time.Second) || !answer.ends && took < 10*time.Minute {
					t.Errorf("the live log of a key that is %s went on for %v; want that it ends within 30 s: %v", name, took, answer.ends)
				}
				leave()
				<-done
			})
		})
	}
}
