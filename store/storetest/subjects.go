package storetest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var subjectCases = []testCase{
	{"ListsItsOwn", subjectList},
	{"EraseLeavesNothing", eraseLeavesNothing},
	{"EraseOfNobody", eraseOfNobody},
	{"EraseInBites", eraseInBites},
	{"KeyOfAnotherStays", eraseKeyOfAnother},
	{"LeasedIsLost", eraseLeased},
	{"BatchGoesOnWithoutIt", eraseOfBatch},
	{"OrderGoesOnWithoutIt", eraseOfOrdered},
	{"WhileItSettles", eraseWhileItSettles},
}

// jane is the subject that is erased.
const jane = "user/jane"

// about returns a publication about a subject.
func (w *world) about(subject, tenant string, endpoints ...string) store.Publication {
	w.t.Helper()
	p := w.publication(tenant, endpoints...)
	p.Event.Subject = subject
	return p
}

// subjectEvents returns a page of the ids of the events of a subject.
func (w *world) subjectEvents(tenant, subject string, page store.Page) (list []string) {
	w.t.Helper()
	events, err := w.store.SubjectEvents(w.ctx, tenant, subject, page)
	w.must(err, "SubjectEvents")
	for i := range events {
		if ev := &events[i]; ev.Data != nil || ev.Subject != subject || ev.Tenant != tenant {
			w.t.Errorf("SubjectEvents of %s, %q = %+v; want its own events without payloads", tenant, subject, ev)
		}
		list = append(list, events[i].ID)
	}
	return list
}

// erase erases at most limit events of a subject of acme.
func (w *world) erase(subject string, limit int) store.Erased {
	w.t.Helper()
	done, err := w.store.EraseSubject(w.ctx, w.now, acme, subject, limit)
	w.must(err, "EraseSubject")
	return done
}

func subjectList(w *world) {
	var want []string
	for i, subject := range []string{jane, "user/janet", jane, "", jane} {
		p := w.about(subject, acme)
		p.Event.Metadata = map[string]string{"n": string(rune('a' + i))}
		w.stored(p)
		w.advance(time.Second)
		if subject == jane {
			want = append(want, p.Event.ID)
		}
	}
	w.stored(w.about(jane, globex))
	oldest := store.Page{Limit: 2, Oldest: true}
	if got := w.subjectEvents(acme, jane, oldest); !slices.Equal(got, want[:2]) {
		w.t.Errorf("SubjectEvents, 2 oldest = %v; want %v", got, want[:2])
	}
	oldest.After = want[1]
	if got := w.subjectEvents(acme, jane, oldest); !slices.Equal(got, want[2:]) {
		w.t.Errorf("SubjectEvents, oldest after the first page = %v; want %v", got, want[2:])
	}
	slices.Reverse(want)
	if got := w.subjectEvents(acme, jane, store.Page{}); !slices.Equal(got, want) {
		w.t.Errorf("SubjectEvents = %v; want %v, newest first", got, want)
	}
	if got := w.subjectEvents(acme, jane, store.Page{After: want[0]}); !slices.Equal(got, want[1:]) {
		w.t.Errorf("SubjectEvents after the newest = %v; want %v", got, want[1:])
	}
	if got := w.subjectEvents(acme, "", store.Page{}); len(got) != 0 {
		w.t.Errorf("SubjectEvents of no subject = %v; want none: events without a subject are nobody's", got)
	}
}

// One event is delivered, one waits to be tried again, one has failed and one was
// skipped. Nothing of them is left, and everything of others is.
func eraseLeavesNothing(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	other := w.endpoint(globex)
	var erased []store.Publication
	for _, key := range []string{"k1", "k2", "", "k4"} {
		p := w.about(jane, acme, ep.ID)
		p.Event.IdempotencyKey = key
		if key == "k4" {
			p.Deliveries[0].Status, p.Deliveries[0].Reason = webhook.DeliverySkipped, webhook.ReasonEndpointPaused
		}
		w.stored(p)
		erased = append(erased, p)
		w.advance(time.Second)
	}
	mine, theirs := w.about("user/janet", acme, ep.ID), w.about(jane, globex, other.ID)
	theirs.Event.IdempotencyKey = "k1"
	w.stored(mine, theirs)
	for _, c := range w.pollAll(epoch, 5) {
		switch c.Delivery {
		case erased[1].Deliveries[0].ID:
			w.accepted(epoch, w.retried(c, w.now.Add(time.Hour)))
		case erased[2].Deliveries[0].ID:
			w.accepted(epoch, w.failed(c))
		default:
			w.accepted(epoch, w.delivered(c))
		}
	}
	want := store.Erased{Events: 4, Payloads: 4, Deliveries: 4, Attempts: 3, IdempotencyKeys: 3, Pending: 1}
	if got := w.erase(jane, many); got != want {
		w.t.Errorf("EraseSubject = %+v; want %+v", got, want)
	}
	for _, p := range erased {
		w.wantErased(p)
	}
	if got := w.subjectEvents(acme, jane, store.Page{}); len(got) != 0 {
		w.t.Errorf("SubjectEvents after EraseSubject = %v; want none", got)
	}
	for _, p := range []store.Publication{mine, theirs} {
		ev, err := w.store.Event(w.ctx, p.Event.Tenant, p.Event.ID)
		w.must(err, "Event of another subject after EraseSubject")
		if !same(ev, p.Event) || len(w.attempts(p.Event.Tenant, p.Deliveries[0].ID)) != 1 {
			w.t.Errorf("Event of another subject after EraseSubject = %+v; want it whole", ev)
		}
	}
	w.wantDuplicate("Publish of another tenant's key after EraseSubject", w.publish(theirs)[0], theirs)
	w.wantStats(4, "EraseSubject leaves what is counted")
	again := w.about(jane, acme, ep.ID)
	again.Event.IdempotencyKey, again.ContentHash = "k1", []byte("hash of other content")
	w.stored(again)
	w.accepted(epoch, w.delivered(w.pollOne(epoch)))
	w.wantGone(epoch, "EraseSubject")
}

// wantErased fails unless nothing can be read of a publication.
func (w *world) wantErased(p store.Publication) {
	w.t.Helper()
	if ev, err := w.store.Event(w.ctx, acme, p.Event.ID); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("Event after EraseSubject = %+v, error %v; want ErrNotFound", ev, err)
	}
	d := p.Deliveries[0].ID
	if got, err := w.store.Delivery(w.ctx, acme, d); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("Delivery after EraseSubject = %+v, error %v; want ErrNotFound", got, err)
	}
	if got := w.attempts(acme, d); len(got) != 0 {
		w.t.Errorf("Attempts after EraseSubject = %d; want none", len(got))
	}
	if err := w.store.Redeliver(w.ctx, w.now, acme, d); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("Redeliver after EraseSubject = %v; want ErrNotFound", err)
	}
}

func eraseOfNobody(w *world) {
	ep := w.endpoint(acme)
	p := w.about("", acme, ep.ID)
	w.stored(p)
	for _, subject := range []string{"", jane, "%"} {
		if got := w.erase(subject, many); got != (store.Erased{}) {
			w.t.Errorf("EraseSubject of %q = %+v; want nothing: no event has that subject", subject, got)
		}
	}
	if d := w.delivery(acme, p.Deliveries[0].ID); d.Status != webhook.DeliveryPending {
		w.t.Errorf("Delivery without a subject after EraseSubject = %s; want pending", d.Status)
	}
}

func eraseInBites(w *world) {
	ep := w.endpoint(acme)
	var all []store.Publication
	for range 5 {
		p := w.about(jane, acme, ep.ID)
		w.stored(p)
		all = append(all, p)
		w.advance(time.Second)
	}
	var sum store.Erased
	for calls := 1; ; calls++ {
		done := w.erase(jane, 2)
		if done.Events > 2 {
			w.t.Errorf("EraseSubject of at most 2 = %+v; want no more", done)
		}
		if sum.Add(done); !done.More {
			break
		}
		if left := w.subjectEvents(acme, jane, store.Page{Oldest: true}); len(left) > 0 && left[0] != all[min(2*calls, 4)].Event.ID {
			w.t.Errorf("SubjectEvents after %d calls begins with %s; want the oldest to go first", calls, left[0])
		}
		if calls > 5 {
			w.t.Fatalf("EraseSubject says that there is more after %d calls", calls)
		}
	}
	if want := (store.Erased{Events: 5, Payloads: 5, Deliveries: 5, Pending: 5}); sum != want {
		w.t.Errorf("EraseSubject, all calls = %+v; want %+v", sum, want)
	}
	if again := w.erase(jane, 2); again != (store.Erased{}) {
		w.t.Errorf("EraseSubject again = %+v; want nothing", again)
	}
}

// A key is used anew once it has expired.
func eraseKeyOfAnother(w *world) {
	first := w.about(jane, acme)
	first.Event.IdempotencyKey = "k"
	w.stored(first)
	w.advance(25 * time.Hour)
	second := w.publication(acme)
	second.Event.IdempotencyKey = "k"
	w.stored(second)
	if got := w.erase(jane, many); got.Events != 1 || got.IdempotencyKeys != 0 {
		w.t.Errorf("EraseSubject = %+v; want one event and no key: it is another event's", got)
	}
	w.wantDuplicate("Publish of a key that was not the subject's any more", w.publish(second)[0], second)
}

func eraseLeased(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	p := w.about(jane, acme, ep.ID)
	w.stored(p)
	c := w.pollOne(epoch)
	if got := w.erase(jane, many); got.Events != 1 || got.Pending != 1 {
		w.t.Errorf("EraseSubject of what is leased = %+v; want it erased: a process that is gone would keep it for ever", got)
	}
	if held := w.held(epoch); len(held) != 0 {
		w.t.Errorf("Held after EraseSubject = %+v; want nothing", held)
	}
	it := w.delivered(c)
	it.Attempt.ResponseBody = []byte("about jane")
	w.wantLost("after EraseSubject", epoch, it)
	w.wantErased(p)
	w.wantStats(0, "an outcome that is lost counts nothing")
}

func eraseOfBatch(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	p := w.about(jane, acme, ep.ID)
	w.stored(p)
	w.waiting(acme, ep.ID, 2)
	claims := w.pollAll(epoch, 3)
	w.bind(epoch, claims...)
	w.release(epoch, ep, claims...)
	w.erase(jane, many)
	w.wantErased(p)
	left := w.take(epoch, acme, ep.ID, many, time.Time{})
	if len(left) != 2 {
		w.t.Fatalf("Take after EraseSubject of one of a batch of 3 = %d rows; want 2", len(left))
	}
	for _, c := range left {
		if c.Batch != "" {
			w.t.Errorf("Take after EraseSubject = a row of batch %s; want none: it cannot be what it was", c.Batch)
		}
	}
}

// One is to be tried again, the other has failed for good and blocks its key.
func eraseOfOrdered(w *world) {
	epoch, ep := w.acquire(), w.orderedEndpoint()
	w.epoch = epoch
	for _, key := range []string{"retried", "blocked"} {
		p := w.about(jane, acme, ep.ID)
		p.Deliveries[0].Ordered, p.Deliveries[0].Key = true, key
		w.stored(p)
		head := w.takeOrdered(epoch, ep, 1)
		if len(head) != 1 {
			w.t.Fatalf("Take of one = %d jobs", len(head))
		}
		later := w.ordered(ep, key, 1)
		item := w.retried(head[0], w.now.Add(time.Hour))
		if key == "blocked" {
			item = w.failed(head[0])
			item.Block = true
		}
		w.accepted(epoch, item)
		w.wantTaken(epoch, ep, 10, nil, "the first of the key holds it up")
		w.erase(jane, many)
		w.wantErased(p)
		if !w.due(acme, ep.ID) {
			w.t.Errorf("EraseSubject of the first of key %q: the lane is not due; want it due at once", key)
		}
		for _, c := range w.wantTaken(epoch, ep, 10, later, "what held it up was erased") {
			w.accepted(epoch, w.delivered(c))
		}
	}
}

// Whatever wins, nothing is left: no attempt of a delivery that is gone.
func eraseWhileItSettles(w *world) {
	const rows = 30
	epoch, ep := w.acquire(), w.endpoint(acme)
	var pubs []store.Publication
	for range rows {
		p := w.about(jane, acme, ep.ID)
		w.stored(p)
		pubs = append(pubs, p)
	}
	claimed := w.pollAll(epoch, rows)
	var both sync.WaitGroup
	both.Go(func() {
		for i, c := range claimed {
			it := w.delivered(c)
			if i%2 == 1 {
				it = w.retried(c, w.now.Add(time.Hour))
			}
			it.Attempt.ResponseBody = []byte(strings.Repeat("j", 100))
			if _, err := w.store.Settle(w.ctx, w.now, store.Settlement{Epoch: epoch, Items: []store.Settled{it}}); err != nil {
				w.t.Errorf("Settle while others erase: %v", err)
			}
		}
	})
	erased := 0
	for range rows {
		done, err := w.store.EraseSubject(w.ctx, w.now, acme, jane, 1)
		w.must(err, "EraseSubject while it settles")
		erased += done.Events
	}
	both.Wait()
	if erased += w.erase(jane, many).Events; erased != rows {
		w.t.Errorf("EraseSubject while it settles = %d events in all; want %d", erased, rows)
	}
	for _, p := range pubs {
		w.wantErased(p)
	}
	w.wantGone(epoch, "EraseSubject")
}
