package transport_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// BenchmarkSend compares Send with the loop that anybody would write around
// http.Client: 1 KiB to a receiver on loopback, 32 at once. Send is to stay
// within 10 %.
func BenchmarkSend(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		drain(r.Body)
		say(w, `{"ok":true}`)
	}))
	b.Cleanup(srv.Close)
	body := bytes.Repeat([]byte("x"), 1024)

	b.Run("Send", func(b *testing.B) {
		h, err := transport.NewHTTP(transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}})
		if err != nil {
			b.Fatal(err)
		}
		defer h.CloseIdleConnections()
		parallel(b, func(ctx context.Context) error {
			_, err := h.Send(ctx, &transport.Request{URL: srv.URL + "/hook", Header: headers(), Body: body})
			return err
		})
	})
	b.Run("Client", func(b *testing.B) {
		c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
		defer c.CloseIdleConnections()
		parallel(b, func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/hook", bytes.NewReader(body))
			if err != nil {
				return err
			}
			req.Header = headers()
			resp, err := c.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			return err
		})
	})
}

func parallel(b *testing.B, send func(context.Context) error) {
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			ctx, cancel := context.WithTimeout(b.Context(), webhook.DefaultTimeout)
			err := send(ctx)
			cancel()
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func headers() http.Header {
	return http.Header{
		"User-Agent":        {"Postrider/1"},
		"Content-Type":      {"application/json"},
		"Webhook-Id":        {"evt_01J8ZQ0000000000000000000"},
		"Webhook-Timestamp": {"1700000000"},
		"Webhook-Signature": {"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
	}
}
