package webhooktest

import (
	"net/http"
	"sync"
)

// Script answers requests one after the other: the first by the first handler, and so
// on; the last one answers all that follow. An empty script answers 204. A handler may
// be of this package, of net/http, or the test's own; it finds the body as it was sent,
// and no signature that is not genuine ever gets to it.
func Script(answers ...http.Handler) http.Handler {
	s := &sequence{answers: answers}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.next().ServeHTTP(w, r) })
}

// PerEvent is a Script of its own for each webhook-id, however the requests of several
// come: PerEvent(Status(500), OK()) fails the first attempt at every event.
func PerEvent(answers ...http.Handler) http.Handler {
	var mu sync.Mutex
	scripts := make(map[string]*sequence)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("Webhook-Id")
		mu.Lock()
		s := scripts[id]
		if s == nil {
			s = &sequence{answers: answers}
			scripts[id] = s
		}
		mu.Unlock()
		s.next().ServeHTTP(w, r)
	})
}

// sequence gives out answers in their order, the last one for ever.
type sequence struct {
	mu      sync.Mutex
	answers []http.Handler
}

func (s *sequence) next() http.Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.answers) == 0 {
		return OK()
	}
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return answer
}
