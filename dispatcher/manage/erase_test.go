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
		if took := time.Since(began); err != nil || done.State != store.JobRunning || done.Erased != (store.Erased{}) || took != 5*time.Second {
			t.Errorf("Erase while an attempt is under way = %+v, %v after %v; want a job that runs, after 5 seconds", done, err, took)
		}
		done = w.finished(done.Job)
		if want := (store.Erased{Events: 3, Payloads: 3, Deliveries: 3, Attempts: 3, IdempotencyKeys: 3}); done.Erased != want {
			t.Errorf("Erase = %+v; want %+v: what was pending was canceled before", done, want)
		}
		if took := time.Since(began); took > 17*time.Second {
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
		if done, err := w.Erase(t.Context(), acme, jane); err != nil || done.State != store.JobDone || done.Erased != (store.Erased{}) {
			t.Errorf("Erase again = %+v, %v; want nothing", done, err)
		}
		if strings.Contains(w.logs.String(), "jane") {
			t.Errorf("the log names the subject:\n%s", w.logs)
		}
	})
}

// finished waits until a job has erased, and returns what.
func (w *world) finished(job string) manage.Erasure {
	w.t.Helper()
	for range 120 {
		e, err := w.Erasure(w.t.Context(), acme, job)
		w.must(err, "Erasure")
		if e.State != store.JobRunning {
			return e
		}
		time.Sleep(time.Second)
	}
	w.t.Fatalf("job %s is running after two minutes", job)
	return manage.Erasure{}
}

// What is small and at rest is gone when Erase returns, with counts.
func TestEraseAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.run()()
		w.endpoint()
		w.about(jane, 1)
		time.Sleep(time.Second)
		began := time.Now()
		done, err := w.Erase(t.Context(), acme, jane)
		want := store.Erased{Events: 1, Payloads: 1, Deliveries: 1, Attempts: 1, IdempotencyKeys: 1}
		if took := time.Since(began); err != nil || done.State != store.JobDone || done.Erased != want || took > 100*time.Millisecond {
			t.Errorf("Erase = %+v, %v after %v; want %+v at once", done, err, took, want)
		}
		job, err := w.store.Job(t.Context(), acme, done.Job)
		if err != nil || strings.Contains(fmt.Sprintf("%+v %s", job, job.Spec), jane) {
			t.Errorf("job after its end = %+v, %v; want nothing of the subject in it", job, err)
		}
		if _, err := w.Job(t.Context(), acme, done.Job); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Job of an erasure: %v; want ErrNotFound: it is no redelivery", err)
		}
		if err := w.CancelJob(t.Context(), acme, done.Job); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("CancelJob of an erasure: %v; want ErrNotFound: who is half erased is not erased", err)
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
		defer w.run()()
		began := time.Now()
		started, err := w.Erase(t.Context(), acme, jane)
		w.must(err, "Erase")
		done := w.finished(started.Job)
		if want := (store.Erased{Events: 1, Payloads: 1, Deliveries: 1, IdempotencyKeys: 1, Pending: 1}); done.Erased != want {
			t.Errorf("Erase of what is leased = %+v; want %+v", done, want)
		}
		if took := time.Since(began); took < 30*time.Second || took > 33*time.Second {
			t.Errorf("Erase waited %v for the other process; want 30 seconds", took)
		}
	})
}

// While a job waits for what is under way, others go on.
func TestEraseHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.run()()
		w.endpoint()
		w.answers(hang)
		w.about(jane, 1)
		if done, err := w.Erase(t.Context(), acme, jane); err != nil || done.State != store.JobRunning {
			t.Errorf("Erase while an attempt is under way = %+v, %v; want a job that runs", done, err)
		}
		began := time.Now()
		if done, err := w.Erase(t.Context(), acme, "user/joe"); err != nil || done.State != store.JobDone {
			t.Errorf("Erase of another = %+v, %v; want it done", done, err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("Erase of another took %v; want it at once", took)
		}
	})
}

// Whatever fails or dies meanwhile, an erasure comes to its end.
func TestEraseGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint()
		for n := range 3 {
			w.about(jane, n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started, err := w.Erase(ctx, acme, jane)
		if !errors.Is(err, context.DeadlineExceeded) || started.Job == "" || started.State != store.JobRunning {
			t.Errorf("Erase that nobody waits for, where nobody delivers = %+v, %v; want a job, and the context's error", started, err)
		}
		w.store.eraseFails = 1 // after an event; and then it does not come back
		w.store.fault = func(call string, _ bool) error {
			if call == "EraseSubject" {
				return store.ErrUnavailable
			}
			return nil
		}
		stop := w.run()
		time.Sleep(10 * time.Second)
		half, err := w.Erasure(t.Context(), acme, started.Job)
		w.must(err, "Erasure")
		if half.Erased.Events != 1 || half.State != store.JobRunning {
			t.Errorf("Erasure while the store fails = %+v; want one event gone, and a job that runs", half)
		}
		stop()
		w.store.fault = nil
		defer w.run()() // another process
		if done := w.finished(started.Job); done.State != store.JobDone || done.Erased.Events != 3 || done.IdempotencyKeys != 3 {
			t.Errorf("Erasure in the end = %+v; want all of 3 events", done)
		}
		if strings.Contains(w.logs.String(), "jane") {
			t.Errorf("the log names the subject:\n%s", w.logs)
		}
	})
}

func TestSubjectsThatNoEventHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.run()()
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
			if done, err := w.Erase(t.Context(), tenant, jane); err != nil || done.Erased != (store.Erased{}) {
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
