package transport

import (
	"context"
	"errors"
	"syscall"
)

var errRecorded = errors.New("recorded, not dialled")

// RecordDials makes h connect to nothing: record is told each address that has
// passed the guard instead. It must be called before the first Send.
func (h *HTTP) RecordDials(record func(address string)) {
	judge := h.dialer.ControlContext
	h.dialer.ControlContext = func(ctx context.Context, network, address string, c syscall.RawConn) error {
		if err := judge(ctx, network, address, c); err != nil {
			return err
		}
		record(address)
		return errRecorded
	}
}
