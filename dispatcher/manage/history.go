package manage

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// EventQuery says which events of the history are meant. The zero value means all.
type EventQuery struct {
	// Type is an event type, or one with ".*" for all below it.
	Type string
	// Subject and Source are as of webhook.Event.
	Subject, Source string
	// Status is what became of an event.
	Status webhook.EventStatus
	// From and To bound the time of publication: From inclusive, To exclusive.
	From, To time.Time
	// Text is the id of an event, or what event types begin with.
	Text string
}

// HistoricEvent is an event without its payload, and what became of it.
type HistoricEvent struct {
	webhook.Event
	// Outcomes counts its deliveries.
	Outcomes webhook.Outcomes
	// Delivery is the one at the endpoint whose events are listed, or nil.
	Delivery *webhook.Delivery
}

// FindEvents returns a page of a tenant's events, newest first. A page costs little
// whatever is looked for, and so may be short, or empty, although its Next says that there
// are more: where no index leads to what is looked for, at most store.MaxExamined events are
// looked at, and for a status maxJudged. Errors are *webhook.InvalidError with the fields
// type, status, to and after, and the store's.
func (m *Manager) FindEvents(ctx context.Context, tenant string, q EventQuery, page store.Page) (store.Found[HistoricEvent], error) {
	filter, err := q.filter(page)
	if err != nil || filter == nil || !validTenant(tenant) {
		return store.Found[HistoricEvent]{}, err
	}
	if id := strings.TrimSpace(q.Text); webhook.PrefixEvent.ValidID(id) {
		return m.findEvent(ctx, tenant, id, q.Status, *filter, page)
	}
	if q.Status == "" {
		return m.historicPage(ctx, tenant, *filter, page)
	}
	var found store.Found[HistoricEvent]
	for judged := 0; ; {
		part, err := m.historicPage(ctx, tenant, *filter, store.Page{After: page.After, Limit: judgedPage})
		if err != nil {
			return found, err
		}
		for i := range part.Items {
			ev := &part.Items[i]
			if ev.Outcomes.Status() != q.Status {
				continue
			}
			if len(found.Items) == page.Size() {
				found.Next = found.Items[len(found.Items)-1].ID
				return found, nil
			}
			found.Items = append(found.Items, *ev)
		}
		judged += len(part.Items)
		found.Next, page.After = part.Next, part.Next
		if found.Next == "" || judged >= maxJudged || len(part.Items) < judgedPage {
			return found, nil
		}
	}
}

// maxJudged is how many events are looked at for a page of those with a status, and
// judgedPage how many together: each of these is two queries of the store.
const (
	maxJudged  = 1000
	judgedPage = 200
)

// historicPage returns a page of events with what became of them.
func (m *Manager) historicPage(ctx context.Context, tenant string, filter store.EventFilter, page store.Page) (found store.Found[HistoricEvent], err error) {
	events, err := m.store.FindEvents(ctx, tenant, filter, page)
	if err != nil {
		return found, err
	}
	found.Next = events.Next
	found.Items, err = m.withOutcomes(ctx, tenant, events.Items)
	return found, err
}

// withOutcomes adds to events what became of them, by one query.
func (m *Manager) withOutcomes(ctx context.Context, tenant string, events []webhook.Event) ([]HistoricEvent, error) {
	if len(events) == 0 {
		return nil, nil
	}
	ids := make([]string, len(events))
	for i := range events {
		ids[i] = events[i].ID
	}
	outcomes, err := m.store.Outcomes(ctx, tenant, ids)
	if err != nil {
		return nil, err
	}
	list := make([]HistoricEvent, len(events))
	for i := range events {
		list[i] = HistoricEvent{Event: events[i], Outcomes: outcomes[events[i].ID]}
	}
	return list, nil
}

// Outcomes counts the deliveries of an event. An event that the tenant does not have has
// none, which is not an error.
func (m *Manager) Outcomes(ctx context.Context, tenant, event string) (webhook.Outcomes, error) {
	if known(webhook.PrefixEvent, tenant, event) != nil {
		return webhook.Outcomes{}, nil
	}
	counts, err := m.store.Outcomes(ctx, tenant, []string{event})
	return counts[event], err
}

// findEvent returns an event that is named, if it passes.
func (m *Manager) findEvent(ctx context.Context, tenant, id string, status webhook.EventStatus, filter store.EventFilter, page store.Page) (found store.Found[HistoricEvent], err error) {
	events, err := m.store.EventsWithoutData(ctx, tenant, []string{id})
	if err != nil {
		return found, err
	}
	from, below := filter.IDs(page)
	events = slices.DeleteFunc(events, func(ev webhook.Event) bool { return !filter.Passes(&ev) || ev.ID < from || ev.ID >= below })
	found.Items, err = m.withOutcomes(ctx, tenant, events)
	found.Items = slices.DeleteFunc(found.Items, func(ev HistoricEvent) bool { return status != "" && ev.Outcomes.Status() != status })
	return found, err
}

// filter returns what the store is asked for, or nil if nothing can pass.
func (q EventQuery) filter(page store.Page) (*store.EventFilter, error) {
	var inv webhook.InvalidError
	checkType(&inv, "type", q.Type)
	if q.Status != "" && !q.Status.Valid() {
		inv.Add("status", webhook.CodeInvalidField, "Must be unmatched, pending, delivered, partial, failed, canceled or skipped.")
	}
	checkList(&inv, webhook.PrefixEvent, q.From, q.To, page)
	if err := inv.Err(); err != nil {
		return nil, err
	}
	f := store.EventFilter{Subject: q.Subject, Source: q.Source, From: q.From, To: q.To}
	text := strings.TrimSpace(q.Text)
	if webhook.PrefixEvent.ValidID(text) {
		text = ""
	}
	var ok bool
	if f.Type, f.TypePrefix, ok = typeFilter(q.Type, text); !ok || !isText(q.Subject) || !isText(q.Source) {
		return nil, nil
	}
	return &f, nil
}

func checkType(inv *webhook.InvalidError, field, pattern string) {
	if pattern != "" && !webhook.ValidPattern(pattern) {
		inv.Add(field, webhook.CodeEventTypeInvalid, "Must be an event type, or one with .* for all below it.")
	}
}

// typeFilter returns the type and what it begins with that a pattern and the beginning
// of a type ask for. It reports false if no type has both.
func typeFilter(pattern, beginning string) (exact, prefix string, ok bool) {
	if !isText(beginning) {
		return "", "", false
	}
	pattern, below := strings.CutSuffix(pattern, "*")
	if !below {
		return pattern, beginning, pattern == "" || strings.HasPrefix(pattern, beginning)
	}
	if strings.HasPrefix(beginning, pattern) {
		return "", beginning, true
	}
	return "", pattern, strings.HasPrefix(pattern, beginning)
}

// isText reports whether a text may be looked for in a database. A database may refuse
// others with an error that nobody can act on.
func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// EndpointEvents returns a page of the events that matched an endpoint, newest first,
// each with its delivery there. After of the next page is the id of a delivery; of the
// query Status and Text do not count. Errors are store.ErrNotFound, and those of
// FindDeliveries.
func (m *Manager) EndpointEvents(ctx context.Context, tenant, endpoint string, q EventQuery, page store.Page) (found store.Found[HistoricEvent], err error) {
	if _, err := m.Endpoint(ctx, tenant, endpoint); err != nil {
		return found, err
	}
	var inv webhook.InvalidError
	checkType(&inv, "type", q.Type)
	if err := inv.Err(); err != nil {
		return found, err
	}
	deliveries, err := m.FindDeliveries(ctx, tenant, DeliveryQuery{
		DeliveryFilter: store.DeliveryFilter{Endpoint: endpoint, EventType: q.Type, From: q.From, To: q.To},
	}, page)
	if err != nil || len(deliveries.Items) == 0 {
		return store.Found[HistoricEvent]{Next: deliveries.Next}, err
	}
	ids := make([]string, len(deliveries.Items))
	for i := range deliveries.Items {
		ids[i] = deliveries.Items[i].EventID
	}
	events, err := m.store.EventsWithoutData(ctx, tenant, ids)
	if err != nil {
		return found, err
	}
	list, err := m.withOutcomes(ctx, tenant, events)
	if err != nil {
		return found, err
	}
	byID := make(map[string]HistoricEvent, len(list))
	for _, ev := range list {
		byID[ev.ID] = ev
	}
	found.Next = deliveries.Next
	for i := range deliveries.Items {
		d := &deliveries.Items[i]
		ev, ok := byID[d.EventID]
		if ok && (q.Subject == "" || ev.Subject == q.Subject) && (q.Source == "" || ev.Source == q.Source) {
			ev.Delivery = d
			found.Items = append(found.Items, ev)
		}
	}
	return found, nil
}

// DeliveryQuery says which deliveries are meant. The zero value means all.
type DeliveryQuery struct {
	// DeliveryFilter is what the store is asked for. Its EventType may also be a type
	// with ".*" for all below it.
	store.DeliveryFilter
	// Text is the id of a delivery or of an event, or what event types begin with.
	Text string
}

// FindDeliveries is Deliveries by more that people look for. Like FindEvents it looks at
// at most store.MaxExamined deliveries for a page where no index leads to what is looked
// for. Errors are *webhook.InvalidError with the fields event_type, status, to and after, and
// the store's.
func (m *Manager) FindDeliveries(ctx context.Context, tenant string, q DeliveryQuery, page store.Page) (found store.Found[webhook.Delivery], err error) {
	f, ok, err := q.filter(tenant, page)
	switch {
	case err != nil || !ok:
		return found, err
	case f.id == "":
		return m.store.FindDeliveries(ctx, tenant, f.DeliveryFilter, page)
	}
	d, err := m.Delivery(ctx, tenant, f.id)
	if errors.Is(err, store.ErrNotFound) {
		return found, nil
	}
	if err == nil && f.Passes(&d) && (page.After == "" || d.ID < page.After) {
		found.Items = append(found.Items, d)
	}
	return found, err
}

// deliveryFilter is what is asked for in the store's terms, and the id of the only delivery
// that is meant, or "".
type deliveryFilter struct {
	store.DeliveryFilter
	id string
}

func (f *deliveryFilter) passes(d *webhook.Delivery) bool {
	return f.Passes(d) && (f.id == "" || f.id == d.ID)
}

// filter returns what the store is asked for. It reports false if the tenant can have
// nothing that passes.
func (q DeliveryQuery) filter(tenant string, page store.Page) (f deliveryFilter, ok bool, err error) {
	f.DeliveryFilter = q.DeliveryFilter
	text := strings.TrimSpace(q.Text)
	var inv webhook.InvalidError
	checkType(&inv, "event_type", f.EventType)
	inv.Fields = append(inv.Fields, fieldsOf(checkFilter(f.DeliveryFilter, page))...)
	if err := inv.Err(); err != nil {
		return f, false, err
	}
	switch {
	case webhook.PrefixDelivery.ValidID(text):
		f.id, text = text, ""
	case webhook.PrefixEvent.ValidID(text):
		if cmp.Or(f.Event, text) != text {
			return f, false, nil
		}
		f.Event, text = text, ""
	}
	f.EventType, f.TypePrefix, ok = typeFilter(f.EventType, text)
	return f, ok && canFind(tenant, f.DeliveryFilter), nil
}
