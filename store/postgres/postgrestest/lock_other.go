//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package postgrestest

import "errors"

// lock has no lock to offer that falls with the process.
func lock(string) (unlock func(), err error) { return func() {}, errors.ErrUnsupported }

func tryLock(string) (unlock func(), err error) { return func() {}, errors.ErrUnsupported }
