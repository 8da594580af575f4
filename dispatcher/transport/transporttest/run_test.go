package transporttest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// naive is the transport that one writes in a minute. The suite is worth
// something only if it finds what is wrong with it.
func naive(client *http.Client) transport.Transport {
	return transport.TransportFunc(func(ctx context.Context, req *transport.Request) (*transport.Response, error) {
		fail := func(err error) (*transport.Response, error) {
			return nil, &transport.Error{Class: webhook.ClassConnect, Err: err, Timings: webhook.Timings{Total: 1}}
		}
		out, err := http.NewRequestWithContext(ctx, "POST", req.URL, bytes.NewReader(req.Body))
		if err != nil {
			return fail(err)
		}
		if req.Header != nil {
			out.Header = req.Header
		}
		resp, err := client.Do(out)
		if err != nil {
			return fail(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			return fail(err)
		}
		return &transport.Response{StatusCode: resp.StatusCode, Header: resp.Header, Body: body, Timings: webhook.Timings{Total: time.Nanosecond}}, nil
	})
}

func TestSuiteFindsANaiveTransport(t *testing.T) {
	good := map[string]bool{ // what net/http does right by itself
		"MethodDefaultsToPost": true, "RequestIsNotModified": true, "ResponseComesBack": true, "EveryStatusIsAResponse": true,
		"DroppedConnection": true, "ClosedConnectionIsReplaced": true, "ConcurrentUse": true,
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			err := c.run(func(receiver http.Handler) Harness {
				srv := httptest.NewServer(receiver)
				t.Cleanup(srv.Close)
				client := &http.Client{Transport: &http.Transport{}}
				t.Cleanup(client.CloseIdleConnections)
				return Harness{Transport: naive(client), URL: srv.URL}
			})
			if (err == nil) != good[c.name] {
				t.Errorf("check %s on a naive transport = %v; want an error: %v", c.name, err, !good[c.name])
			}
		})
	}
}
