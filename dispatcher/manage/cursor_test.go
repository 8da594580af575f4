package manage_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// position is where a page of acme's failed deliveries ends.
func position(after string) manage.Position {
	return manage.Position{List: "deliveries", Filter: store.DeliveryFilter{Status: webhook.DeliveryFailed}, After: after}
}

func wantNoCursor(t *testing.T, what string, after string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("OpenCursor of %s = %q; want it refused", what, after)
		return
	}
	wantFields(t, "OpenCursor of "+what, err, "cursor invalid_cursor")
}

func TestCursorsAreBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		last := webhook.NewID(webhook.PrefixDelivery)
		cursor, err := w.Cursor(t.Context(), acme, position(last))
		w.must(err, "Cursor")
		if got, err := w.OpenCursor(t.Context(), acme, position(""), cursor); err != nil || got != last {
			t.Errorf("OpenCursor = %q, %v; want %q", got, err, last)
		}
		// Another process over the same store.
		other, err := dispatcher.New(w.store, dispatcher.Config{AllowPlaintextSecrets: true})
		w.must(err, "New")
		if got, err := manage.New(other).OpenCursor(t.Context(), acme, position(""), cursor); err != nil || got != last {
			t.Errorf("OpenCursor in another process = %q, %v; want %q", got, err, last)
		}
		// Another store has another key.
		strange, err := newWorld(t).OpenCursor(t.Context(), acme, position(""), cursor)
		wantNoCursor(t, "another store", strange, err)

		otherList, otherFilter := position(""), position("")
		otherList.List, otherFilter.Filter = "events", store.DeliveryFilter{}
		for what, c := range map[string]struct {
			tenant string
			p      manage.Position
			cursor string
		}{
			"another tenant":      {globex, position(""), cursor},
			"a tenant with a NUL": {acme + "\x00", position(""), cursor},
			"another list":        {acme, otherList, cursor},
			"another filter":      {acme, otherFilter, cursor},
			"nothing":             {acme, position(""), ""},
			"an id":               {acme, position(""), last},
			"a long text":         {acme, position(""), strings.Repeat("A", 1<<20)},
			"padding":             {acme, position(""), cursor + "="},
			"a line break":        {acme, position(""), cursor[:8] + "\n" + cursor[8:]},
		} {
			after, err := w.OpenCursor(t.Context(), c.tenant, c.p, c.cursor)
			wantNoCursor(t, what, after, err)
		}
		time.Sleep(24 * time.Hour)
		if _, err := w.OpenCursor(t.Context(), acme, position(""), cursor); err != nil {
			t.Errorf("OpenCursor after 24 hours: %v", err)
		}
		before := w.cursorIncidents()
		time.Sleep(time.Second)
		after, err := w.OpenCursor(t.Context(), acme, position(""), cursor)
		wantNoCursor(t, "one that has expired", after, err)
		time.Sleep(5 * time.Second)
		if got := w.cursorIncidents(); got != before {
			t.Errorf("incidents after a cursor expired = %d; want %d: nobody has altered it", got, before)
		}
	})
}

// cursorIncidents returns how many cursors of acme were refused.
func (w *world) cursorIncidents() (n int64) {
	w.t.Helper()
	list, err := w.Incidents(w.t.Context(), acme, store.IncidentFilter{Kind: webhook.IncidentCursor}, store.Page{})
	w.must(err, "Incidents")
	for _, inc := range list {
		n += inc.Count
	}
	return n
}

// TestEveryBitOfACursorCounts alters each of them.
func TestEveryBitOfACursorCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		cursor, err := w.Cursor(t.Context(), acme, position(webhook.NewID(webhook.PrefixDelivery)))
		w.must(err, "Cursor")
		raw, err := base64.RawURLEncoding.DecodeString(cursor)
		w.must(err, "decode")
		altered := int64(0)
		for i := range raw {
			for bit := range 8 {
				raw[i] ^= 1 << bit
				after, err := w.OpenCursor(t.Context(), acme, position(""), base64.RawURLEncoding.EncodeToString(raw))
				wantNoCursor(t, "one with another bit", after, err)
				raw[i] ^= 1 << bit
				altered++
			}
		}
		time.Sleep(5 * time.Second)
		if got := w.cursorIncidents(); got != altered {
			t.Errorf("incidents of %d altered cursors count %d; want all in one", altered, got)
		}
	})
}

func FuzzOpenCursor(f *testing.F) {
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{})
	if err != nil {
		f.Fatal(err)
	}
	w := manage.New(d)
	cursor, err := w.Cursor(f.Context(), acme, position("dlv_1"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(cursor, acme)
	f.Add("", globex)
	f.Add("AAAA", "")
	f.Fuzz(func(t *testing.T, text, tenant string) {
		after, err := w.OpenCursor(t.Context(), tenant, position(""), text)
		if (err == nil) != (text == cursor && tenant == acme) {
			t.Errorf("OpenCursor(%q, %q) = %q, %v", tenant, text, after, err)
		}
	})
}
