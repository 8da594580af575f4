package httpapi

import (
	"context"
	"encoding/base64"
	"time"
	"unicode/utf8"

	"github.com/postrider/postrider/dispatcher/deliverylog"
	"github.com/postrider/postrider/webhook"
)

// deliveryJSON is a single delivery.
type deliveryJSON struct {
	deliverylog.Row

	Why      string        `json:"why,omitempty" doc:"Why it is as it is, in one sentence; of a single delivery only."`
	Attempts []attemptJSON `json:"attempts,omitzero" required:"false" doc:"Oldest first; of a single delivery only."`
}

func deliveryToJSON(d *webhook.Delivery) deliveryJSON { return deliveryJSON{Row: deliverylog.RowOf(d)} }

// attemptJSON is an attempt as it is in the log.
type attemptJSON struct {
	ID              string            `json:"id"`
	N               int               `json:"n" doc:"Counts the attempts of the delivery from 1."`
	At              time.Time         `json:"at"`
	BatchID         string            `json:"batch_id"`
	ErrorClass      string            `json:"error_class" doc:"Empty for success."`
	Message         string            `json:"message"`
	StatusCode      int               `json:"status_code" doc:"0 if there was no answer."`
	RequestHeaders  map[string]string `json:"request_headers" doc:"Credentials are redacted."`
	ResponseHeaders map[string]string `json:"response_headers"`
	ResponseBody    string            `json:"response_body" doc:"In base64 if it is not UTF-8, which the encoding says."`
	BodyEncoding    string            `json:"response_body_encoding" enum:"utf-8,base64"`
	Truncated       bool              `json:"truncated"`
	RemoteAddress   string            `json:"remote_address"`
	Timings         timingsJSON       `json:"timings_ms"`
	NextAt          *time.Time        `json:"next_at" nullable:"true"`
}

type timingsJSON struct {
	DNS       float64 `json:"dns"`
	Connect   float64 `json:"connect"`
	TLS       float64 `json:"tls"`
	FirstByte float64 `json:"first_byte"`
	Total     float64 `json:"total"`
}

func attemptToJSON(t *webhook.Attempt) attemptJSON {
	out := attemptJSON{
		ID: t.ID, N: t.N, At: t.At.UTC(), BatchID: t.BatchID, ErrorClass: string(t.Class), Message: t.Class.Message(), StatusCode: t.StatusCode,
		RequestHeaders: texts(t.RequestHeaders), ResponseHeaders: texts(t.ResponseHeaders), Truncated: t.Truncated, RemoteAddress: t.RemoteAddr,
		Timings: timingsJSON{
			millis(t.Timings.DNS), millis(t.Timings.Connect), millis(t.Timings.TLS), millis(t.Timings.FirstByte), millis(t.Timings.Total),
		},
		NextAt: moment(t.NextAt),
	}
	out.ResponseBody, out.BodyEncoding = bodyText(t.ResponseBody)
	return out
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// bodyText returns bytes as they go into JSON, and how.
func bodyText(b []byte) (text, encoding string) {
	if utf8.Valid(b) {
		return string(b), "utf-8"
	}
	return base64.StdEncoding.EncodeToString(b), "base64"
}

func (a *api) readDelivery(ctx context.Context, in *byID) (*answer[deliveryJSON], error) {
	d, err := a.m.Delivery(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	attempts, err := a.m.Attempts(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	why, err := a.m.Why(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := deliveryToJSON(&d)
	out.Why, out.Attempts = why, pageJSON(attempts, nil, attemptToJSON).Data
	return uncached(out), nil
}

func (a *api) retryDelivery(ctx context.Context, in *byID) (*answer[deliveryJSON], error) {
	if err := a.m.Redeliver(ctx, tenant(ctx), in.ID); err != nil {
		return nil, err
	}
	d, err := a.m.Delivery(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return uncached(deliveryToJSON(&d)), nil
}

type canceledJSON struct {
	DeliveryID string `json:"delivery_id"`
	Outcome    string `json:"outcome" enum:"canceled,requested,batched,unblocked,ended"`
}

func (a *api) cancelDelivery(ctx context.Context, in *byID) (*answer[canceledJSON], error) {
	outcome, err := a.m.Cancel(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return uncached(canceledJSON{in.ID, string(outcome)}), nil
}
