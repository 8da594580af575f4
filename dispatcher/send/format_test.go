package send_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

var formatTime = time.Date(2026, 3, 1, 12, 0, 0, 120_000_000, time.UTC)

func formatEvent(id, source, data string) *webhook.Event {
	return &webhook.Event{ID: id, Type: "user.created", Source: source, Subject: "jane", Timestamp: formatTime, Data: json.RawMessage(data)}
}

// request returns the request that a message is sent in to an endpoint.
func request(t *testing.T, ep webhook.Endpoint, msg *send.Message) *transport.Request {
	t.Helper()
	var got *transport.Request
	s := newSender(transport.TransportFunc(func(_ context.Context, req *transport.Request) (*transport.Response, error) {
		got = req
		return &transport.Response{StatusCode: 200}, nil
	}))
	ep.Tenant, ep.ID, ep.URL = "acme", "ep_1", "https://a.example/"
	if x := s.Send(t.Context(), routeTo(t, ep), msg, time.Second); got == nil {
		t.Fatalf("Send = %+v; nothing was sent", x)
	}
	return got
}

func TestFormats(t *testing.T) {
	const data = `{ "total": 1e400, "total": 1.10 }`
	one := send.NewMessage(formatEvent("evt_1", "billing", data))
	batch := send.NewBatch("bat_1", []*send.Message{one, send.NewMessage(formatEvent("evt_2", "", `[]`))})
	const at = `2026-03-01T12:00:00.120000Z`
	for _, tt := range []struct {
		name, contentType, body string
		format                  webhook.Format
		msg                     *send.Message
	}{
		{"standard", "application/json", `{"type":"user.created","timestamp":"` + at + `","data":` + data + `}`, webhook.FormatStandard, one},
		{"raw", "application/json", data, webhook.FormatRaw, one},
		{
			"cloudevents", "application/cloudevents+json", `{"specversion":"1.0","id":"evt_1","source":"billing","type":"user.created","time":"` + at +
				`","datacontenttype":"application/json","data":` + data + `}`, webhook.FormatCloudEvents, one,
		},
		{"cloudevents-binary", "application/json", data, webhook.FormatCloudEventsBinary, one},
		{
			"standard batch", "application/json", `[{"id":"evt_1","type":"user.created","timestamp":"` + at + `","data":` + data +
				`},{"id":"evt_2","type":"user.created","timestamp":"` + at + `","data":[]}]`, webhook.FormatStandard, batch,
		},
		{"raw batch", "application/json", `[` + data + `,[]]`, webhook.FormatRaw, batch},
	} {
		req := request(t, webhook.Endpoint{Format: tt.format, Method: http.MethodPut}, tt.msg)
		if diff := cmp.Diff(tt.body, string(req.Body)); diff != "" {
			t.Errorf("%s: body (-want +got):\n%s", tt.name, diff)
		}
		if got := req.Header.Get("Content-Type"); got != tt.contentType || req.Method != http.MethodPut {
			t.Errorf("%s: %s with Content-Type %s; want PUT with %s", tt.name, req.Method, got, tt.contentType)
		}
		if req.Header.Get("Webhook-Signature") == "" {
			t.Errorf("%s: the request is not signed", tt.name)
		}
	}
}

// What the CloudEvents SDK reads is what was published, in either mode.
func TestCloudEventsSDK(t *testing.T) {
	for source, want := range map[string]string{
		"": "/", "billing": "billing", "urn:acme:billing": "urn:acme:billing", "/a/b?c=d": "/a/b?c=d",
		"billing & \"Söhne\"": "billing%20&%20%22S%C3%B6hne%22", ":": "%3A", "%": "%25", "a\\b": "a%5Cb",
	} {
		for _, format := range []webhook.Format{webhook.FormatCloudEvents, webhook.FormatCloudEventsBinary} {
			sent := request(t, webhook.Endpoint{Format: format}, send.NewMessage(formatEvent("evt_1", source, `{"a":"<b>"}`)))
			req, err := http.NewRequest(http.MethodPost, sent.URL, bytes.NewReader(sent.Body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header = sent.Header
			ev, err := binding.ToEvent(t.Context(), cehttp.NewMessageFromHttpRequest(req))
			if err == nil {
				err = ev.Validate()
			}
			if err != nil {
				t.Errorf("%s, source %q: the SDK says %v", format, source, err)
				continue
			}
			checkCloudEvent(t, ev, "evt_1", want, `{"a":"<b>"}`)
		}
	}
}

func checkCloudEvent(t *testing.T, ev *cloudevents.Event, id, source, data string) {
	t.Helper()
	if ev.SpecVersion() != "1.0" || ev.ID() != id || ev.Type() != "user.created" || ev.Source() != source || !ev.Time().Equal(formatTime) ||
		ev.DataContentType() != "application/json" || string(ev.Data()) != data || ev.Subject() != "" || len(ev.Extensions()) != 0 {
		t.Errorf("the SDK has read %s; want %s of %s at %v with data %s", ev, id, source, formatTime, data)
	}
}

func TestCloudEventsBatch(t *testing.T) {
	sent := request(t, webhook.Endpoint{Format: webhook.FormatCloudEvents}, send.NewBatch("bat_1", []*send.Message{
		send.NewMessage(formatEvent("evt_1", "a", `1`)), send.NewMessage(formatEvent("evt_2", "", `{"b":[]}`)),
	}))
	req, err := http.NewRequest(http.MethodPost, sent.URL, bytes.NewReader(sent.Body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = sent.Header
	events, err := cehttp.NewEventsFromHTTPRequest(req)
	if err != nil || len(events) != 2 {
		t.Fatalf("the SDK has read %v, %v from %s; want two events", events, err, sent.Body)
	}
	checkCloudEvent(t, &events[0], "evt_1", "a", `1`)
	checkCloudEvent(t, &events[1], "evt_2", "/", `{"b":[]}`)
}
