package faults_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// relay passes connections on, and can forget those that it has, as a firewall
// does that was started anew: they stay open, and nothing passes any more.
type relay struct {
	listener net.Listener
	upstream string
	serving  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool // and whether it is forgotten
}

// newRelay starts a relay, which ends with the test.
func newRelay(t *testing.T, upstream string) *relay {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, upstream: upstream, conns: map[net.Conn]bool{}}
	r.serving.Go(r.serve)
	t.Cleanup(func() {
		_ = listener.Close() // it has nothing to lose
		r.mu.Lock()
		for c := range r.conns {
			_ = c.Close() // likewise
		}
		r.mu.Unlock()
		r.serving.Wait()
	})
	return r
}

func (r *relay) serve() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return // it was closed
		}
		server, err := net.Dial("tcp", r.upstream)
		if err != nil {
			_ = client.Close() // it learns that nobody is there
			continue
		}
		r.mu.Lock()
		r.conns[client], r.conns[server] = false, false
		r.mu.Unlock()
		r.serving.Go(func() { r.pass(client, server) })
		r.serving.Go(func() { r.pass(server, client) })
	}
}

// pass copies what arrives until one side closes.
func (r *relay) pass(from, to net.Conn) {
	_, _ = io.Copy(gated{r, from, to}, from) // the end of a connection is no error
	_ = from.Close()
	_ = to.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, from)
}

// forget lets nothing pass any more over the present connections.
func (r *relay) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		r.conns[c] = true
	}
}

// gated drops what comes from a connection that is forgotten.
type gated struct {
	relay    *relay
	from, to net.Conn
}

func (g gated) Write(b []byte) (int, error) {
	g.relay.mu.Lock()
	forgotten := g.relay.conns[g.from]
	g.relay.mu.Unlock()
	if forgotten {
		return len(b), nil
	}
	return g.to.Write(b)
}
