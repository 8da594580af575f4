package manage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const jane = "user/jane"

// about publishes an event about a subject and lets the engine come to rest.
func (w *world) about(subject string, n int) webhook.Receipt {
	w.t.Helper()
	ev, err := webhook.NewEvent(acme, "invoice.paid", map[string]any{"of": subject, "n": n})
	w.must(err, "NewEvent")
	ev.Subject, ev.IdempotencyKey, ev.Metadata = subject, fmt.Sprint(subject, n), map[string]string{"of": subject}
	receipt, err := w.d.Publish(w.t.Context(), ev)
	w.must(err, "Publish")
	synctest.Wait()
	time.Sleep(time.Millisecond) // ids of one millisecond have no order
	return receipt
}

func TestErase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.run()()
		ep := w.endpoint()
		w.about(jane, 1)
		other := w.about("user/janet", 1)
		w.answers(status(500))
		w.about(jane, 2) // waits to be tried again
		w.answers(hang)
		underWay := w.about(jane, 3)
		began := time.Now()
		done, err := w.Erase(t.Context(), acme, jane)
		if want := (store.Erased{Events: 3, Payloads: 3, Deliveries: 3, Attempts: 3, IdempotencyKeys: 3}); err != nil || done != want {
			t.Errorf("Erase = %+v, %v; want %+v: what was pending was canceled before", done, err, want)
		}
		if took := time.Since(began); took > 16*time.Second {
			t.Errorf("Erase while an attempt is under way took %v; want it to end when the attempt does", took)
		}
		w.answers(status(200))
		sent := len(w.requests)
		time.Sleep(48 * time.Hour)
		if len(w.requests) != sent {
			t.Errorf("%d requests were sent after Erase; want none", len(w.requests)-sent)
		}
		if _, err := w.Event(t.Context(), acme, underWay.EventID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Event after Erase: error %v; want ErrNotFound", err)
		}
		list, err := w.Deliveries(t.Context(), acme, store.DeliveryFilter{Endpoint: ep.ID}, store.Page{})
		if err != nil || len(list) != 1 || list[0].EventID != other.EventID {
			t.Errorf("Deliveries after Erase = %+v, %v; want the other subject's", list, err)
		}
		if done, err := w.Erase(t.Context(), acme, jane); err != nil || done != (store.Erased{}) {
			t.Errorf("Erase again = %+v, %v; want nothing", done, err)
		}
		if strings.Contains(w.logs.String(), "jane") {
			t.Errorf("the log names the subject:\n%s", w.logs)
		}
	})
}

// A process that has died with a delivery in hand, and one whose attempt takes its
// time, do not keep a subject.
func TestEraseWhatAnotherProcessHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint()
		w.about(jane, 1)
		epoch, err := w.store.Acquire(t.Context(), time.Now(), store.Process{}, time.Hour)
		w.must(err, "Acquire")
		claimed, _, err := w.store.Poll(t.Context(), time.Now(), epoch, 10, func(store.Waiting) store.Admission { return store.Admission{Lease: true} })
		if err != nil || len(claimed) != 1 {
			t.Fatalf("Poll = %v, %v; want the delivery", claimed, err)
		}
		began := time.Now()
		done, err := w.Erase(t.Context(), acme, jane)
		if want := (store.Erased{Events: 1, Payloads: 1, Deliveries: 1, IdempotencyKeys: 1, Pending: 1}); err != nil || done != want {
			t.Errorf("Erase of what is leased = %+v, %v; want %+v", done, err, want)
		}
		if took := time.Since(began); took < 30*time.Second || took > 32*time.Second {
			t.Errorf("Erase waited %v for the other process; want 30 seconds", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w.about(jane, 2)
		if _, _, err = w.store.Poll(t.Context(), time.Now(), epoch, 10, func(store.Waiting) store.Admission { return store.Admission{Lease: true} }); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Erase(ctx, acme, jane); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Erase whose context ends = %v; want its error", err)
		}
	})
}

func TestEraseGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint()
		for n := range 3 {
			w.about(jane, n)
		}
		w.store.eraseFails = 1
		done, err := w.Erase(t.Context(), acme, jane)
		if !errors.Is(err, store.ErrUnavailable) || done.Events != 1 {
			t.Errorf("Erase while the store fails = %+v, %v; want ErrUnavailable, and what was erased until then", done, err)
		}
		if strings.Contains(err.Error(), "jane") {
			t.Errorf("the error names the subject: %v", err)
		}
		if done, err := w.Erase(t.Context(), acme, jane); err != nil || done.Events != 2 {
			t.Errorf("Erase again = %+v, %v; want the other 2 events", done, err)
		}
	})
}

func TestSubjectsThatNoEventHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint()
		w.about("", 1)
		for name, subject := range map[string]string{"no subject": "", "a long one": strings.Repeat("s", 256), "NUL": "a\x00b", "bad UTF-8": "\xff"} {
			_, err := w.Erase(t.Context(), acme, subject)
			wantFields(t, "Erase of "+name, err, "subject invalid_field")
			var out bytes.Buffer
			_, err = w.ExportSubject(t.Context(), acme, subject, &out)
			wantFields(t, "ExportSubject of "+name, err, "subject invalid_field")
		}
		for _, tenant := range []string{globex, "a\x00b"} {
			w.about(jane, 1)
			if done, err := w.Erase(t.Context(), tenant, jane); err != nil || done != (store.Erased{}) {
				t.Errorf("Erase by tenant %q = %+v, %v; want nothing", tenant, done, err)
			}
			var out bytes.Buffer
			if done, err := w.ExportSubject(t.Context(), tenant, jane, &out); err != nil || done != (manage.Exported{}) || out.Len() > 0 {
				t.Errorf("ExportSubject by tenant %q = %+v, %v, %d bytes; want nothing", tenant, done, err, out.Len())
			}
		}
	})
}

func TestExportSubject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.run()()
		w.endpoint()
		w.answers(func(context.Context, *transport.Request) (*transport.Response, error) {
			return &transport.Response{StatusCode: 500, Header: map[string][]string{"X-A": {"<b>"}}, Body: []byte("hello \xff")}, nil
		})
		first := w.about(jane, 1)
		w.answers(status(200))
		time.Sleep(time.Minute)
		second := w.about(jane, 2)
		w.about("user/janet", 3)
		var out bytes.Buffer
		done, err := w.ExportSubject(t.Context(), acme, jane, &out)
		if want := (manage.Exported{Events: 2, Deliveries: 2, Attempts: 3}); err != nil || done != want {
			t.Errorf("ExportSubject = %+v, %v; want %+v", done, err, want)
		}
		type line struct {
			Kind, ID, Subject string
			EventID           string `json:"event_id"`
			Data              struct {
				N  int
				Of string
			}
			Status string
			N      int
			Code   int    `json:"status_code"`
			Bytes  []byte `json:"response_body_base64"`
		}
		var lines []line
		var kinds []string
		for dec := json.NewDecoder(&out); dec.More(); {
			var l line
			if err := dec.Decode(&l); err != nil {
				t.Fatalf("ExportSubject wrote what is not JSON: %v", err)
			}
			lines, kinds = append(lines, l), append(kinds, l.Kind)
		}
		if want := strings.Fields("event delivery attempt attempt event delivery attempt"); !slices.Equal(kinds, want) {
			t.Fatalf("ExportSubject wrote %v; want %v", kinds, want)
		}
		if l := lines[0]; l.ID != first.EventID || l.Subject != jane || l.Data.N != 1 || l.Data.Of != jane {
			t.Errorf("first event = %+v; want it with subject and payload", l)
		}
		if l := lines[2]; l.N != 1 || l.Code != 500 || string(l.Bytes) != "hello \xff" {
			t.Errorf("first attempt = %+v; want it with the answer's bytes", l)
		}
		if l := lines[5]; l.EventID != second.EventID || l.Status != "delivered" {
			t.Errorf("second delivery = %+v; want the second event's", l)
		}
		if _, err := w.ExportSubject(t.Context(), acme, jane, fullDisk{}); !errors.Is(err, errFull) {
			t.Errorf("ExportSubject to a full disk = %v; want its error", err)
		}
	})
}

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }
