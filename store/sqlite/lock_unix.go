//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/postrider/postrider/store"
)

// tryLock locks a file, which stays when the lock is given back: removing it
// would let two processes lock two files of one name. The operating system
// gives the lock back when the process ends. Two locks of one process exclude
// each other too.
func tryLock(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: open lock: %w", store.ErrUnavailable, err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = store.ErrLeaseHeld
	case err != nil:
		err = fmt.Errorf("%w: lock %s: %w", store.ErrUnavailable, path, err)
	default:
		return f, nil
	}
	_ = f.Close() // nothing was written
	return nil, err
}
