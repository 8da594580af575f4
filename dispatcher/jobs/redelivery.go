package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Redelivery says which deliveries of a tenant are to be sent again: those of a
// list, or those that a filter leaves.
type Redelivery struct {
	Deliveries []string `json:"deliveries,omitempty"`

	Endpoint string                 `json:"endpoint,omitempty"`
	Status   webhook.DeliveryStatus `json:"status,omitempty"`
	// EventTypes are patterns; none is all types.
	EventTypes []string  `json:"event_types,omitempty"`
	From       time.Time `json:"from,omitzero"`
	To         time.Time `json:"to,omitzero"`
}

// Filter returns what a list of deliveries can be asked for; EventTypes are left.
func (r *Redelivery) Filter() store.DeliveryFilter {
	return store.DeliveryFilter{Endpoint: r.Endpoint, Status: r.Status, From: r.From, To: r.To}
}

// Wants reports whether a delivery that the filter has let through is one of them.
func (r *Redelivery) Wants(d *webhook.Delivery) bool {
	return len(r.EventTypes) == 0 || webhook.MatchAny(r.EventTypes, d.EventType)
}

// Spec returns the redelivery as a job keeps it.
func (r *Redelivery) Spec() ([]byte, error) { return json.Marshal(r) }

// scanPage is how many deliveries are looked at in one read.
const scanPage = 200

// redelivery is a job of that kind in the hands of this process.
type redelivery struct {
	spec Redelivery
	// seen are deliveries that were read and not dealt with, oldest first, and
	// all says that there are no more behind them.
	seen []webhook.Delivery
	all  bool
}

func newRedelivery(spec []byte) (*redelivery, error) {
	w := new(redelivery)
	return w, json.Unmarshal(spec, &w.spec)
}

// step implements task.
func (w *redelivery) step(ctx context.Context, r *Runner, j *store.Job) (store.JobStep, error) {
	s := store.JobStep{Tenant: j.Tenant, ID: j.ID, Was: j.Cursor, Cursor: j.Cursor}
	var err error
	if w.spec.Deliveries != nil {
		err = w.selected(&s, r.Budget.most)
	} else {
		err = w.filtered(ctx, r, &s)
	}
	if err == nil && len(s.Redeliver) > 0 {
		err = r.Budget.take(ctx, len(s.Redeliver))
	}
	return s, err
}

// selected takes the next ones of a list. The cursor is how many it has taken.
func (w *redelivery) selected(s *store.JobStep, most int) error {
	from := 0
	if s.Was != "" {
		var err error
		if from, err = strconv.Atoi(s.Was); err != nil || from < 0 || from > len(w.spec.Deliveries) {
			return fmt.Errorf("cursor %q of a list of %d", s.Was, len(w.spec.Deliveries))
		}
	}
	to := min(from+most, len(w.spec.Deliveries))
	s.Redeliver, s.Cursor, s.End = w.spec.Deliveries[from:to], strconv.Itoa(to), to == len(w.spec.Deliveries)
	return nil
}

// filtered takes the next ones that the filter leaves. The cursor is the last
// delivery that was looked at.
func (w *redelivery) filtered(ctx context.Context, r *Runner, s *store.JobStep) error {
	s.Status = w.spec.Status
	if len(w.seen) == 0 && !w.all {
		page, err := r.Store.ListDeliveries(ctx, s.Tenant, w.spec.Filter(), store.Page{After: s.Was, Limit: scanPage, Oldest: true})
		if err != nil {
			return err
		}
		w.seen, w.all = page, len(page) < scanPage
	}
	for len(w.seen) > 0 && len(s.Redeliver) < r.Budget.most {
		d := &w.seen[0]
		if w.spec.Wants(d) {
			s.Redeliver = append(s.Redeliver, d.ID)
		}
		s.Cursor = d.ID
		w.seen = w.seen[1:]
	}
	s.End = w.all && len(w.seen) == 0
	return nil
}
