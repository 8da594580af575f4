package faults_test

import (
	"crypto/sha256"
	"sync"
	"time"
)

// ledger is what the parent knows for certain: every publish call and every
// request. It dies with nobody.
type ledger struct {
	mu           sync.Mutex
	publications map[string]*publication // by key
	repeat       []*publication          // unknown, to be repeated
	requests     []*request
	rounds       []*round
}

// publication is one event to be published. It may take several calls.
type publication struct {
	key, eventType string
	data           []byte
	result         result // "" while the first call is under way
	event          string // its id, once acknowledged
	deliveries     int
	duplicate      bool // its last receipt said so
	calls          int
	acknowledgedAt time.Time
}

// request is one request that arrived.
type request struct {
	round    int
	receiver int
	id, key  string // of the event
	at       time.Time
	body     [sha256.Size]byte
	refusal  error // of the signature
	// status is the answer, or 0 if there was none.
	status int
}

func (r *request) accepted() bool { return r.status >= 200 && r.status <= 299 }

// round is the life of one child. No request arrives between two rounds.
type round struct {
	started, ended time.Time
	killed         bool
	failpoint      bool // it was killed at one
	// unanswered counts the publish calls that had no answer at the end.
	unanswered int
	first      time.Time // when the first request arrived, or zero
	whole      string    // the verdict of the integrity check
}

func newLedger() *ledger { return &ledger{publications: map[string]*publication{}} }

// begin starts a round. The child is started next.
func (l *ledger) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rounds = append(l.rounds, &round{started: time.Now()})
}

// end ends it. Nothing is on its way to the receivers any more.
func (l *ledger) end(killed bool, whole string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.rounds[len(l.rounds)-1]
	r.ended, r.killed, r.whole = time.Now(), killed, whole
}

// diedAtFailpoint notes that the child of this round did.
func (l *ledger) diedAtFailpoint() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rounds[len(l.rounds)-1].failpoint = true
}

// called notes that a publish call is about to be made.
func (l *ledger) called(p *publication) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.calls++
	l.publications[p.key] = p
}

// answered notes the answer to it. A call without an answer is unknown.
func (l *ledger) answered(p *publication, a answer, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ok {
		l.rounds[len(l.rounds)-1].unanswered++
		a.Result = unknown
	}
	p.result = a.Result
	switch a.Result {
	case acknowledged:
		p.event, p.deliveries, p.duplicate = a.Receipt.EventID, a.Receipt.Deliveries, a.Receipt.Duplicate
		p.acknowledgedAt = time.Now()
	case unknown:
		l.repeat = append(l.repeat, p)
	}
}

// takeUnknown takes a publication that has to be repeated, or nil.
func (l *ledger) takeUnknown() *publication {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.repeat) == 0 {
		return nil
	}
	p := l.repeat[0]
	l.repeat = l.repeat[1:]
	return p
}

// arrived notes a request.
func (l *ledger) arrived(r *request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.at, r.round = time.Now(), len(l.rounds)-1
	if current := l.rounds[r.round]; current.first.IsZero() {
		current.first = r.at
	}
	l.requests = append(l.requests, r)
}

// replied notes what it is answered, before the answer goes out.
func (l *ledger) replied(r *request, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.status = status
}

// count returns how many publications have a result.
func (l *ledger) count(r result) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.publications {
		if p.result == r {
			n++
		}
	}
	return n
}
