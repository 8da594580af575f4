package main

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/transport"
)

// work is what a child does: it delivers, and publishes if it is told to. It
// returns the exit code.
func work(input io.Reader, output io.Writer) int {
	signal.Ignore(os.Interrupt) // the parent hears it too, and stops its children
	dec, enc := json.NewDecoder(input), json.NewEncoder(output)
	var h hello
	if dec.Decode(&h) != nil {
		return 1 // there is no parent any more
	}
	orders := make(chan order)
	go func() {
		for {
			var o order
			if dec.Decode(&o) != nil {
				os.Exit(1) // likewise
			}
			orders <- o
		}
	}()
	w, err := newWorker(h)
	if err == nil {
		w.reports = enc
		err = w.obey(orders)
	}
	if err != nil {
		_ = enc.Encode(report{Err: err.Error()}) // to a parent that may have ended
		return 1
	}
	return 0
}

// worker is the inside of a child.
type worker struct {
	publisher
	share     share
	published []int64 // times of the share's events
	reports   *json.Encoder
	cpu       time.Duration // at the order to reset
}

func newWorker(h hello) (w *worker, err error) {
	w = &worker{}
	if w.c, err = parse(h.Args, io.Discard); err != nil {
		return nil, err
	}
	key, err := seal.ParseKey(h.Key)
	if err != nil {
		return nil, err
	}
	w.share = share{first: h.Process, step: w.c.processes, publishing: w.publishing}
	w.published = make([]int64, w.share.of(w.c.events))
	w.payloads = newPayloads(w.c.payload)
	if w.db, err = openPostgres(context.Background(), w.c, h.Schema); err != nil {
		return nil, err
	}
	client, err := transport.NewHTTP(httpConfig)
	if err != nil {
		return nil, err
	}
	cfg := dispatcher.Config{HTTP: httpConfig, Transport: labelled{client, strconv.Itoa(h.Process)}}
	w.d, err = newDispatcher(w.c, w.db, cfg, key)
	return w, err
}

func (w *worker) publishing(event int) { w.published[(event-w.share.first)/w.share.step] = clock() }

// obey delivers and carries out orders, until the order to stop.
func (w *worker) obey(orders <-chan order) error {
	ctx, fail := context.WithCancelCause(context.Background())
	var publishing sync.WaitGroup
	defer publishing.Wait()
	defer fail(nil)
	runner := startRunner(ctx, w.d, fail)
	for {
		var o order
		select {
		case o = <-orders:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		switch o {
		case orderReset:
			resetPeakRSS()
			w.cpu = cpuTime()
			if err := w.reports.Encode(report{To: o}); err != nil {
				return err
			}
		case orderPublish:
			publishing.Go(func() { w.publishShare(ctx, fail) })
		case orderStop:
			fail(nil) // whoever still publishes
			publishing.Wait()
			runner.stop()
			if err := w.db.close(); err != nil {
				return err
			}
			return w.reports.Encode(report{To: o, Used: usage{CPU: cpuTime() - w.cpu, PeakRSS: peakRSS()}})
		}
	}
}

func (w *worker) publishShare(ctx context.Context, fail context.CancelCauseFunc) {
	err := w.publishAll(ctx, w.share)
	if err == nil {
		err = w.reports.Encode(report{To: orderPublish, Published: w.published, Ended: clock()})
	}
	if err != nil {
		fail(err)
	}
}

// processHeader says in a request which process has sent it.
const processHeader = "Loadtest-Process"

// labelled is a transport that says which process it is in.
type labelled struct {
	transport.Transport
	process string
}

// Send implements transport.Transport.
func (t labelled) Send(ctx context.Context, req *transport.Request) (*transport.Response, error) {
	labelled := *req
	labelled.Header = maps.Clone(req.Header)
	labelled.Header.Set(processHeader, t.process)
	return t.Transport.Send(ctx, &labelled)
}
