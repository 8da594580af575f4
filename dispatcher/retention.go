package dispatcher

import "time"

// Retention says how long things are kept. Statistics outlive what they count.
type Retention struct {
	// Payloads is how long payloads and attempts are kept. A delivery that is
	// still pending then is canceled.
	// Defaults to 30 days.
	Payloads time.Duration
	// Deliveries is how long events and deliveries are kept, at least as long
	// as payloads.
	// Defaults to 90 days.
	Deliveries time.Duration
	// Statistics is how long the counts of each day are kept.
	// Defaults to 400 days.
	Statistics time.Duration
	// Audit is how long the audit log is kept.
	// Defaults to 400 days.
	Audit time.Duration
}

// Retention returns how long things are kept, defaults filled in.
func (d *Dispatcher) Retention() Retention { return d.cfg.Retention }
