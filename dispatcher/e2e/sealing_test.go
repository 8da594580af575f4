package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/leaktest"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// personal is in every payload about somebody, and in what receivers answer to it.
const personal = "CANARY-personal-data-6e2d"

// echo answers with what it gets, and fails the first time.
func echo(t *testing.T) (url string, bodies func() []string) {
	rc := newReceiver(t, nil)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		_, _ = b.ReadFrom(r.Body) // a part of it is found to be another body
		rc.mu.Lock()
		rc.arrivals = append(rc.arrivals, arrival{body: b.String()})
		first := len(rc.arrivals) == 1
		rc.mu.Unlock()
		w.Header().Set("X-Echo", personal)
		if first {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = w.Write(b.Bytes()) // the sender may have gone
	}))
	t.Cleanup(s.Close)
	return s.URL, func() (list []string) {
		for _, a := range rc.got() {
			list = append(list, a.body)
		}
		return list
	}
}

// TestSealedPayloads has events published in every way, delivered by a process that
// reads them from the database, and read by people. Nothing of them is in the raw
// database, and after Erase nothing at all.
func TestSealedPayloads(t *testing.T) {
	t.Parallel()
	cfg := dispatcher.Config{SealPayloads: true}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		st := openStore(t, databaseFile(t))
		sealedLife(t, newHost(t, st, cfg), func(ctx context.Context, h *host, ev webhook.Event) error {
			_, err := publishInTx(ctx, h, ev)
			return err
		})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		st, pool := openPostgres(t, 0)
		sealedLife(t, newHost(t, st, cfg), func(ctx context.Context, h *host, ev webhook.Event) error {
			tx, err := pool.Begin(ctx)
			if err != nil {
				return err
			}
			if _, err := h.PublishTx(ctx, st.Tx(tx), ev); err != nil {
				return err
			}
			return tx.Commit(ctx)
		})
	})
}

func sealedLife(t *testing.T, h *host, publishTx func(context.Context, *host, webhook.Event) error) {
	url, bodies := echo(t)
	ep, _ := h.create(webhook.Endpoint{URL: url, Retry: webhook.RetryPolicy{Schedule: slices.Repeat([]time.Duration{time.Millisecond}, 3)}})
	about := func(subject string, n int) webhook.Event {
		ev := event("a", map[string]any{"n": n, "of": personal})
		ev.Subject, ev.IdempotencyKey = subject, fmt.Sprint(subject, n)
		return ev
	}
	const each = 4
	for n := range each {
		for _, subject := range []string{"", "user/jane", "user/janet"} {
			h.publish(about(subject, n))
		}
		if err := publishTx(t.Context(), h, about("user/jane", each+n)); err != nil {
			t.Fatalf("PublishTx = %v; want nil", err)
		}
		if err := publishTx(t.Context(), h, about(fmt.Sprint("user/new-", n), 0)); err != nil {
			t.Fatalf("PublishTx about somebody new = %v; want nil", err)
		}
	}
	if r := h.publish(about("user/jane", 0)); !r.Duplicate {
		t.Error("a repeated publish is not recognised: what is hashed must not be what is sealed")
	}
	if _, err := h.Broadcast(t.Context(), webhook.Event{Type: "a", Data: []byte(`"` + personal + `"`)}); err != nil {
		t.Fatalf("Broadcast = %v; want nil", err)
	}
	unread(t, "published")
	stop := h.start()
	const all = 5*each + 1
	eventually(t, "not everything is delivered", func() bool { return h.count(store.DeliveryFilter{}, webhook.DeliveryDelivered) == all })
	stop()
	unread(t, "delivered")
	for _, body := range bodies() {
		if !strings.Contains(body, personal) || strings.ContainsRune(body, 0) {
			t.Fatalf("a receiver got %q; want the payload in clear", body)
		}
	}
	list := h.deliveries(tenant, store.DeliveryFilter{Endpoint: ep.ID})
	for _, a := range h.attempts(list[0]) {
		if !strings.Contains(string(a.ResponseBody), personal) || a.ResponseHeaders["X-Echo"] != personal {
			t.Errorf("attempt as people see it = %q, %v; want what was answered", a.ResponseBody, a.ResponseHeaders)
		}
	}
	var out bytes.Buffer
	if x, err := h.manage.ExportSubject(t.Context(), tenant, "user/jane", &out); err != nil || x.Events != 2*each || x.Attempts < 2*each || strings.Count(out.String(), personal) < 5*each {
		t.Errorf("ExportSubject = %+v, %v, the data %d times; want all of it in clear", x, err, strings.Count(out.String(), personal))
	}
	done, err := h.erase("user/jane")
	if err != nil || done.Events != 2*each || done.SubjectKeys != 1 {
		t.Errorf("Erase = %+v, %v; want %d events and the subject's key", done, err, 2*each)
	}
	if ev, err := h.manage.Event(t.Context(), tenant, list[0].EventID); err == nil && ev.Subject == "user/jane" {
		t.Errorf("Event after Erase = %+v; want none", ev)
	}
}

// erase erases a subject while the host delivers, and waits for the end.
func (h *host) erase(subject string) (e manage.Erasure, err error) {
	h.t.Helper()
	defer h.start()()
	if e, err = h.manage.Erase(h.t.Context(), tenant, subject); err != nil {
		return e, err
	}
	eventually(h.t, "the erasure does not end", func() bool {
		e, err = h.manage.Erasure(h.t.Context(), tenant, e.Job)
		return err != nil || e.State == store.JobDone
	})
	return e, err
}

// unread fails if the personal data can be read in the raw database of the test, or
// in what was logged.
func unread(t *testing.T, when string) {
	t.Helper()
	places := watched.places(t)
	if len(places) < 3 {
		t.Fatalf("the database is in %v; want all of its parts", slices.Collect(maps.Keys(places)))
	}
	for _, leak := range leaktest.Find([]canary{newCanary("personal data", personal)}, places) {
		t.Errorf("when it is %s, %s; want it sealed", when, leak)
	}
}

// TestBackupIsUnreadableAfterErase keeps the keys of subjects in a database of their
// own, and goes back to a backup of the other one: of a subject that was erased since,
// nothing can be read in it, with whatever keyring.
func TestBackupIsUnreadableAfterErase(t *testing.T) {
	t.Parallel()
	path, backup := databaseFile(t), databaseFile(t)
	st, keys := openStore(t, path), openStore(t, databaseFile(t))
	cfg := dispatcher.Config{SealPayloads: true, SubjectKeys: keys}
	h := newHost(t, st, cfg)
	h.create(webhook.Endpoint{URL: closedPort(t)})
	ids := make(map[string]string)
	for _, subject := range []string{"user/jane", "user/janet"} {
		ev := event("a", personal)
		ev.Subject = subject
		ids[subject] = h.publish(ev).EventID
	}
	if err := st.Vacuum(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(backup, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.erase("user/jane"); err != nil {
		t.Fatal(err)
	}
	restored, err := sqlite.Open(t.Context(), backup)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	then := newHost(t, restored, cfg)
	if ev, err := then.manage.Event(t.Context(), tenant, ids["user/jane"]); err != nil || len(ev.Data) > 0 {
		t.Errorf("Event in the backup, erased since = %q, %v; want no payload", ev.Data, err)
	}
	if ev, err := then.manage.Event(t.Context(), tenant, ids["user/janet"]); err != nil || !strings.Contains(string(ev.Data), personal) {
		t.Errorf("Event in the backup of another subject = %q, %v; want its payload", ev.Data, err)
	}
	if bytes.Contains(b, []byte(personal)) {
		t.Error("the backup has the payload in clear")
	}
}
