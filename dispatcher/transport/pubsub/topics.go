package pubsub

import (
	"context"
	"errors"
	"sync"

	"gocloud.dev/pubsub"

	"github.com/postrider/postrider/dispatcher/transport"
)

// defaultMaxTopics is as many as a dispatcher sends at once by default: more are
// never in use.
const defaultMaxTopics = 512

// Config says which topics there are. Open and Allow are required.
type Config struct {
	// Open opens the topic of a URL, such as gocloud.dev/pubsub.OpenTopic does with
	// the drivers that are linked. It is called once for as long as the topic is
	// kept, with a context that ends with Close and not with the attempt.
	Open func(ctx context.Context, url string) (*pubsub.Topic, error)

	// Allow reports whether endpoints of a tenant may have a URL. It is asked with
	// the URL as it was typed, when an endpoint is created or changed, and must
	// answer from memory.
	Allow func(tenant, url string) bool

	// MaxTopics bounds the topics that are kept open without being in use; beyond it
	// the one that was used longest ago is shut down.
	// Defaults to 512.
	MaxTopics int
}

// Topics is a transport.Scheme. Create it with New, and close it when nothing is sent
// any more. It is safe for concurrent use.
type Topics struct {
	cfg Config
	// ctx is that of what is opened; Close ends it.
	ctx    context.Context //nolint:containedctx // of the goroutines, not of a call
	cancel context.CancelFunc
	opened sync.WaitGroup

	mu     sync.Mutex
	closed bool
	uses   uint64 // counts, to order topics by
	topics map[string]*topic
}

// topic is one that is open or being opened. Its fields are under the mutex of Topics,
// except that what is beside ready may be read once that is closed.
type topic struct {
	ready chan struct{}
	topic *pubsub.Topic
	err   error

	users int
	used  uint64
	// broken says that it was taken out since messages could not be sent: a connection
	// may be gone for good. Who has it in hand last shuts it down.
	broken bool
}

var _ transport.Scheme = (*Topics)(nil)

// New returns a transport that has no topic open yet. A Config that lacks something is
// an error.
func New(cfg Config) (*Topics, error) {
	if cfg.MaxTopics == 0 {
		cfg.MaxTopics = defaultMaxTopics
	}
	switch {
	case cfg.Open == nil || cfg.Allow == nil:
		return nil, errors.New("pubsub: Config.Open and Config.Allow are required")
	case cfg.MaxTopics < 0:
		return nil, errors.New("pubsub: Config.MaxTopics must not be negative")
	}
	t := &Topics{cfg: cfg, topics: make(map[string]*topic)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t, nil
}

var errNotAllowed = errors.New("pubsub: topic is not allowed")

// CheckURL implements transport.Scheme: it returns a URL that the tenant may have as it
// is.
func (t *Topics) CheckURL(tenant, raw string) (string, error) {
	if !t.cfg.Allow(tenant, raw) {
		return "", errNotAllowed
	}
	return raw, nil
}

// Close shuts all topics down, which lets messages under way be sent until ctx ends.
// What is sent afterwards fails. Errors are those of the topics. Only the first call
// does anything.
func (t *Topics) Close(ctx context.Context) error {
	t.mu.Lock()
	topics := t.topics
	t.topics, t.closed = nil, true
	t.mu.Unlock()
	t.cancel()
	t.opened.Wait()
	var errs []error
	for _, o := range topics {
		if o.topic != nil {
			errs = append(errs, o.topic.Shutdown(ctx))
		}
	}
	return errors.Join(errs...)
}

var errClosed = errors.New("pubsub: transport is closed")

// acquire returns the topic of a URL, opened if it has to be, for as long as the caller
// has not released it. The errors are errClosed, openError and those of ctx.
func (t *Topics) acquire(ctx context.Context, url string) (*topic, error) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil, errClosed
	}
	o := t.topics[url]
	if o == nil {
		o = &topic{ready: make(chan struct{})}
		t.topics[url] = o
		t.opened.Go(func() { t.open(url, o) })
	}
	t.uses++
	o.users, o.used = o.users+1, t.uses
	t.mu.Unlock()

	select {
	case <-o.ready:
		if o.err == nil {
			return o, nil
		}
		t.release(o)
		return nil, o.err
	case <-ctx.Done():
		t.release(o)
		return nil, ctx.Err()
	}
}

// open opens a topic for all who wait for it. One that cannot be opened is forgotten,
// so that the next attempt tries again.
func (t *Topics) open(url string, o *topic) {
	defer close(o.ready)
	o.topic, o.err = t.cfg.Open(t.ctx, url)
	if o.err == nil && o.topic == nil {
		o.err = errors.New("pubsub: Config.Open returned no topic")
	}
	if o.err != nil {
		o.err = &openError{o.err}
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.topics[url] == o {
			delete(t.topics, url)
		}
	}
}

// openError tells that there is no topic to send to.
type openError struct{ error }

func (e *openError) Unwrap() error { return e.error }

// release lets a topic be shut down if it is one too many, or broken.
func (t *Topics) release(o *topic) {
	t.mu.Lock()
	o.users--
	unused := t.surplus()
	if o.broken && o.users == 0 {
		unused = o
	}
	t.mu.Unlock()
	if unused != nil {
		_ = unused.topic.Shutdown(t.ctx) // nothing is under way
	}
}

// giveUp takes a topic out that may be broken, so that the next attempt opens it anew.
func (t *Topics) giveUp(url string, o *topic) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.topics[url] == o {
		delete(t.topics, url)
		o.broken = true
	}
}

// surplus takes the topic that was used longest ago out, if more are idle than are
// kept, and returns it, or nil.
func (t *Topics) surplus() *topic {
	var idle int
	var oldest *topic
	var at string
	if len(t.topics) <= t.cfg.MaxTopics {
		return nil
	}
	for url, o := range t.topics {
		if o.users > 0 || !o.isOpen() {
			continue
		}
		if idle++; oldest == nil || o.used < oldest.used {
			oldest, at = o, url
		}
	}
	if idle <= t.cfg.MaxTopics {
		return nil
	}
	delete(t.topics, at)
	return oldest
}

func (o *topic) isOpen() bool {
	select {
	case <-o.ready:
		return o.topic != nil
	default:
		return false
	}
}
