package e2e_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/webhook"
)

// oddPayloads are legal JSON that a detour through a decoder would change.
var oddPayloads = map[string]string{
	"null":          `null`,
	"out-of-range":  `{"big":1e400,"small":1e-400,"long":123456789012345678901234567890.10,"zero":-0,"exp":1E+2}`,
	"names-twice":   `{"a":1,"a":2,"A":3,"":4,"":5}`,
	"order":         `{"b":1,"a":2}`,
	"non-ascii":     `{"name":"Zażółć gęślą jaźń","日本":"語","nfd":"é","nfc":"é"}`,
	"emoji":         `{"flag":"🏴󠁧󠁢󠁳󠁣󠁴󠁿","family":"👩‍👩‍👧","escaped":"\ud83d\ude00"}`,
	"escapes":       `"\u00e9\u0000\/\b\f\n\r\t\"\\ \u2028 \u003c"`,
	"unescaped":     "\"<script>&amp; \u2028\u2029 \u007f / \"",
	"lone":          `"\ud800 and \udfff"`,
	"space":         " \t\r\n{ \"a\" :\r\n [ 1 ,\t2 ] }\n\n",
	"deep":          strings.Repeat(`[`, webhook.MaxPayloadDepth) + strings.Repeat(`]`, webhook.MaxPayloadDepth),
	"deep-objects":  strings.Repeat(`{"":`, webhook.MaxPayloadDepth) + `0` + strings.Repeat(`}`, webhook.MaxPayloadDepth),
	"256KiB":        `"` + strings.Repeat("é", (256<<10-2)/2) + `"`,
	"like-envelope": `{"type":"x","timestamp":"y","data":{}}`,
}

// correspondent is an endpoint for one payload, with its secret.
type correspondent struct {
	*receiver
	secret, data, id string
}

// correspondents creates one endpoint for each odd payload, subscribed to a type
// of its own, so that one's failures do not hold up the others.
func correspondents(t *testing.T, h *host, answer func(n int, a arrival) int, retry webhook.RetryPolicy) []*correspondent {
	t.Helper()
	var all []*correspondent
	for name, data := range oddPayloads {
		c := &correspondent{receiver: newReceiver(t, answer), data: data}
		_, c.secret = h.create(webhook.Endpoint{URL: c.URL, EventTypes: []string{"odd." + name}, Retry: retry})
		all = append(all, c)
		c.id = h.publish(raw("odd."+name, data)).EventID
	}
	return all
}

var envelope = regexp.MustCompile(`^\{"type":"odd\.[\w-]+","timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z","data":$`)

// check compares an arrival with what was published, byte for byte, and has its
// signature judged by the Standard Webhooks project's own library.
func (c *correspondent) check(t *testing.T, a arrival) {
	t.Helper()
	want(t, "webhook-id", a.id, c.id)
	frame, ok := strings.CutSuffix(a.body, c.data+"}")
	if !ok || !envelope.MatchString(frame) {
		t.Errorf("body = %s; want the standard envelope around %s: the payload is passed on byte for byte", brief(a.body), brief(c.data))
	}
	wh, err := standardwebhooks.NewWebhook(c.secret)
	if err != nil {
		t.Fatalf("the library does not take our secret: %v", err)
	}
	if err := wh.Verify([]byte(a.body), a.header); err != nil {
		t.Errorf("the library refuses the signature of %s: %v", brief(a.body), err)
	}
	if err := wh.Verify([]byte(a.body+" "), a.header); err == nil {
		t.Error("the library accepts the signature for another body: this test checks nothing")
	}
}

func brief(s string) string {
	if len(s) > 160 {
		return fmt.Sprintf("%q… (%d bytes)", s[:160], len(s))
	}
	return fmt.Sprintf("%q", s)
}

func TestBytesArriveAsPublished(t *testing.T) {
	t.Parallel()
	h := newHost(t, openStore(t, databaseFile(t)), dispatcher.Config{})
	h.start()
	for _, c := range correspondents(t, h, nil, webhook.RetryPolicy{}) {
		eventually(t, brief(c.data)+" has not arrived", func() bool { return c.count() > 0 })
		c.check(t, c.got()[0])
	}
	tooLong := raw("odd.long", `"`+strings.Repeat("a", 256<<10-1)+`"`)
	_, err := h.Publish(t.Context(), tooLong)
	if invalid, ok := errors.AsType[*webhook.InvalidError](err); !ok || invalid.Fields[0].Code != webhook.CodePayloadTooLarge {
		t.Errorf("Publish of 256 KiB and a byte = %v; want %s", err, webhook.CodePayloadTooLarge)
	}
}

// What is claimed from the file by another dispatcher is sent with the same bytes
// and the same id, under a signature of its own time.
func TestBytesOfARetryAfterARestart(t *testing.T) {
	t.Parallel()
	path := databaseFile(t)
	retry := webhook.RetryPolicy{Schedule: []time.Duration{0, 1500 * time.Millisecond, time.Second, time.Second}, Jitter: -1}
	first := newHost(t, openStore(t, path), dispatcher.Config{})
	stop := first.start()
	all := correspondents(t, first, failFirst, retry)
	for _, c := range all {
		eventually(t, brief(c.data)+" was not tried", func() bool { return c.count() > 0 })
	}
	stop()
	before := make(map[*correspondent]int)
	for _, c := range all {
		before[c] = c.count()
	}

	newHost(t, openStore(t, path), dispatcher.Config{}).start()
	retried := 0
	for _, c := range all {
		eventually(t, brief(c.data)+" was not retried", func() bool { return c.count() > 1 })
		got := c.got()
		for _, a := range got {
			c.check(t, a)
			if a.body != got[0].body {
				t.Errorf("attempts differ: %s and %s", brief(got[0].body), brief(a.body))
			}
		}
		if len(got) > before[c] {
			retried++
		}
	}
	if retried == 0 {
		t.Error("nothing was left for the second dispatcher; the test checked no claim from the file")
	}
	t.Logf("%d of %d retried by the second dispatcher", retried, len(all))
}
