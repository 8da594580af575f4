package faults_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load is the publishers: clients that each have one call under way, in a child
// that comes and goes.
type load struct {
	ledger *ledger
	seed   uint64
	// clients is how many there are, and pace the least time between two calls
	// of one client.
	clients int
	pace    time.Duration
	// types are the event types, in turn.
	types []string
	// orderingKeys is how many ordering keys events have, in any order, if any.
	orderingKeys int
	next         atomic.Int64
}

// run publishes until the child ends or stop is closed, what is unknown first.
// fresh allows new events beside. acked is closed at the first acknowledgement.
func (ld *load) run(p *process, stop <-chan struct{}, fresh bool) (acked <-chan struct{}, done *sync.WaitGroup) {
	first := make(chan struct{})
	var once sync.Once
	done = new(sync.WaitGroup)
	for range ld.clients {
		done.Go(func() {
			pace := time.NewTicker(ld.pace)
			defer pace.Stop()
			for p.alive() {
				pub := ld.ledger.takeUnknown()
				if pub == nil && !fresh {
					return
				}
				if pub == nil {
					pub = ld.publication()
				}
				if a, ok := ld.publish(p, pub); ok && a.Result == acknowledged {
					once.Do(func() { close(first) })
				}
				select {
				case <-pace.C:
				case <-stop:
					return
				case <-p.ended:
				}
			}
		})
	}
	return first, done
}

// publishTo publishes with all clients until the function that it returns is
// called, what is unknown first; that waits for the calls under way. Call n goes
// to whom pick(n) returns, which may be nobody.
func (ld *load) publishTo(pick func(n int) publisher) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for i := range ld.clients {
		clients.Go(func() {
			pace := time.NewTicker(ld.pace)
			defer pace.Stop()
			for n := i; ctx.Err() == nil; n++ {
				if p := pick(n); p != nil {
					pub := ld.ledger.takeUnknown()
					if pub == nil {
						pub = ld.publication()
					}
					ld.publish(p, pub)
				}
				<-pace.C
			}
		})
	}
	return sync.OnceFunc(func() {
		cancel()
		clients.Wait()
	})
}

// publishN publishes n new events, with all clients at once.
func (ld *load) publishN(p publisher, n int) {
	var left atomic.Int64
	left.Store(int64(n))
	var clients sync.WaitGroup
	for range ld.clients {
		clients.Go(func() {
			for left.Add(-1) >= 0 {
				ld.publish(p, ld.publication())
			}
		})
	}
	clients.Wait()
}

// publisher is a child, in a process of its own or not.
type publisher interface {
	// call gives an order and returns the answer, or false if there was none.
	call(order) (answer, bool)
	// life returns its number in the ledger.
	life() int
}

// publish makes one call and notes its answer.
func (ld *load) publish(p publisher, pub *publication) (answer, bool) {
	ld.ledger.called(pub)
	a, ok := p.call(order{Do: doPublish, Key: pub.key, Type: pub.eventType, Data: pub.data, OrderingKey: pub.orderingKey})
	ld.ledger.answered(pub, p.life(), a, ok)
	return a, ok
}

// publication makes the next event. Most are small, a few take several pages.
func (ld *load) publication() *publication {
	n := ld.next.Add(1)
	rnd := rand.New(rand.NewPCG(ld.seed, uint64(n)))
	size := rnd.IntN(600)
	if rnd.IntN(20) == 0 {
		size = rnd.IntN(16 << 10)
	}
	pub := ld.sized(n, size)
	if ld.orderingKeys > 0 {
		pub.orderingKey = fmt.Sprint(rnd.IntN(ld.orderingKeys))
	}
	return pub
}

// sized makes an event with a payload of about that many bytes.
func (ld *load) sized(n int64, size int) *publication {
	key := fmt.Sprintf("mark%07dx", n)
	return &publication{
		key: key, eventType: ld.types[int(n)%len(ld.types)],
		data: fmt.Appendf(nil, `{"key":%q,"fill":%q}`, key, strings.Repeat("f", size)),
	}
}
