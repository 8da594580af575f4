package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/webhook"
)

var rawConnections = []int{16, 64, 256}

// rawEvents is how many numbers the events of a raw run have; then they begin
// again.
const rawEvents = 1 << 16

// rawTarget is a receiver with the secrets of its endpoints, and the client.
type rawTarget struct {
	receiver *receiver
	client   *transport.HTTP
	secrets  []signer.Secret
	urls     []string
	payloads payloads
	arrivals *arrivals
}

// measureRaw returns how many requests a second this machine makes, signs,
// receives and verifies without a store: the best of the numbers of connections.
func measureRaw(ctx context.Context, c config, b *bar) (best float64, err error) {
	t, err := newRawTarget(ctx, c)
	if err != nil {
		return 0, err
	}
	defer t.close()
	for _, n := range rawConnections {
		began := time.Now()
		done := b.begin(fmt.Sprintf("raw, %d connections", n), c.rawTime.Milliseconds(), func() int64 { return time.Since(began).Milliseconds() })
		rate, err := t.measure(ctx, n, c.rawTime)
		done()
		if err != nil {
			return 0, fmt.Errorf("measure raw with %d connections: %w", n, err)
		}
		best = max(best, rate)
	}
	return best, nil
}

func newRawTarget(ctx context.Context, c config) (*rawTarget, error) {
	rc, err := newReceiver(ctx, c.endpoints)
	if err != nil {
		return nil, err
	}
	t := &rawTarget{receiver: rc, payloads: newPayloads(c.payload)}
	if t.client, err = transport.NewHTTP(httpConfig); err != nil {
		return nil, err
	}
	for i := range c.endpoints {
		secret, err := signer.NewSecret()
		if err != nil {
			return nil, err
		}
		if err := rc.trust(i, secret.Reveal()); err != nil {
			return nil, err
		}
		t.secrets = append(t.secrets, secret)
		t.urls = append(t.urls, rc.url(i))
	}
	c.events, c.processes = rawEvents, 1
	t.arrivals = newArrivals(c, -1)
	rc.arrivals.Store(t.arrivals)
	rc.serve()
	return t, nil
}

func (t *rawTarget) close() {
	t.client.CloseIdleConnections()
	_ = t.receiver.close() // nothing is measured any more
}

// measure sends over n connections for about d, a fifth of it before the clock
// starts, and returns the answered requests a second. What is under way at the end is
// not broken off: net/http may close a connection for that which somebody else has got
// meanwhile.
func (t *rawTarget) measure(ctx context.Context, n int, d time.Duration) (float64, error) {
	sending, stop := context.WithCancel(ctx)
	defer stop()
	var sent, answered atomic.Int64
	var failed atomic.Pointer[error]
	var senders sync.WaitGroup
	for range n {
		senders.Go(func() {
			for sending.Err() == nil {
				if err := t.send(ctx, int(sent.Add(1))); err != nil {
					failed.CompareAndSwap(nil, &err)
					stop()
					return
				}
				answered.Add(1)
			}
		})
	}
	wait(sending, d/5)
	began, before := time.Now(), answered.Load()
	wait(sending, d-d/5)
	count, took := answered.Load()-before, time.Since(began)
	stop()
	senders.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(count) / took.Seconds(), nil
}

// send does what the dispatcher does for an attempt: frame, sign, send, read the
// answer.
func (t *rawTarget) send(ctx context.Context, number int) error {
	ctx, cancel := context.WithTimeout(ctx, webhook.DefaultTimeout)
	defer cancel()
	endpoint := number % len(t.urls)
	at := time.Now()
	id := "evt_" + strconv.Itoa(number)
	body := frame(at, t.payloads.of(number%rawEvents))
	signature, err := signer.Header(ctx, id, at, body, t.secrets[endpoint])
	if err != nil {
		return err
	}
	resp, err := t.client.Send(ctx, &transport.Request{URL: t.urls[endpoint], Body: body, Header: http.Header{
		"Content-Type":      {"application/json"},
		"User-Agent":        {"loadtest"},
		"Webhook-Id":        {id},
		"Webhook-Timestamp": {timestamp(at)},
		"Webhook-Signature": {signature},
	}})
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusNoContent {
		return errStatus(resp.StatusCode)
	}
	return nil
}

func timestamp(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// errStatus is a status that the receiver must not answer with.
type errStatus int

func (e errStatus) Error() string { return fmt.Sprintf("receiver answered %d", int(e)) }

// frame puts data into the envelope of Standard Webhooks.
func frame(at time.Time, data []byte) []byte {
	body := make([]byte, 0, len(data)+100)
	body = append(body, `{"type":"`+eventType+`","timestamp":"`...)
	body = at.UTC().AppendFormat(body, time.RFC3339Nano)
	body = append(body, `","data":`...)
	body = append(body, data...)
	return append(body, '}')
}

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
