package telemetry

import (
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// maxRecent is how many deliveries are remembered whose next attempt is to be linked to
// the one before, some 200 bytes each: under a megabyte. Only what is sampled is
// remembered, so it is enough for hours of what a busy process fails to deliver.
const maxRecent = 4096

// attempted is an attempt that is to be repeated.
type attempted struct {
	span trace.SpanContext
	// due is when it is to be.
	due time.Time
}

// recent remembers the last attempts at deliveries. What is forgotten, or was another
// process's, costs a link: the attempts are in one trace all the same. It is not kept in
// the store, since that would be one more column in every claim. It is safe for
// concurrent use.
type recent struct {
	mu sync.Mutex
	of map[string]attempted
	// ring are the deliveries in the order in which they came, of which at is the
	// oldest.
	ring []string
	at   int
}

func (r *recent) put(delivery string, a attempted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = make(map[string]attempted)
	}
	r.of[delivery] = a
	if len(r.ring) < maxRecent {
		r.ring = append(r.ring, delivery)
		return
	}
	delete(r.of, r.ring[r.at])
	r.of[delivery] = a // it may have been the oldest itself
	r.ring[r.at] = delivery
	r.at = (r.at + 1) % maxRecent
}

// take returns the last attempt at a delivery and forgets it.
func (r *recent) take(delivery string) (attempted, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.of[delivery]
	delete(r.of, delivery)
	return a, ok
}
