//go:build !unix

package e2e_test

import (
	"errors"
	"time"
)

func cpuTime() (time.Duration, error) { return 0, errors.ErrUnsupported }

func residentMemory() (now, peak int64, err error) { return 0, 0, errors.ErrUnsupported }
