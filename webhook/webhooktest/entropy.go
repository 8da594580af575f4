package webhooktest

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"sync"
)

// Entropy returns an endless source for dispatcher.Config.Entropy that is the same for
// the same seed, so that a test can compare ids and times of retries with those of
// another run: in a synctest bubble, whose clock is the same every time, as long as
// what happens at once does so in the same order. Secrets stay random. It is safe for
// concurrent use.
func Entropy(seed uint64) io.Reader {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return &entropy{source: rand.NewChaCha8(key)}
}

type entropy struct {
	mu     sync.Mutex
	source *rand.ChaCha8
}

// Read implements io.Reader. It never fails.
func (e *entropy) Read(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.source.Read(b)
}
