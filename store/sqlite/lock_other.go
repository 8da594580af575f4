//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package sqlite

import (
	"fmt"
	"io"

	"github.com/postrider/postrider/store"
)

// tryLock has no lock to offer that falls with the process.
func tryLock(string) (io.Closer, error) {
	return nil, fmt.Errorf("%w: this operating system has no file locks", store.ErrUnavailable)
}
