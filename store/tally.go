package store

import (
	"time"

	"github.com/postrider/postrider/webhook"
)

// TallyKey names a row of statistics: a scope in one minute.
type TallyKey struct {
	Tenant string
	StatScope
	Minute time.Time
}

// Tally counts settled items for every scope they belong to: the tenant, the
// endpoint, the event type and the event type at the endpoint. Items without
// an attempt count nothing. Stores call it with the items that they accepted,
// so that statistics and history never disagree.
func Tally(items []Settled) map[TallyKey]*webhook.Counts {
	tally := make(map[TallyKey]*webhook.Counts)
	for i := range items {
		it := &items[i]
		if it.Attempt == nil {
			continue
		}
		minute := it.Attempt.At.UTC().Truncate(time.Minute)
		for _, scope := range [4]StatScope{
			{},
			{Endpoint: it.Endpoint},
			{EventType: it.EventType},
			{Endpoint: it.Endpoint, EventType: it.EventType},
		} {
			key := TallyKey{it.Tenant, scope, minute}
			counts := tally[key]
			if counts == nil {
				counts = new(webhook.Counts)
				tally[key] = counts
			}
			counts.Add(it.Attempt, it.Status)
		}
	}
	return tally
}
