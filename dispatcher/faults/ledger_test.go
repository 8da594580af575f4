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
	lives        []*life
	verdicts     []string // of integrity checks, "ok" if all is well
}

// publication is one event to be published. It may take several calls.
type publication struct {
	key, eventType string
	data           []byte
	orderingKey    string
	result         result // "" while the first call is under way
	event          string // its id, once acknowledged
	deliveries     int
	duplicate      bool // its last receipt said so
	calls          int
	// calledAt and answeredAt are those of the last call, and firstCalledAt is
	// that of the first.
	firstCalledAt, calledAt, answeredAt time.Time
}

// request is one request that arrived.
type request struct {
	// number is told to the sender with the answer, who writes it down with the
	// attempt.
	number   int
	life     int // of the sender
	receiver int
	id, key  string // of the event
	at       time.Time
	body     [sha256.Size]byte
	refusal  error // of the signature
	untimely bool  // the signature is of a time that the receiver would refuse
	// status is the answer, or 0 if there was none.
	status int
}

func (r *request) accepted() bool { return r.status >= 200 && r.status <= 299 }

// life is that of one child. It says so with every request.
type life struct {
	started, ended time.Time
	killed         bool
	failpoint      bool // it was killed at one
	// stopped counts how often it stood still for longer than its lease.
	stopped int
	// unanswered counts the publish calls that had no answer at the end.
	unanswered int
	first      time.Time // when the first request arrived, or zero
}

// crashes is how often what was under way may have been lost.
func (l *life) crashes() int {
	if l.killed {
		return l.stopped + 1
	}
	return l.stopped
}

func newLedger() *ledger { return &ledger{publications: map[string]*publication{}} }

// begin starts a life, and returns its number. The child is started next.
func (l *ledger) begin() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lives = append(l.lives, &life{started: time.Now()})
	return len(l.lives) - 1
}

// change changes what is known of a life.
func (l *ledger) change(n int, change func(*life)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l.lives[n])
}

// end ends a life.
func (l *ledger) end(n int, killed bool) {
	l.change(n, func(of *life) { of.ended, of.killed = time.Now(), killed })
}

// judged notes the verdict of an integrity check.
func (l *ledger) judged(verdict string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.verdicts = append(l.verdicts, verdict)
}

// called notes that a publish call is about to be made.
func (l *ledger) called(p *publication) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.calls++
	p.calledAt = time.Now()
	if p.calls == 1 {
		p.firstCalledAt = p.calledAt
	}
	l.publications[p.key] = p
}

// answered notes a child's answer to it. A call without an answer is unknown.
func (l *ledger) answered(p *publication, child int, a answer, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ok {
		l.lives[child].unanswered++
		a.Result = unknown
	}
	if p.calls > 1 && a.Result == refused {
		a.Result = unknown // this call has stored nothing; one before may have
	}
	p.result, p.answeredAt = a.Result, time.Now()
	switch a.Result {
	case acknowledged:
		p.event, p.deliveries, p.duplicate = a.Receipt.EventID, a.Receipt.Deliveries, a.Receipt.Duplicate
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
	r.at, r.number = time.Now(), len(l.requests)+1
	if r.life >= 0 && r.life < len(l.lives) && l.lives[r.life].first.IsZero() {
		l.lives[r.life].first = r.at
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
