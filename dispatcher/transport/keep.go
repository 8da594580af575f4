package transport

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// scratch is what a read buffer has beyond MaxBodyKept, for bytes that only
// have to be read past.
const scratch = 8 << 10

var buffers = sync.Pool{New: func() any { return new([MaxBodyKept + scratch]byte) }}

// readBody reads body up to MaxBodyRead and returns the first MaxBodyKept
// bytes. It reports whether there was more, or may have been: err is the error
// that ended the body early.
func readBody(body io.Reader) (kept []byte, truncated bool, err error) {
	if body == http.NoBody {
		return nil, false, nil
	}
	buf := buffers.Get().(*[MaxBodyKept + scratch]byte)
	defer buffers.Put(buf)
	n, total := 0, 0
	for total < MaxBodyRead && err == nil {
		var m int
		m, err = body.Read(buf[n:min(len(buf), n+MaxBodyRead-total)])
		total += m
		n = min(n+m, MaxBodyKept)
	}
	if n > 0 {
		kept = bytes.Clone(buf[:n])
	}
	if err == io.EOF {
		return kept, total > n, nil
	}
	return kept, true, err
}

// keepHeader returns what is kept of a response header. It may change h, which
// is the caller's to give away.
func keepHeader(h http.Header) http.Header {
	for i, v := range h["Location"] {
		h["Location"][i] = v[:min(len(v), MaxLocation)]
	}
	size := 0
	for name, values := range h {
		size += headerSize(name, values)
	}
	if size <= MaxHeaderKept {
		return h
	}
	kept := make(http.Header)
	size = 0
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if n := headerSize(name, h[name]); size+n <= MaxHeaderKept {
			kept[name] = h[name]
			size += n
		}
	}
	return kept
}

func headerSize(name string, values []string) int {
	n := 0
	for _, v := range values {
		n += len(name) + len(v)
	}
	return n
}
