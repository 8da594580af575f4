package dispatcher

import (
	"crypto/hmac"
	"crypto/sha256"
	"maps"
	"slices"
	"time"

	"github.com/postrider/postrider/webhook"
)

// contentHash returns a keyed hash of all that makes two events with the same
// idempotency key the same event. It is keyed because a plain hash of a small
// payload could be guessed by anyone who reads the database.
func contentHash(key []byte, ev *webhook.Event) []byte {
	h := hmac.New(sha256.New, key)
	part := func(b []byte) { hashParts(h, b) }
	part([]byte(ev.Type))
	part(ev.Data)
	part([]byte(ev.Subject))
	part([]byte(ev.OrderingKey))
	part([]byte(ev.Source))
	// Which channels they are counts, and not in what order.
	channels := slices.Compact(slices.Sorted(slices.Values(ev.Channels)))
	part([]byte{byte(len(channels))})
	for _, c := range channels {
		part([]byte(c))
	}
	part([]byte(ev.Priority))
	part([]byte(ev.DeliverAt.UTC().Format(time.RFC3339Nano)))
	for _, name := range slices.Sorted(maps.Keys(ev.Metadata)) {
		part([]byte(name))
		part([]byte(ev.Metadata[name]))
	}
	return h.Sum(nil)
}
