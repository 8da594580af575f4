package deliverylog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/manage"
)

// EventStream is the media type of Server-Sent Events.
const EventStream = "text/event-stream"

const (
	// heartbeat is how often something is sent at least: half of the 30 seconds
	// after which common proxies end what is silent.
	heartbeat = 15 * time.Second
	// checkEvery is how often it is asked whether a client may still look, so
	// that one whose key was revoked is cut off within that time.
	checkEvery = 30 * time.Second
	// writeTimeout bounds a write to a client that does not read.
	writeTimeout = 10 * time.Second
	// checkTimeout bounds the question itself.
	checkTimeout = 10 * time.Second
)

// Streams sends tails to clients. The zero value is ready to use, for one handler. It is
// safe for concurrent use.
type Streams struct {
	mu sync.Mutex
	// serving has a context for each server, which ends when the server shuts down.
	serving map[*http.Server]context.Context
}

// Serve sends a tail to the client until the client leaves or does not read, check says
// that it may not look any more, or the server is shut down: http.Server.Shutdown waits
// for nothing here. It closes the tail. A check that fails because it cannot tell, which is
// an error that matches ErrUnknown, is repeated.
func (s *Streams) Serve(w http.ResponseWriter, r *http.Request, tail *manage.Tail, check func(context.Context) error) {
	defer tail.Close()
	header := w.Header()
	header.Set("Content-Type", EventStream)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx passes it on at once
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	stop := context.AfterFunc(s.shutdown(r), cancel)
	defer stop()
	out := &stream{w: w, control: http.NewResponseController(w)}
	lastAsLongAsNeeded(out.control)
	w.WriteHeader(http.StatusOK)
	// A browser waits two seconds before it connects again, and goes on from here if
	// nothing has come until then.
	if out.write([]byte("retry: 2000\nid: "+tail.Position()+"\n\n")) != nil {
		return
	}
	out.follow(ctx, tail, check)
}

// lastAsLongAsNeeded takes the time away that a server gives a whole request: when it is
// over, the server would take the client for gone. Who sends nothing more has none to keep.
// The server itself undoes deadlines before the next request.
func lastAsLongAsNeeded(control *http.ResponseController) {
	_ = control.SetReadDeadline(time.Time{}) // a writer that knows no deadlines has none
}

// ErrUnknown is what a check matches that cannot tell whether a client may still look.
var ErrUnknown = errors.New("it is not known whether the client may look")

// stream is a client.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (o *stream) follow(ctx context.Context, tail *manage.Tail, check func(context.Context) error) {
	checked := clock.Now()
	for {
		wait, cancel := context.WithTimeout(ctx, heartbeat)
		batch, err := tail.Next(wait)
		cancel()
		if ctx.Err() != nil || errors.Is(err, manage.ErrTailSlow) {
			return
		}
		if clock.Now().Sub(checked) >= checkEvery-heartbeat/2 {
			checked = clock.Now()
			asked, cancel := context.WithTimeout(ctx, checkTimeout)
			refused := check(asked)
			cancel()
			if refused != nil && !errors.Is(refused, ErrUnknown) {
				return
			}
		}
		frame := []byte(":\nid: " + tail.Position() + "\n\n") // a comment, and where to go on
		if err == nil {
			frame = batch.Frame(EventStream, frameOf)
		}
		if o.write(frame) != nil {
			return
		}
	}
}

// write sends a frame in time, or returns an error.
func (o *stream) write(frame []byte) error {
	// A writer that knows no deadlines has none to keep.
	if err := o.control.SetWriteDeadline(clock.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := o.w.Write(frame); err != nil {
		return err
	}
	return o.control.Flush()
}

// frameOf returns a batch as events. The position is that of the last one, so that who
// gets half of a batch asks for all of it again.
func frameOf(b *manage.TailBatch) []byte {
	var buf bytes.Buffer
	if b.Skipped {
		buf.WriteString("event: skipped\ndata: {}\n\n")
	}
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	for i := range b.Deliveries {
		if i == len(b.Deliveries)-1 {
			buf.WriteString("id: " + b.Position + "\n")
		}
		buf.WriteString("event: delivery\ndata: ")
		if err := enc.Encode(RowOf(&b.Deliveries[i])); err != nil { // a Row has only what JSON has
			return nil
		}
		buf.WriteByte('\n')
	}
	return buf.Bytes()
}

// shutdown returns a context that ends when the server of a request begins to shut down.
func (s *Streams) shutdown(r *http.Request) context.Context {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return context.Background()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	serving, known := s.serving[server]
	if !known {
		var end context.CancelFunc
		serving, end = context.WithCancel(context.Background())
		server.RegisterOnShutdown(end)
		if s.serving == nil {
			s.serving = make(map[*http.Server]context.Context)
		}
		s.serving[server] = serving
	}
	return serving
}
