package webhooktest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/webhooktest"
)

// ample bounds what takes no time, even on a busy machine.
const ample = time.Minute

// A sender sends signed requests to a receiver, as a dispatcher does.
type sender struct {
	t       *testing.T
	secret  signer.Secret
	through transport.Transport
}

// send returns what an attempt ends with: a status, or a class.
func (s *sender) send(rc *webhooktest.Receiver, id string, timeout time.Duration) (*transport.Response, webhook.ErrorClass) {
	s.t.Helper()
	body, now := []byte(`{"type":"invoice.paid","timestamp":"2026-03-01T12:00:00.000000Z","data":1}`), time.Now()
	signature, err := signer.Header(s.t.Context(), id, now, body, s.secret)
	if err != nil {
		s.t.Fatal(err)
	}
	header := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {strconv.FormatInt(now.Unix(), 10)}, "Webhook-Signature": {signature}}
	ctx, cancel := context.WithTimeout(s.t.Context(), timeout)
	defer cancel()
	resp, err := s.through.Send(ctx, &transport.Request{URL: rc.URL, Header: header, Body: body})
	var failed *transport.Error
	if err != nil && !errors.As(err, &failed) {
		s.t.Fatal(err)
	}
	if failed != nil {
		return nil, failed.Class
	}
	return resp, webhook.ClassNone
}

func bothSenders(t *testing.T, f func(t *testing.T, s *sender, receiver newReceiver)) {
	secret, err := signer.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("sockets", func(t *testing.T) {
		t.Parallel()
		through, err := transport.NewHTTP(webhooktest.Loopback())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(through.CloseIdleConnections)
		f(t, &sender{t, secret, through}, webhooktest.NewReceiver)
	})
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		n := new(webhooktest.Network)
		f(t, &sender{t, secret, n}, n.NewReceiver)
	})
}

// Each answer does the same to a real transport and in memory.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const shortly = 50 * time.Millisecond // for what would never end
	bothSenders(t, func(t *testing.T, s *sender, receiver newReceiver) {
		for _, c := range []struct {
			name    string
			answer  http.Handler
			timeout time.Duration
			class   webhook.ErrorClass
			status  int
			check   func(*transport.Response) bool
		}{
			{name: "OK", answer: webhooktest.OK(), status: 204},
			{name: "Status", answer: webhooktest.Status(410), status: 410},
			{name: "RetryAfter", answer: webhooktest.RetryAfter(429, 90*time.Second), status: 429, check: func(r *transport.Response) bool { return r.Header.Get("Retry-After") == "90" }},
			{name: "Redirect", answer: webhooktest.Redirect("https://elsewhere.example/"), status: 302, check: func(r *transport.Response) bool { return r.Header.Get("Location") == "https://elsewhere.example/" }},
			{name: "Delay", answer: webhooktest.Delay(time.Millisecond, webhooktest.Status(202)), status: 202},
			{name: "Delay for too long", answer: webhooktest.Delay(time.Hour, webhooktest.OK()), timeout: shortly, class: webhook.ClassTimeout},
			{name: "Hang", answer: webhooktest.Hang(), timeout: shortly, class: webhook.ClassTimeout},
			{name: "Reset", answer: webhooktest.Reset(), class: webhook.ClassConnect},
			{name: "SlowHeader", answer: webhooktest.SlowHeader(time.Millisecond), timeout: shortly, class: webhook.ClassTimeout},
			{name: "SlowBody", answer: webhooktest.SlowBody(time.Millisecond), timeout: shortly, class: webhook.ClassTimeout},
			{name: "HugeBody", answer: webhooktest.HugeBody(1 << 30), status: 200, check: func(r *transport.Response) bool { return r.Truncated && len(r.Body) == transport.MaxBodyKept }},
			{name: "HugeHeader", answer: webhooktest.HugeHeader(2 * transport.MaxHeaderRead), class: webhook.ClassProtocol},
			{name: "one of the test's own", answer: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }), status: 200, check: func(r *transport.Response) bool { return strings.Contains(string(r.Body), "invoice.paid") }},
		} {
			rc := receiver(t, c.answer)
			rc.Trust(s.secret.Reveal())
			if c.timeout == 0 {
				c.timeout = ample
			}
			resp, class := s.send(rc, "evt_1", c.timeout)
			for class == webhook.ClassTimeout && len(rc.Requests()) == 0 { // the machine was too busy to connect in time
				c.timeout *= 2
				resp, class = s.send(rc, "evt_1", c.timeout)
			}
			if class != c.class || resp != nil && (resp.StatusCode != c.status || c.check != nil && !c.check(resp)) {
				t.Errorf("%s: %+v, class %q; want status %d, class %q", c.name, resp, class, c.status, c.class)
			}
			if got := rc.Requests(); len(got) == 0 || len(got) > 1 && class != webhook.ClassTimeout || got[0].Err != nil || c.status != 0 && got[0].Status != c.status {
				t.Errorf("%s: recorded %v; want one request, answered %d", c.name, got, c.status)
			}
		}
	})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	bothSenders(t, func(t *testing.T, s *sender, receiver newReceiver) {
		rc := receiver(t, webhooktest.Status(500), webhooktest.Script(webhooktest.Status(429), webhooktest.OK()))
		rc.Trust(s.secret.Reveal())
		expect := func(what, id string, want ...int) {
			t.Helper()
			for i, status := range want {
				resp, class := s.send(rc, id, ample)
				if class != webhook.ClassNone || resp.StatusCode != status {
					t.Errorf("%s: request %d was answered %+v, class %q; want %d", what, i+1, resp, class, status)
				}
			}
		}
		expect("a script, the last of which is one too", "evt_1", 500, 429, 204, 204)
		rc.Answer(webhooktest.PerEvent(webhooktest.Status(503), webhooktest.OK()))
		expect("a script for each event", "evt_1", 503)
		expect("a script for each event", "evt_2", 503, 204)
		expect("a script for each event", "evt_1", 204, 204)
		rc.Answer()
		expect("no script", "evt_1", 204)
	})
}

// What breaks below HTTP.
func TestReceiverBreaksDown(t *testing.T) {
	t.Parallel()
	bothSenders(t, func(t *testing.T, s *sender, receiver newReceiver) {
		rc := receiver(t)
		rc.Trust(s.secret.Reveal())
		if resp, class := s.send(rc, "evt_1", ample); class != webhook.ClassNone {
			t.Errorf("at first: %+v, class %q; want 204", resp, class)
		}
		rc.ExpireCertificate()
		_, class := s.send(rc, "evt_1", ample)
		if class == webhook.ClassConnect { // the sender had not yet seen that its connection was closed
			_, class = s.send(rc, "evt_1", ample)
		}
		if class != webhook.ClassTLS {
			t.Errorf("after ExpireCertificate: class %q; want tls_error", class)
		}
		rc.Close()
		if _, class := s.send(rc, "evt_1", ample); class != webhook.ClassConnect {
			t.Errorf("after Close: class %q; want connect_error", class)
		}
		rc.Close()
		if n := len(rc.Requests()); n != 1 {
			t.Errorf("%d requests arrived; want the first alone", n)
		}
	})
}

// Nobody listens on a network at a name that was not given out.
func TestNetworkKnowsItsReceivers(t *testing.T) {
	t.Parallel()
	var n webhooktest.Network
	_, err := n.Send(t.Context(), &transport.Request{URL: "https://nobody.example/"})
	var failed *transport.Error
	if !errors.As(err, &failed) || failed.Class != webhook.ClassDNS {
		t.Errorf("Send to nobody = %v; want dns_error", err)
	}
}
