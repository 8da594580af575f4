package main

import "encoding/json"

// row is a line of the dashboard, with panels beside each other.
type row struct {
	title  string
	panels []panel
}

// panel shows what queries of Prometheus (PromQL) give over time. Its unit is one of
// Grafana's.
type panel struct {
	title, about, unit string
	queries            []query
}

// query is an expression, and how each of its time series is called.
type query struct{ expr, legend string }

// rows are the dashboard. What adds up over processes is summed, and what they all say
// about the store is not.
var rows = []row{
	{"Is it well?", []panel{
		{"Lag", "How long the delivery has been due that has waited longest for any process.", "s", []query{{`max(postrider_queue_lag_seconds)`, "lag"}}},
		{"Store", "1 while the store answers.", "short", []query{{`min by (instance) (postrider_store_up)`, "{{instance}}"}}},
		{"Failing attempts", "Share of attempts that fail, of all endpoints.", "percentunit", []query{{
			`sum(rate(postrider_attempts_total{postrider_outcome!="delivered"}[$__rate_interval])) / sum(rate(postrider_attempts_total[$__rate_interval]))`, "failing",
		}}},
		{"Time to delivery", "From Publish to delivered, retries included.", "s", []query{
			{`histogram_quantile(0.5, sum by (le) (rate(postrider_delivery_latency_seconds_bucket[$__rate_interval])))`, "p50"},
			{`histogram_quantile(0.99, sum by (le) (rate(postrider_delivery_latency_seconds_bucket[$__rate_interval])))`, "p99"},
		}},
	}},
	{"What is published", []panel{
		{"Events and deliveries", "Stored in a second.", "ops", []query{
			{`sum(rate(postrider_events_published_total[$__rate_interval]))`, "events"},
			{`sum(rate(postrider_deliveries_created_total[$__rate_interval]))`, "deliveries"},
		}},
		{"Refused events", "Events that were not published, by why.", "ops", []query{{`sum by (error_type) (rate(postrider_publish_errors_total[$__rate_interval]))`, "{{error_type}}"}}},
		{"Failing filters", "Filters of endpoints that failed.", "ops", []query{{`sum(rate(postrider_filter_errors_total[$__rate_interval]))`, "filters"}}},
	}},
	{"What is sent", []panel{
		{"Attempts", "By what becomes of the delivery.", "ops", []query{{`sum by (postrider_outcome) (rate(postrider_attempts_total[$__rate_interval]))`, "{{postrider_outcome}}"}}},
		{"Errors", "Attempts that failed, by class.", "ops", []query{{`sum by (error_type) (rate(postrider_attempts_total{error_type!=""}[$__rate_interval]))`, "{{error_type}}"}}},
		{"Duration of attempts", "All of an attempt.", "s", []query{
			{`histogram_quantile(0.5, sum by (le) (rate(postrider_attempt_duration_seconds_bucket[$__rate_interval])))`, "p50"},
			{`histogram_quantile(0.99, sum by (le) (rate(postrider_attempt_duration_seconds_bucket[$__rate_interval])))`, "p99"},
		}},
		{"Ends of deliveries", "What failed is in the dead letters.", "ops", []query{{`sum by (postrider_status) (rate(postrider_deliveries_ended_total[$__rate_interval]))`, "{{postrider_status}}"}}},
	}},
	{"Receivers", []panel{
		{"Endpoints that are shut", "Endpoints by the state of their lanes; open is a breaker.", "short", []query{
			{`max by (postrider_lane_state) (postrider_lanes{postrider_lane_state!="closed"})`, "{{postrider_lane_state}}"},
		}},
		{"Automatic pauses", "Endpoints that were paused in an hour.", "short", []query{{`sum by (postrider_cause) (increase(postrider_endpoints_paused_total[1h]))`, "{{postrider_cause}}"}}},
		{"Incidents", "What looks like an attack, in an hour.", "short", []query{{`sum by (postrider_incident_kind) (increase(postrider_incidents_total[1h]))`, "{{postrider_incident_kind}}"}}},
	}},
	{"Processes", []panel{
		{"Attempts under way", "Of as many as may be.", "short", []query{
			{`sum by (instance) (postrider_attempts_in_flight)`, "{{instance}}"},
			{`sum(postrider_slots)`, "slots of all"},
		}},
		{"Deliveries in memory", "Queued, under way, or not yet written.", "short", []query{{`sum by (instance) (postrider_deliveries_held)`, "{{instance}}"}}},
		{"Batches", "What is written in one transaction, on average.", "short", []query{
			{`sum(rate(postrider_publish_batch_size_sum[$__rate_interval])) / sum(rate(postrider_publish_batch_size_count[$__rate_interval]))`, "events"},
			{`sum(rate(postrider_settle_batch_size_sum[$__rate_interval])) / sum(rate(postrider_settle_batch_size_count[$__rate_interval]))`, "outcomes"},
		}},
		{"Store errors", "By what the store was asked for.", "ops", []query{{`sum by (postrider_operation) (rate(postrider_store_errors_total[$__rate_interval]))`, "{{postrider_operation}}"}}},
		{"Leases", "That are held, and lost in an hour, with the outcomes that were refused.", "short", []query{
			{`sum(postrider_leases_held)`, "held"},
			{`sum(increase(postrider_leases_lost_total[1h]))`, "lost"},
			{`sum(increase(postrider_outcomes_refused_total[1h]))`, "refused outcomes"},
		}},
		{"Clock skew", "How far clocks are ahead of the database's.", "s", []query{{`max by (instance) (postrider_clock_skew_seconds)`, "{{instance}}"}}},
	}},
}

// object is one of Grafana's, which has many more fields than are said here.
type object map[string]any

const (
	gridWidth   = 24 // of Grafana's grid
	panelHeight = 8
)

// dashboardJSON returns the dashboard as Grafana imports it.
func dashboardJSON() []byte {
	var panels []object
	y := 0
	for _, r := range rows {
		panels = append(panels, object{"type": "row", "title": r.title, "gridPos": object{"x": 0, "y": y, "w": gridWidth, "h": 1}})
		y++
		width := gridWidth / min(len(r.panels), 4)
		for i, p := range r.panels {
			perLine := gridWidth / width
			panels = append(panels, p.json(object{"x": i % perLine * width, "y": y + i/perLine*panelHeight, "w": width, "h": panelHeight}))
		}
		y += (len(r.panels) + 3) / 4 * panelHeight
	}
	for i := range panels {
		panels[i]["id"] = i + 1
	}
	b, err := json.MarshalIndent(object{
		"title": "Postrider", "uid": "postrider", "tags": []string{"webhooks"}, "schemaVersion": 39, "editable": true,
		"refresh": "30s", "time": object{"from": "now-6h", "to": "now"},
		"templating": object{"list": []object{{"name": "datasource", "type": "datasource", "query": "prometheus"}}},
		"panels":     panels,
	}, "", "  ")
	if err != nil {
		panic(err) // texts and numbers have no other form
	}
	return append(b, '\n')
}

func (p *panel) json(at object) object {
	var targets []object
	for i, q := range p.queries {
		targets = append(targets, object{"refId": string(rune('A' + i)), "expr": q.expr, "legendFormat": q.legend})
	}
	return object{
		"type": "timeseries", "title": p.title, "description": p.about, "gridPos": at, "targets": targets,
		"datasource":  object{"type": "prometheus", "uid": "${datasource}"},
		"fieldConfig": object{"defaults": object{"unit": p.unit}, "overrides": []object{}},
	}
}
