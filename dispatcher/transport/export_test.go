package transport

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

var errRecorded = errors.New("recorded, not dialled")

// RecordDials makes h connect to nothing: record is told each address that has
// passed the guard instead. It must be called before the first Send.
func (h *HTTP) RecordDials(record func(address string)) {
	judge := h.control
	h.control = func(to guard.Destination) func(context.Context, string, string, syscall.RawConn) error {
		return func(ctx context.Context, network, address string, c syscall.RawConn) error {
			if err := judge(to)(ctx, network, address, c); err != nil {
				return err
			}
			record(address)
			return errRecorded
		}
	}
}

// PoolName returns what connections of TLS settings are kept under.
func PoolName(settings webhook.TLS) string { return poolName(NewTLS(settings).poolKey()) }

// SetPings changes when a connection of HTTP/2 is asked whether it still lives, and
// how long its answer may take. It must be called before the first Send.
func (h *HTTP) SetPings(after, timeout time.Duration) {
	h.rt.HTTP2.SendPingTimeout, h.rt.HTTP2.PingTimeout = after, timeout
}
