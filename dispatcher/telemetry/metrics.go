package telemetry

// Kind is the kind of an instrument.
type Kind int

// The kinds of instruments. What is counted up and down adds up over processes, and a
// gauge does not.
const (
	Counter Kind = iota
	Histogram
	UpDownCounter
	Gauge
)

// Metric describes one metric.
type Metric struct {
	// Name and Unit are as OpenTelemetry writes them: exporters may write others, such
	// as postrider_attempt_duration_seconds.
	Name, Unit string
	Kind       Kind
	// Description is a sentence for people.
	Description string
	// Attributes are what it is told apart by, beside the event type that
	// Config.EventTypes adds to what has Typed.
	Attributes []string
	Typed      bool
	// Buckets are the bounds of a histogram's buckets.
	Buckets []float64
}

var (
	// seconds go from what a receiver next door takes to the longest attempt.
	seconds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60}
	// latencies go on to the retries of a default schedule: 5 s, 5 min, 30 min, 2 h … 3 days.
	latencies = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600, 3600, 10800, 43200, 86400, 259200}
	// sizes go to what one batch has at most, which is 512.
	sizes = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}
)

// The metrics, one by one.
var (
	published = Metric{
		Name: "postrider.events.published", Unit: "{event}", Kind: Counter, Typed: true,
		Description: "Events that were stored, duplicates aside. In a host's transaction it may yet be rolled back.",
	}
	publishErrors = Metric{
		Name: "postrider.publish.errors", Unit: "{event}", Kind: Counter, Attributes: []string{"error.type"},
		Description: "Events that were not published: invalid, quota, idempotency_conflict, unavailable, unknown, canceled.",
	}
	publishBatch = Metric{
		Name: "postrider.publish.batch.size", Unit: "{event}", Kind: Histogram, Buckets: sizes,
		Description: "Events that are written in one transaction.",
	}
	created = Metric{
		Name: "postrider.deliveries.created", Unit: "{delivery}", Kind: Counter, Typed: true,
		Description: "Deliveries that published events have made.",
	}
	ended = Metric{
		Name: "postrider.deliveries.ended", Unit: "{delivery}", Kind: Counter, Attributes: []string{"postrider.status"}, Typed: true,
		Description: "Deliveries that this process has ended: delivered, failed, canceled, skipped.",
	}
	latency = Metric{
		Name: "postrider.delivery.latency", Unit: "s", Kind: Histogram, Buckets: latencies,
		Description: "Time from when a delivery was first due, which is Publish or deliver_at, until it was delivered. Redeliveries are left out.",
	}
	attempts = Metric{
		Name: "postrider.attempts", Unit: "{attempt}", Kind: Counter, Attributes: []string{"postrider.outcome", "error.type"}, Typed: true,
		Description: "Attempts by what becomes of the delivery (delivered, retry, failed) and by the class of the error. A batch is one.",
	}
	duration = Metric{
		Name: "postrider.attempt.duration", Unit: "s", Kind: Histogram, Attributes: []string{"postrider.outcome"}, Buckets: seconds,
		Description: "Time that attempts take, all of it.",
	}
	settleBatch = Metric{
		Name: "postrider.settle.batch.size", Unit: "{delivery}", Kind: Histogram, Buckets: sizes,
		Description: "Outcomes that are written in one transaction.",
	}
	refused = Metric{
		Name: "postrider.outcomes.refused", Unit: "{delivery}", Kind: Counter,
		Description: "Outcomes that were not written since the delivery had become another process's. It may be sent twice.",
	}
	leasesLost = Metric{
		Name: "postrider.leases.lost", Unit: "{lease}", Kind: Counter,
		Description: "Leases that others took from this process, because it could not renew them in time.",
	}
	storeErrors = Metric{
		Name: "postrider.store.errors", Unit: "{error}", Kind: Counter, Attributes: []string{"postrider.operation"},
		Description: "Calls to the store that failed, by what they were for. What failed is repeated.",
	}
	filterErrors = Metric{
		Name: "postrider.filter.errors", Unit: "{error}", Kind: Counter,
		Description: "Filters of endpoints that failed; their deliveries end as failed, and can be redelivered.",
	}
	paused = Metric{
		Name: "postrider.endpoints.paused", Unit: "{endpoint}", Kind: Counter, Attributes: []string{"postrider.cause"},
		Description: "Endpoints that were paused automatically, by cause.",
	}
	incidents = Metric{
		Name: "postrider.incidents", Unit: "{incident}", Kind: Counter, Attributes: []string{"postrider.incident.kind"},
		Description: "Incidents that have reached their threshold, by kind, each counted by one process.",
	}

	lag = Metric{
		Name: "postrider.queue.lag", Unit: "s", Kind: Gauge,
		Description: "How long the delivery has been due that has waited longest for any process to look at it. It is that of the store: take the maximum over processes.",
	}
	skew = Metric{
		Name: "postrider.clock.skew", Unit: "s", Kind: Gauge,
		Description: "How far this process's clock is ahead of the database's. Receivers refuse signatures that are five minutes off.",
	}
	storeUp = Metric{
		Name: "postrider.store.up", Unit: "{store}", Kind: Gauge,
		Description: "1 if the store answers, all shards of it, and 0 if not.",
	}
	leases = Metric{
		Name: "postrider.leases.held", Unit: "{lease}", Kind: UpDownCounter,
		Description: "Leases that this process delivers under, one for each shard. One that stands by has none.",
	}
	lanes = Metric{
		Name: "postrider.lanes", Unit: "{lane}", Kind: UpDownCounter, Attributes: []string{"postrider.lane.state"},
		Description: "Endpoints that this process knows, by the state of their lanes. An open breaker is an endpoint that does not answer.",
	}
	inFlight = Metric{
		Name: "postrider.attempts.in_flight", Unit: "{attempt}", Kind: UpDownCounter,
		Description: "Attempts under way.",
	}
	slots = Metric{
		Name: "postrider.slots", Unit: "{attempt}", Kind: UpDownCounter,
		Description: "Attempts that may be under way at once.",
	}
	held = Metric{
		Name: "postrider.deliveries.held", Unit: "{delivery}", Kind: UpDownCounter,
		Description: "Deliveries that this process has in memory: queued, under way, or not yet written.",
	}
)

// Metrics returns all metrics that a dispatcher has. Those that are observed, which are
// the gauges and what goes up and down, are there while Run is.
func Metrics() []Metric {
	return []Metric{
		published, publishErrors, publishBatch, created, ended, latency, attempts, duration, settleBatch, refused, leasesLost,
		storeErrors, filterErrors, paused, incidents, lag, skew, storeUp, leases, lanes, inFlight, slots, held,
	}
}
