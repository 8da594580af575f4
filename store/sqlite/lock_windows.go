package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/postrider/postrider/store"
)

// errorSharingViolation is ERROR_SHARING_VIOLATION.
const errorSharingViolation = syscall.Errno(32)

// tryLock opens a file that nobody else may have open. Windows closes it when
// the process ends.
func tryLock(path string) (io.Closer, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	switch {
	case errors.Is(err, errorSharingViolation):
		return nil, store.ErrLeaseHeld
	case err != nil:
		return nil, fmt.Errorf("%w: lock %s: %w", store.ErrUnavailable, path, err)
	}
	return os.NewFile(uintptr(h), path), nil
}
