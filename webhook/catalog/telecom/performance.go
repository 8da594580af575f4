package telecom

import (
	"time"

	"github.com/postrider/postrider/webhook/catalog"
)

func performance(r *catalog.Registry) []error {
	return []error{
		add(r, about{name: "performance.metric", group: "Performance", description: "What was measured over a while."},
			PerformanceMetric{
				Metric:        "sms.delivery_latency",
				Value:         412.5,
				Unit:          "ms",
				Aggregation:   "p95",
				WindowSeconds: 60,
				MeasuredAt:    at,
			}),
		add(r, about{name: "performance.threshold_exceeded", group: "Performance", description: "A measurement is beyond its limit."},
			PerformanceThresholdExceeded{
				Metric:     "sms.delivery_latency",
				Value:      5210,
				Threshold:  3000,
				Direction:  "below",
				Severity:   "warning",
				ExceededAt: at,
			}),
	}
}

// PerformanceMetric is the payload of performance.metric.
type PerformanceMetric struct {
	Metric        string    `json:"metric" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"Name of what is measured."`
	Value         float64   `json:"value" jsonschema_description:"What was measured."`
	Unit          string    `json:"unit" jsonschema:"minLength=1,maxLength=16" jsonschema_description:"Unit of the value."`
	Aggregation   string    `json:"aggregation" jsonschema:"enum=avg,enum=p50,enum=p95,enum=p99,enum=max,enum=sum,enum=count" jsonschema_description:"What the value is of the measurements."`
	WindowSeconds int64     `json:"window_seconds" jsonschema:"minimum=1" jsonschema_description:"Over how long."`
	MeasuredAt    time.Time `json:"measured_at" jsonschema_description:"When the window ended."`
}

// PerformanceThresholdExceeded is the payload of performance.threshold_exceeded.
type PerformanceThresholdExceeded struct {
	Metric     string    `json:"metric" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"Name of what is measured."`
	Value      float64   `json:"value" jsonschema_description:"What was measured."`
	Threshold  float64   `json:"threshold" jsonschema_description:"Limit that it is beyond."`
	Direction  string    `json:"direction" jsonschema:"enum=below,enum=above" jsonschema_description:"On which side it must stay."`
	Severity   string    `json:"severity" jsonschema:"enum=warning,enum=critical" jsonschema_description:"How bad that is."`
	ExceededAt time.Time `json:"exceeded_at" jsonschema_description:"When it was noticed."`
}
