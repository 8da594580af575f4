//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package postgrestest

import (
	"errors"
	"os"
	"syscall"
)

// lock locks a file, which it makes if there is none, and waits until nobody else
// has it. The system gives the lock back when this process ends.
func lock(path string) (unlock func(), err error) {
	return flock(path, os.O_CREATE, syscall.LOCK_EX)
}

// tryLock locks a file that exists, or returns an error if somebody else has it.
func tryLock(path string) (unlock func(), err error) {
	return flock(path, 0, syscall.LOCK_EX|syscall.LOCK_NB)
}

func flock(path string, flags, how int) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|flags, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // nothing was written
}
