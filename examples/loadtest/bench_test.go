package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/webhook"
)

// BenchmarkRaw compares the raw measurement with the loop that anybody would
// write: net/http and an HMAC. If raw is more than 10 % slower, it is no
// yardstick. Compare medians of several runs:
//
//	go test -run '^$' -bench Raw -count 6 ./examples/loadtest
func BenchmarkRaw(b *testing.B) {
	c := config{endpoints: 1, fanout: 1, payload: 1024}
	t, err := newRawTarget(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(t.close)
	b.Run("raw", func(b *testing.B) { sendAll(b, t.send) })
	b.Run("bare", func(b *testing.B) {
		bare := newBare(t)
		defer bare.client.CloseIdleConnections()
		sendAll(b, bare.send)
	})
}

func sendAll(b *testing.B, send func(context.Context, int) error) {
	b.ReportAllocs()
	b.SetParallelism(32) // times the number of cores
	var number atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := send(b.Context(), int(number.Add(1))); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}

// bare sends to the same receiver with the standard library alone.
type bare struct {
	*rawTarget
	client *http.Client
	key    []byte
}

func newBare(t *rawTarget) *bare {
	key, err := base64.StdEncoding.DecodeString(t.secrets[0].Reveal()[len("whsec_"):])
	if err != nil {
		panic(err) // Reveal is that prefix and base64
	}
	return &bare{t, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}, key}
}

func (t *bare) send(ctx context.Context, number int) error {
	ctx, cancel := context.WithTimeout(ctx, webhook.DefaultTimeout)
	defer cancel()
	at := time.Now()
	id, seconds := "evt_"+strconv.Itoa(number), timestamp(at)
	body := frame(at, t.payloads.of(number%rawEvents))
	mac := hmac.New(sha256.New, t.key)
	_, _ = io.WriteString(mac, id+"."+seconds+".")
	_, _ = mac.Write(body)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.urls[0], bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(signer.HeaderID, id)
	req.Header.Set(signer.HeaderTimestamp, seconds)
	req.Header.Set(signer.HeaderSignature, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	resp, err := t.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusNoContent {
		return errStatus(resp.StatusCode)
	}
	return nil
}
