package httpapi_test

import (
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names returns a field of all entries of a list, page by page. What is made in the same
// millisecond has no order, so they are sorted.
func (w *world) names(path, field string) (all []string) {
	w.t.Helper()
	u, err := url.Parse(path)
	if err != nil {
		w.t.Fatal(err)
	}
	query := u.Query()
	query.Set("limit", "2")
	for {
		u.RawQuery = query.Encode()
		page := w.call(asAdmin, "GET", u.String(), "").is(200)
		for _, one := range page.get("data").([]any) {
			all = append(all, one.(map[string]any)[field].(string))
		}
		next := page.text("next")
		if next == "" {
			slices.Sort(all)
			return all
		}
		query.Set("cursor", next)
	}
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

// TestHistory looks for events and deliveries by everything that the API narrows them by.
func TestHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	invoices := w.create(`{"url":"https://acme.example/invoices","event_types":["invoice.*"]}`)
	all := w.create(`{"url":"https://acme.example/all"}`)
	a, _ := w.publish(`{"type":"invoice.paid","data":1,"subject":"jane","source":"billing"}`)
	b, _ := w.publish(`{"type":"invoice.paid.late","data":1,"subject":"joe"}`)
	c, toAll := w.publish(`{"type":"user.left","data":1,"subject":"jane","source":"shop"}`)
	w.call(asAdmin, "POST", "/webhooks/deliveries/"+toAll+"/cancel", "").is(202)
	w.call(asAdmin, "PUT", "/webhooks/"+all, `{"url":"https://acme.example/all","event_types":[]}`).is(200)
	d, _ := w.publish(`{"type":"user.joined","data":1,"source":"shop"}`)
	for query, want := range map[string][]string{
		"":                          {d, c, b, a},
		"type=invoice.paid":         {a},
		"type=invoice.*":            {b, a},
		"type=*":                    {d, c, b, a},
		"type=invoice.*&q=invoice":  {b, a},
		"type=invoice.paid&q=user":  nil,
		"subject=jane":              {c, a},
		"source=shop":               {d, c},
		"subject=jane&source=shop":  {c},
		"status=pending":            {b, a},
		"status=canceled":           {c},
		"status=unmatched":          {d},
		"status=delivered":          nil,
		"q=" + b:                    {b},
		"q=" + b + "&source=shop":   nil,
		"q=inv":                     {b, a},
		"q=user.l":                  {c},
		"q=%25":                     nil,
		"from=2020-01-01T00:00:00Z": {d, c, b, a},
		"to=2020-01-01T00:00:00Z":   nil,
	} {
		if diff := cmp.Diff(sorted(want), w.names("/events?"+query, "id")); diff != "" {
			t.Errorf("GET /events?%s (-want +got):\n%s", query, diff)
		}
	}
	for path, want := range map[string][]string{
		"/webhooks/" + invoices + "/events":                        {b, a},
		"/webhooks/" + all + "/events":                             {c, b, a},
		"/webhooks/" + all + "/events?type=user.*":                 {c},
		"/webhooks/" + all + "/events?subject=jane&source=billing": {a},
	} {
		if diff := cmp.Diff(sorted(want), w.names(path, "id")); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", path, diff)
		}
	}
	for path, want := range map[string][]string{
		"/webhooks/" + all + "/deliveries?event_type=invoice.*":        {b, a},
		"/webhooks/" + all + "/deliveries?event_type=user.left":        {c},
		"/webhooks/" + all + "/deliveries?q=user":                      {c},
		"/webhooks/" + all + "/deliveries?q=" + toAll:                  {c},
		"/webhooks/" + invoices + "/deliveries?q=" + toAll:             nil,
		"/webhooks/" + all + "/deliveries?q=" + b:                      {b},
		"/webhooks/" + all + "/deliveries?event_id=" + a + "&q=" + b:   nil,
		"/webhooks/" + all + "/deliveries?status=canceled&q=user":      {c},
		"/webhooks/" + all + "/deliveries?status=pending&q=user":       nil,
		"/webhooks/deliveries?q=user&webhook_id=" + all:                {c},
		"/webhooks/deliveries?event_type=invoice.paid.late&status=":    {b, b},
		"/webhooks/deliveries?q=dlv_01JB2Z9F7M8Q4V6T3W5X7Y9Z0A":        nil,
		"/webhooks/deliveries?webhook_id=" + invoices + "&q=invoice.p": {b, a},
	} {
		if diff := cmp.Diff(sorted(want), w.names(path, "event_id")); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", path, diff)
		}
	}
}

func TestStatusOfEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(`{"url":"https://acme.example/a"}`)
	id := w.create(`{"url":"https://acme.example/b"}`)
	event, delivery := w.publish(`{"type":"invoice.paid","data":1}`)
	w.call(asAdmin, "POST", "/webhooks/deliveries/"+delivery+"/cancel", "").is(202)
	for _, got := range []map[string]any{
		w.call(asAdmin, "GET", "/events/"+event, "").is(200).object(),
		w.call(asAdmin, "GET", "/events", "").is(200).get("data").([]any)[0].(map[string]any),
		w.call(asAdmin, "GET", "/webhooks/"+id+"/events", "").is(200).get("data").([]any)[0].(map[string]any),
	} {
		want := map[string]any{"pending": 1.0, "delivered": 0.0, "failed": 0.0, "canceled": 1.0, "skipped": 0.0}
		if diff := cmp.Diff(want, got["counts"]); diff != "" || got["status"] != "pending" {
			t.Errorf("an event with one pending and one canceled delivery is %v (-want +got):\n%s", got["status"], diff)
		}
	}
	one := w.call(asAdmin, "GET", "/webhooks/"+id+"/events", "").is(200).get("data").([]any)[0].(map[string]any)
	if one["delivery_id"] == "" || one["delivery_status"] != "pending" && one["delivery_status"] != "canceled" {
		t.Errorf("an event of a webhook = %v; want its delivery there", one)
	}
}

func TestHistoryRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create(`{"url":"https://acme.example/a"}`)
	for path, code := range map[string]string{
		"/events?type=no%20type": "event_type_invalid",
		"/events?type=a*":        "event_type_invalid",
		"/events?status=lost":    "invalid_field",
		"/events?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z": "invalid_field",
		"/events?subject=%00":                           "invalid_field",
		"/webhooks/" + id + "/events?type=a..b":         "event_type_invalid",
		"/webhooks/" + id + "/deliveries?event_type=.":  "event_type_invalid",
		"/webhooks/deliveries?event_type=" + "a%2F%2Fb": "event_type_invalid",
		"/webhooks/deliveries?limit=0":                  "invalid_field",
	} {
		w.call(asAdmin, "GET", path, "").problem(422, code)
	}
	w.call(asAdmin, "GET", "/events?cursor=x", "").problem(400, "invalid_cursor")
}
