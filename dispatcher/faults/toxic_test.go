package faults_test

import (
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// poison is a fault of the network between the library and the server.
type poison struct {
	name string
	// toxics are those of toxiproxy, as its API takes them.
	toxics []string
	// blink takes the proxy down and up again, each for so long.
	blink time.Duration
	// forget lets nothing pass over the connections that there are, for good.
	forget bool
	// within is how soon all must work again. Defaults to 5 seconds.
	within time.Duration
	// brief says that the short version has it too.
	brief bool
}

var poisons = []poison{
	{name: "latency 100±50 ms", toxics: []string{`{"type":"latency","attributes":{"latency":100,"jitter":50}}`}},
	{name: "latency 2 s", toxics: []string{`{"type":"latency","attributes":{"latency":2000}}`}},
	{name: "bandwidth 64 KB/s", toxics: []string{
		`{"type":"bandwidth","stream":"upstream","attributes":{"rate":64}}`,
		`{"type":"bandwidth","stream":"downstream","attributes":{"rate":64}}`,
	}},
	{name: "slicer", toxics: []string{
		`{"type":"slicer","stream":"upstream","attributes":{"average_size":64,"size_variation":32,"delay":100}}`,
		`{"type":"slicer","stream":"downstream","attributes":{"average_size":64,"size_variation":32,"delay":100}}`,
	}},
	{name: "dark", toxics: []string{
		`{"type":"timeout","stream":"upstream","attributes":{"timeout":0}}`,
		`{"type":"timeout","stream":"downstream","attributes":{"timeout":0}}`,
	}, brief: true},
	{name: "reset", toxics: []string{`{"type":"reset_peer","attributes":{"timeout":20}}`}},
	{name: "cut after 4 KB", toxics: []string{`{"type":"limit_data","stream":"upstream","attributes":{"bytes":4096}}`}, brief: true},
	{name: "cut after 24 KB", toxics: []string{`{"type":"limit_data","stream":"upstream","attributes":{"bytes":24576}}`}, brief: true},
	{name: "answers cut after 4 KB", toxics: []string{`{"type":"limit_data","attributes":{"bytes":4096}}`}},
	{name: "down and up", blink: 3 * time.Second},
	// Nobody tells the library, so it takes the 10 seconds that a call to the store
	// is given. After the first such call the pool's other connections are closed.
	{name: "connections forgotten", forget: true, within: 15 * time.Second},
	{name: "no requests arrive", toxics: []string{`{"type":"timeout","stream":"upstream","attributes":{"timeout":0}}`}},
	{name: "no answers arrive", toxics: []string{`{"type":"timeout","stream":"downstream","attributes":{"timeout":0}}`}, brief: true},
}

// TestFaultNetwork poisons the connections to the server, one way after the
// other, under load. It does not run beside others: it counts goroutines.
func TestFaultNetwork(t *testing.T) {
	lasting, seeds := time.Second, 1
	if long {
		lasting, seeds = 20*time.Second, 3
	}
	if *toxicFor > 0 {
		lasting, seeds = *toxicFor, 1
	}
	seed := seedOf(t)
	f := newFleet(t, postgrestest.Shared(t), seed, good, slow)
	proxy := newProxy(t, f.server.DSN())
	f.common.DSN = proxy.dsn + "&pool_max_conns=8"
	f.common.Patience = 3 * time.Second
	f.common.Lease = 0 // the default
	cfg := f.common
	cfg.Life = f.ledger.begin()
	c := startLocal(t, cfg)
	r := &poisonRun{fleet: f, child: c, proxy: proxy}
	r.warmUp()
	for range seeds {
		for _, p := range poisons {
			if p.brief || long {
				r.suffer(p, lasting)
			}
		}
	}
	f.receivers.healed.Store(true)
	f.repeatUnknown(c)
	if !f.settleDown(2 * time.Minute) {
		t.Errorf("deliveries are still pending two minutes after the last fault\n%s", c.said())
	}
	c.stop(t)
	f.ledger.end(c.life(), false)
	a := f.close()
	t.Logf("F3, seed %d: slowest publish %v, at most %d connections of %d, %d goroutines more than before; %v",
		seed, r.slowest, r.connections, r.limit, r.grown, &a.figures)
	a.report(t)
	if limit := f.common.Patience + time.Second; r.slowest > limit {
		t.Errorf("a publish call took %v; want at most %v, its context's deadline and a second", r.slowest, limit)
	}
	if r.connections > r.limit {
		t.Errorf("the pool had %d connections; want at most %d", r.connections, r.limit)
	}
	if a.figures.duplicates > 0 {
		t.Errorf("%d deliveries were accepted twice; want none: no dispatcher died", a.figures.duplicates)
	}
}

// poisonRun is a library in this process, behind a proxy.
type poisonRun struct {
	*fleet
	child *local
	proxy *proxy

	baseline           int // goroutines
	grown              int // the most there were above the baseline
	slowest            time.Duration
	connections, limit int32
}

// warmUp finds out how many goroutines there are without a fault.
func (r *poisonRun) warmUp() {
	stop := r.publish()
	time.Sleep(500 * time.Millisecond)
	stop()
	r.settleDown(10 * time.Second)
	r.baseline = ours()
}

func (r *poisonRun) publish() (stop func()) {
	return r.load.publishTo(func(int) publisher { return r })
}

// call implements publisher, and watches.
func (r *poisonRun) call(o order) (answer, bool) {
	a, ok := r.child.call(o)
	open, most := r.child.connections()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slowest = max(r.slowest, time.Duration(a.Micros)*time.Microsecond)
	r.connections, r.limit = max(r.connections, open), most
	return a, ok
}

func (r *poisonRun) life() int { return r.child.life() }

// suffer publishes while the network is poisoned, and measures how soon it
// recovers.
func (r *poisonRun) suffer(p poison, lasting time.Duration) {
	t := r.t
	t.Helper()
	before := r.ledger.count(acknowledged)
	stop := r.publish()
	r.proxy.poison(t, p, lasting)
	healed := time.Now()
	during := r.ledger.count(acknowledged) - before
	var o outages
	o.await(r.fleet, healed, r.child.said)
	stop()
	pending := r.settleDown(20 * time.Second)
	grown := 0
	// pgx takes up to 15 seconds to close a connection that does not answer.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if grown = ours() - r.baseline; grown <= 5 || time.Now().After(deadline) {
			break
		}
	}
	r.grown = max(r.grown, grown)
	t.Logf("F3 %s for %v: %d acknowledged, publishing again after %v, delivering after %v, %+d goroutines",
		p.name, lasting, during, o.published[0], o.delivered[0], grown)
	if p.within == 0 {
		p.within = 5 * time.Second
	}
	limit := patience(p.within)
	if o.published[0] > limit || o.delivered[0] > limit {
		t.Errorf("%s: publishing worked again after %v and delivering after %v; want at most %v\n%s",
			p.name, o.published[0], o.delivered[0], limit, r.child.said())
	}
	if grown > 5 {
		t.Errorf("%s: left %d goroutines behind; want at most 5\n%s", p.name, grown, strings.Join(stacks(), "\n\n"))
	}
	if !pending {
		t.Errorf("%s: deliveries are still pending 20 seconds after\n%s", p.name, r.child.said())
	}
}

// ours counts the goroutines that are neither those of connections over HTTP,
// which are kept for later, nor of the proxy.
func ours() int { return len(stacks()) }

func stacks() []string {
	buf := make([]byte, 8<<20)
	var found []string
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if !strings.Contains(stack, "net/http.") && !strings.Contains(stack, "toxiproxy") && !strings.Contains(stack, "(*relay)") {
			found = append(found, stack)
		}
	}
	return found
}

// proxy is toxiproxy in front of a server.
type proxy struct {
	*toxiproxy.Proxy
	relay *relay
	dsn   string
}

func newProxy(t *testing.T, dsn string) *proxy {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	zerolog.SetGlobalLevel(zerolog.Disabled) // the toxics have a logger of their own
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &proxy{Proxy: toxiproxy.NewProxy(server, "postgres", "127.0.0.1:0", u.Host)}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	p.relay = newRelay(t, p.Listen)
	u.Host = p.relay.listener.Addr().String()
	p.dsn = u.String()
	return p
}

// poison makes the fault, and takes it away after a while.
func (p *proxy) poison(t *testing.T, what poison, lasting time.Duration) {
	t.Helper()
	if what.forget {
		p.relay.forget()
		return
	}
	if what.blink > 0 {
		for began := time.Now(); ; {
			p.Stop()
			time.Sleep(what.blink)
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			if time.Since(began) >= lasting {
				return
			}
			time.Sleep(what.blink)
		}
	}
	for i, toxic := range what.toxics {
		named := strings.Replace(toxic, "{", fmt.Sprintf(`{"name":"t%d",`, i), 1)
		if _, err := p.Toxics.AddToxicJson(strings.NewReader(named)); err != nil {
			t.Fatalf("add toxic %s: %v", toxic, err)
		}
	}
	time.Sleep(lasting)
	for i := range what.toxics {
		if err := p.Toxics.RemoveToxic(t.Context(), fmt.Sprintf("t%d", i)); err != nil {
			t.Fatalf("remove toxic: %v", err)
		}
	}
}
