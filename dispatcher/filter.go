package dispatcher

import (
	"context"
	"fmt"
	"strconv"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/webhook"
)

// verdict is what a filter says about an event.
type verdict int

const (
	wanted verdict = iota
	unwanted
	unknown // the filter failed
)

// verdicts are what filters say about one event, by their texts: endpoints that have
// the same filter have it asked once, and what was decoded for one serves all.
type verdicts struct {
	decoded webhook.Decoded
	known   map[string]verdict
	// counted says that they are in the statistics, which an event that is matched again
	// is in once.
	counted bool
}

// filter returns the endpoints that want an event, and those of them whose filter
// could not be asked. The error is that of ctx.
func (d *Dispatcher) filter(ctx context.Context, p *publication, eps []*webhook.Endpoint) (want []*webhook.Endpoint, failed map[*webhook.Endpoint]bool, err error) {
	first := 0
	for first < len(eps) && eps[first].Filter == "" {
		first++
	}
	if first == len(eps) || webhook.Reserved(p.Event.Type) {
		return eps, nil, nil
	}
	if p.verdicts.known == nil {
		p.verdicts.known = make(map[string]verdict)
		p.verdicts.decoded = d.expressions.Decode(&p.Event)
	}
	want = append(make([]*webhook.Endpoint, 0, len(eps)), eps[:first]...)
	for _, ep := range eps[first:] {
		v := wanted
		if ep.Filter != "" {
			if v, err = d.verdict(ctx, p, ep); err != nil {
				return nil, nil, err
			}
		}
		if v == unwanted {
			continue
		}
		if want = append(want, ep); v == unknown {
			if failed == nil {
				failed = make(map[*webhook.Endpoint]bool)
			}
			failed[ep] = true
		}
	}
	if !p.verdicts.counted {
		p.verdicts.counted = true
		d.filtering.add(p.Event.Tenant, eps[first:], p.verdicts.known)
	}
	return want, failed, nil
}

func (d *Dispatcher) verdict(ctx context.Context, p *publication, ep *webhook.Endpoint) (verdict, error) {
	if v, ok := p.verdicts.known[ep.Filter]; ok {
		return v, nil
	}
	v := unwanted
	f, err := d.expressions.Filter(ep.Filter)
	if err == nil {
		var yes bool
		if yes, err = f.Match(ctx, p.verdicts.decoded); yes {
			v = wanted
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return 0, fmt.Errorf("publish: %w", ctx.Err())
		}
		d.telemetry.FilterFailed()
		d.log.Info("a filter failed", zap.String("event", p.Event.ID), zap.String("endpoint", ep.ID), zap.Error(err))
		v = unknown
	}
	p.verdicts.known[ep.Filter] = v
	return v, nil
}

// reportUnfiltered tells of the deliveries that failed as they were written.
func (d *Dispatcher) reportUnfiltered(p *publication) {
	for _, f := range p.unfiltered {
		if f.endpoint.DeadLetter.Quiet {
			continue
		}
		s := webhook.Snapshot{DeliveryID: f.delivery, EventID: p.Event.ID, EventType: p.Event.Type, FailedFor: webhook.ReasonFilterError}
		d.Report(webhook.Operational{
			Type: webhook.TypeDeliveryFailed, Tenant: p.Event.Tenant, At: clock.Now(),
			Cause: f.delivery + "/" + strconv.Itoa(1), Snapshot: s.Of(f.endpoint),
		})
	}
}

// unfiltered is a delivery whose filter failed.
type unfiltered struct {
	delivery string
	endpoint *webhook.Endpoint
}
