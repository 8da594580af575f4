package dispatcher

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// incidentsEvery is how often a process adds what it has counted to the store, at
	// most: a thousand blocked attempts a second are one write.
	incidentsEvery = time.Second
	// maxIncidentKeys bounds the incidents that a process counts at a time, some
	// 200 bytes each. More of a kind count for their tenant.
	maxIncidentKeys = 4096
	// maxIncidentWait bounds the pause after writes that failed.
	maxIncidentWait = time.Minute
)

// Incident counts something that looks like an attack for an incident of a tenant
// (see webhook.IncidentKind); the library does so itself for all that it sees. It
// does not wait: it is counted in the store, with what else comes within a second,
// and Config.OnIncident is told when it is the one that reaches the threshold. Run
// writes what is left before it returns. A process that only publishes or manages has no
// such end: what it counted in its last second, as what any has not written when it
// dies, is lost.
//
// A host reports what only it sees: callers that could not be authenticated, or
// signatures that its receivers found wrong. subject says what it is about, such as
// an address, in at most 128 bytes. The error is that of webhook.CheckIncident.
func (d *Dispatcher) Incident(tenant string, kind webhook.IncidentKind, subject string) error {
	if err := webhook.CheckIncident(tenant, kind, subject); err != nil {
		return err
	}
	d.incident(tenant, kind, subject)
	return nil
}

// incident is Incident for what is known to be valid.
func (d *Dispatcher) incident(tenant string, kind webhook.IncidentKind, subject string) {
	d.incidents.add(incidentKey{tenant, kind, subject}, incidentTally{count: 1})
}

// incidentRule returns the rule of a kind.
func (c *Config) incidentRule(kind webhook.IncidentKind) webhook.IncidentRule {
	if r, ok := c.IncidentRules[kind]; ok {
		return r
	}
	r, _ := kind.Rule()
	return r
}

type incidentKey struct {
	tenant  string
	kind    webhook.IncidentKind
	subject string
}

// incidentTally is how often something has happened that the store may not have.
type incidentTally struct {
	count int64
	// doubt is how much of it was in a commit whose outcome is not known.
	doubt int64
}

// incidents counts incidents in memory and adds them to the store in batches.
type incidents struct {
	d     *Dispatcher
	hooks *hooks

	mu      sync.Mutex
	idle    *sync.Cond // no flush is under way
	waiting map[incidentKey]incidentTally
	// flushing says that a flush is under way, and timer is that of the next one.
	flushing bool
	timer    *time.Timer
	last     time.Time
	failures int
}

func newIncidents(d *Dispatcher) *incidents {
	in := &incidents{d: d, hooks: newHooks("OnIncident", d.log), waiting: make(map[incidentKey]incidentTally)}
	in.idle = sync.NewCond(&in.mu)
	return in
}

// add counts, and makes sure that it is written.
func (in *incidents) add(key incidentKey, t incidentTally) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.put(key, t)
	in.schedule()
}

func (in *incidents) put(key incidentKey, t incidentTally) {
	if _, known := in.waiting[key]; !known && len(in.waiting) >= maxIncidentKeys {
		key.subject = ""
		if _, known = in.waiting[key]; !known && len(in.waiting) >= 2*maxIncidentKeys {
			in.d.log.Warn("too many incidents; one is dropped", zap.String("kind", string(key.kind)))
			return
		}
	}
	was := in.waiting[key]
	in.waiting[key] = incidentTally{was.count + t.count, was.doubt + t.doubt}
}

// schedule starts a flush, now or when the last one is long enough ago.
func (in *incidents) schedule() {
	if in.flushing || in.timer != nil || len(in.waiting) == 0 {
		return
	}
	pause := min(incidentsEvery<<min(in.failures, 6), maxIncidentWait)
	if wait := pause - clock.Now().Sub(in.last); wait > 0 {
		in.timer = time.AfterFunc(min(wait, pause), func() {
			in.mu.Lock()
			defer in.mu.Unlock()
			in.timer = nil
			in.start()
		})
		return
	}
	in.start()
}

// start starts a flush unless one is under way.
func (in *incidents) start() {
	if !in.flushing && len(in.waiting) > 0 {
		in.flushing = true
		go in.flush(in.take())
	}
}

func (in *incidents) take() map[incidentKey]incidentTally {
	taken := in.waiting
	in.waiting = make(map[incidentKey]incidentTally)
	return taken
}

// flush writes what was counted, tells of what has reached its threshold, and keeps
// what could not be written for the next time.
func (in *incidents) flush(counts map[incidentKey]incidentTally) {
	left := in.write(counts)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.last, in.flushing = clock.Now(), false
	if in.failures++; len(left) == 0 {
		in.failures = 0
	}
	for key, t := range left {
		in.put(key, t)
	}
	in.idle.Broadcast()
	// Where nothing is delivered nobody waits for this, and the store may be closed by
	// now: what it did not take goes with the next incident.
	if in.failures == 0 || in.d.running.Load() {
		in.schedule()
	}
}

// write adds counts to the stores of their tenants, each on its own so that one that
// is down holds up none of the others, and returns what is not written.
func (in *incidents) write(counts map[incidentKey]incidentTally) map[incidentKey]incidentTally {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	left := make(map[incidentKey]incidentTally)
	of := make(map[*shard]map[incidentKey]incidentTally)
	for key, t := range counts {
		s, err := in.d.shardOf(ctx, key.tenant)
		if err != nil {
			left[key] = t
			continue
		}
		if of[s] == nil {
			of[s] = make(map[incidentKey]incidentTally)
		}
		of[s][key] = t
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for s, counts := range of {
		all.Go(func() {
			if err := in.writeTo(ctx, s, counts); err != nil {
				in.log(s, "count incidents; repeating", zap.Int("incidents", len(counts)), zap.Error(err))
				mu.Lock()
				defer mu.Unlock()
				maps.Copy(left, counts)
			}
		})
	}
	all.Wait()
	return left
}

// writeTo adds counts to a shard. If the outcome is not known it notes in counts that
// they are in doubt.
func (in *incidents) writeTo(ctx context.Context, s *shard, counts map[incidentKey]incidentTally) error {
	var list []store.IncidentCount
	var tallies []incidentTally
	for key, t := range counts {
		id, err := incidentID(*s.hashKey.Load(), key)
		if err != nil {
			return err
		}
		list = append(list, store.IncidentCount{
			ID: id, Tenant: key.tenant, Kind: key.kind, Subject: key.subject, Count: t.count, Rule: in.d.cfg.incidentRule(key.kind),
		})
		tallies = append(tallies, t)
	}
	found, err := s.store.CountIncidents(ctx, clock.Now(), list)
	if err != nil {
		if errors.Is(err, store.ErrUnknown) {
			for key, t := range counts {
				counts[key] = incidentTally{t.count, t.count}
			}
		}
		return err
	}
	for i, inc := range found {
		// What was in doubt may have reached it without anybody's being told.
		if before := inc.Count - tallies[i].count - tallies[i].doubt; before < inc.Threshold && inc.Count >= inc.Threshold {
			in.tell(s, inc)
		}
	}
	return nil
}

// incidentID returns an id for an incident that begins now. It is made of what the
// incident is about, under a key that nobody outside knows: entropy that is drawn at a
// moment of the clock would make a test with a seed another one each time.
func incidentID(secret []byte, key incidentKey) (string, error) {
	now := clock.Now()
	h := hmac.New(sha256.New, secret)
	hashParts(h, []byte("incident"), []byte(key.tenant), []byte(key.kind), []byte(key.subject), []byte(now.UTC().Format(time.RFC3339Nano)))
	return webhook.NewIDFrom(webhook.PrefixIncident, now, bytes.NewReader(h.Sum(nil)))
}

// tell tells of an incident that has reached its threshold.
func (in *incidents) tell(s *shard, inc webhook.Incident) {
	in.d.telemetry.Incident(inc.Kind)
	in.log(s, "incident", zap.String("kind", string(inc.Kind)), zap.String("incident", inc.ID), zap.Int64("count", inc.Count))
	hook := in.d.cfg.OnIncident
	if hook != nil && !in.hooks.add(func(ctx context.Context) { hook(ctx, inc) }) {
		in.log(s, "too many incidents; the hook is not told of one", zap.String("incident", inc.ID))
	}
}

// log logs while the dispatcher runs. It is called on a goroutine that else nobody
// waits for, and that a host's logger may not outlive.
func (in *incidents) log(s *shard, message string, fields ...zap.Field) {
	if in.d.running.Load() {
		s.log.Warn(message, fields...)
	}
}

// drain writes what is left, if the store takes it now, and waits for the hook.
func (in *incidents) drain() {
	in.mu.Lock()
	for in.flushing {
		in.idle.Wait()
	}
	if in.timer != nil {
		in.timer.Stop()
		in.timer = nil
	}
	in.start()
	for in.flushing {
		in.idle.Wait()
	}
	in.mu.Unlock()
	in.hooks.calls.Wait()
}
