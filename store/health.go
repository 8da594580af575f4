package store

import (
	"time"

	"github.com/postrider/postrider/webhook"
)

// HealthChange is what a batch of settled items means for one endpoint.
type HealthChange struct {
	// Reset sets the failures to zero before Failures is added: the batch has
	// a success, and Failures counts what came after it.
	Reset           bool
	Failures, Trips int
	// Recovery and Notable are the last effect on recovery and whether any item
	// was notable.
	Recovery RecoveryEffect
	Notable  bool
	// LastSuccessAt and LastFailureAt replace the stored times unless zero.
	LastSuccessAt, LastFailureAt time.Time
}

// FoldHealth sums up the effects of settled items by endpoint. Stores call it
// with the items that they accepted, so that a repeated settle counts nothing
// twice.
func FoldHealth(items []Settled) map[Lane]HealthChange {
	var changes map[Lane]HealthChange
	for i := range items {
		it := &items[i]
		if it.Attempt == nil || it.Health == HealthUnchanged && it.Recovery == RecoveryUnchanged {
			continue
		}
		if changes == nil {
			changes = make(map[Lane]HealthChange)
		}
		key := Lane{Tenant: it.Tenant, Endpoint: it.Endpoint}
		c := changes[key]
		c.Trips = it.Trips
		switch it.Health {
		case HealthSuccess:
			c.Reset, c.Failures, c.LastSuccessAt = true, 0, it.Attempt.At
		case HealthFailure:
			c.Failures++
			c.LastFailureAt = it.Attempt.At
		}
		if it.Recovery != RecoveryUnchanged {
			c.Recovery, c.Notable = it.Recovery, true
		}
		c.Notable = c.Notable || it.Notable
		changes[key] = c
	}
	return changes
}

// Apply returns the health after a change at a time of the store's clock.
func (c HealthChange) Apply(now time.Time, h webhook.Health) webhook.Health {
	switch {
	case c.Recovery == RecoveryEnds:
		h.RecoveringSince = time.Time{}
	case c.Recovery == RecoveryBegins && h.Failures > 0:
		h.RecoveringSince = now
	}
	if c.Reset {
		h.Failures = 0
	}
	h.Failures += c.Failures
	h.Trips = c.Trips
	if !c.LastSuccessAt.IsZero() {
		h.LastSuccessAt = c.LastSuccessAt
	}
	if !c.LastFailureAt.IsZero() {
		h.LastFailureAt = c.LastFailureAt
	}
	return h
}
