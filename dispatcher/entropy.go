package dispatcher

import (
	"bufio"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"sync"

	"github.com/postrider/postrider/webhook"
)

// entropy is the engine's only source of randomness: ids and jitter. It reads
// its source in blocks.
type entropy struct {
	mu     sync.Mutex
	source *bufio.Reader
	jitter *rand.Rand
}

func newEntropy(source io.Reader) (*entropy, error) {
	e := &entropy{source: bufio.NewReaderSize(source, 1<<10)}
	var seed [16]byte
	if _, err := io.ReadFull(e.source, seed[:]); err != nil {
		return nil, err
	}
	e.jitter = rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:])))
	return e, nil
}

// id returns a fresh id. It fails only if the source of entropy does.
func (e *entropy) id(p webhook.Prefix) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return webhook.NewIDFrom(p, now(), e.source)
}

// random returns a number in [0, 1).
func (e *entropy) random() float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.jitter.Float64()
}
