package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/postrider/postrider/dispatcher/httpapi/strict"
	"github.com/postrider/postrider/dispatcher/manage"
)

// testInput is what a test sends.
type testInput struct {
	EventType string          `json:"event_type,omitempty" doc:"Defaults to ping."`
	Payload   json.RawMessage `json:"payload,omitempty" doc:"Any JSON. Defaults to an object that says that this is a test."`
}

// testJSON is what came of a test.
type testJSON struct {
	Delivered       bool              `json:"delivered"`
	Resumed         bool              `json:"resumed" doc:"Whether the webhook had been paused automatically, and goes on because of this test."`
	StatusCode      int               `json:"status_code" doc:"0 if there was no answer."`
	Duration        float64           `json:"duration_ms"`
	ResponseHeaders map[string]string `json:"response_headers"`
	ResponseBody    string            `json:"response_body" doc:"In base64 if it is not UTF-8, which the encoding says."`
	BodyEncoding    string            `json:"response_body_encoding" enum:"utf-8,base64"`
	Truncated       bool              `json:"truncated"`
	ErrorClass      string            `json:"error_class" doc:"Empty for success."`
	Message         string            `json:"message"`
	RequestHeaders  map[string]string `json:"request_headers"`
}

func (a *api) testWebhook(ctx context.Context, in *bodyOf) (*answer[testJSON], error) {
	var body testInput
	if err := decodeOptional(in.RawBody, &body); err != nil {
		return nil, err
	}
	r, err := a.m.TestEndpoint(ctx, tenant(ctx), in.ID, manage.Test{EventType: body.EventType, Data: body.Payload})
	if err != nil {
		return nil, err
	}
	out := testJSON{
		Delivered: r.Delivered, Resumed: r.Resumed, StatusCode: r.StatusCode, Duration: millis(r.Duration),
		ResponseHeaders: texts(r.ResponseHeaders), Truncated: r.Truncated, ErrorClass: string(r.Class), Message: r.Message,
		RequestHeaders: texts(r.RequestHeaders),
	}
	out.ResponseBody, out.BodyEncoding = bodyText(r.ResponseBody)
	return uncached(out), nil
}

// verifyInput is a request that a receiver got.
type verifyInput struct {
	Headers map[string]string `json:"headers" text:"any"`
	Body    string            `json:"body" text:"any" doc:"The body as it arrived, to the letter."`
}

type verificationJSON struct {
	Valid  bool   `json:"valid"`
	Reason string `json:"reason" doc:"Which part is wrong, in a sentence; empty if none is."`
	Code   string `json:"code" doc:"The same for code; empty if nothing is wrong." example:"no_match"`
}

func (a *api) verifySignature(ctx context.Context, in *bodyOf) (*answer[verificationJSON], error) {
	var body verifyInput
	if err := strict.Decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	header := make(http.Header, len(body.Headers))
	for name, value := range body.Headers {
		header.Add(strings.TrimSpace(name), value)
	}
	v, err := a.m.VerifySignature(ctx, tenant(ctx), in.ID, header, []byte(body.Body))
	if err != nil {
		return nil, err
	}
	return uncached(verificationJSON{v.Valid, v.Message, string(v.Reason)}), nil
}

// adviceJSON is something that would make a webhook work better.
type adviceJSON struct {
	Code     string            `json:"code"`
	Text     string            `json:"text"`
	Evidence map[string]string `json:"evidence" doc:"What it rests on."`
}

func (a *api) advise(ctx context.Context, in *byID) (*answer[listJSON[adviceJSON]], error) {
	advice, err := a.m.Advice(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	page := pageJSON(advice, nil, func(ad *manage.Advice) adviceJSON {
		return adviceJSON{string(ad.Code), ad.Text, texts(ad.Evidence)}
	})
	return &answer[listJSON[adviceJSON]]{CacheControl: cacheStatistics, Body: page}, nil
}
