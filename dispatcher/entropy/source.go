package entropy

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"sync"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/webhook"
)

// Source makes ids and jitter out of random bytes. It is safe for concurrent use.
type Source struct {
	seed uint64 // of JitterOf

	mu     sync.Mutex
	bytes  *bufio.Reader
	jitter *rand.Rand
}

// New returns a Source over random bytes, which it reads in blocks. The seed of
// the jitter is read at once; the error is the reader's.
func New(bytes io.Reader) (*Source, error) {
	s := &Source{bytes: bufio.NewReaderSize(bytes, 1<<10)}
	var seed [16]byte
	if _, err := io.ReadFull(s.bytes, seed[:]); err != nil {
		return nil, err
	}
	s.seed = binary.LittleEndian.Uint64(seed[8:])
	s.jitter = rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:])))
	return s, nil
}

// ID returns a fresh id of the present time. It fails only if the reader does.
func (s *Source) ID(p webhook.Prefix) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return webhook.NewIDFrom(p, clock.Now(), s.bytes)
}

// Token returns 32 random bytes in base64url, which nobody can guess. It fails only if
// the reader does.
func (s *Source) Token() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b [32]byte
	if _, err := io.ReadFull(s.bytes, b[:]); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// JitterOf returns a number in [0, 1) for the nth of what an id stands for. It depends
// on them and on the reader's first bytes alone, not on what else asks: whoever repeats
// a run with the same bytes gets the same retries.
func (s *Source) JitterOf(id string, n int) float64 {
	h := s.seed
	for i := range len(id) { // FNV-1a
		h = (h ^ uint64(id[i])) * 0x100000001b3
	}
	// SplitMix64: ids differ in their last bytes, and n in its last bits.
	h += uint64(n) * 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return float64((h^h>>31)>>11) / (1 << 53)
}

// Jitter returns a number in [0, 1).
func (s *Source) Jitter() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jitter.Float64()
}
