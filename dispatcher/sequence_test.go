package dispatcher_test

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// sequence is when events of one ordering key were published, and what arrived.
type sequence struct {
	mu        sync.Mutex
	published map[string]span // by event id
	arrived   []string        // event ids, each when it first came
}

// span is when a call of Publish began and returned.
type span struct{ began, returned time.Time }

func newSequence() *sequence { return &sequence{published: map[string]span{}} }

func (s *sequence) publish(id string, began, returned time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published[id] = span{began, returned}
}

func (s *sequence) arrive(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.arrived, id) {
		s.arrived = append(s.arrived, id)
	}
}

// inversions returns the events that arrived after one whose Publish began when
// theirs had returned.
func (s *sequence) inversions() (late []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var latest time.Time
	for _, id := range s.arrived {
		p, known := s.published[id]
		if !known {
			continue
		}
		if p.returned.Before(latest) {
			late = append(late, id)
		}
		if p.began.After(latest) {
			latest = p.began
		}
	}
	return late
}

func TestInversionsAreFound(t *testing.T) {
	s, at := newSequence(), time.Now()
	for i, id := range []string{"a", "b", "c"} {
		began := at.Add(time.Duration(i) * time.Second)
		s.publish(id, began, began.Add(time.Millisecond))
	}
	s.publish("together with b", at.Add(time.Second), at.Add(time.Second))
	for _, id := range []string{"a", "c", "b", "together with b", "a"} {
		s.arrive(id)
	}
	if got := s.inversions(); !slices.Equal(got, []string{"b", "together with b"}) {
		t.Errorf("inversions = %v; want b and what was published with it, which came after c", got)
	}
}
