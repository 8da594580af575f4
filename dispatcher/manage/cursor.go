package manage

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/webhook"
)

// Position is where a page of a list ends.
type Position struct {
	// List is the name of the list, and Filter what it was narrowed by: any value
	// that JSON takes, such as a store.DeliveryFilter.
	List   string
	Filter any
	// After is the last id of the page, which is where the next one goes on.
	After string
}

const (
	// cursorLifetime is how long a client may take to ask for the next page: as long
	// as an idempotency key is remembered.
	cursorLifetime = 24 * time.Hour
	// macLen is how much of the HMAC-SHA256 a cursor has: half, as RFC 2104, section
	// 5, allows.
	macLen  = 16
	timeLen = 8
	// maxCursorLen bounds what is decoded, in base64. Ids have at most 30 bytes, and the
	// names of event types 128.
	maxCursorLen = (macLen + timeLen + webhook.MaxEventTypeLen + 2) / 3 * 4
)

// invalidCursor is what is wrong with a cursor, whatever that is.
var invalidCursor = webhook.Invalid("cursor", webhook.CodeInvalidCursor, "Start again from the first page.")

// Cursor returns a text for a client to ask for the next page with. OpenCursor accepts
// it within 24 hours, for the same tenant, list and filter only, in every process over
// the same store. The error is the store's, or a *webhook.InvalidError for what can be no
// tenant.
func (m *Manager) Cursor(ctx context.Context, tenant string, p Position) (string, error) {
	at := binary.BigEndian.AppendUint64(nil, uint64(max(clock.Now().Unix(), 0)))
	mac, err := m.cursorMAC(ctx, tenant, p, at)
	if err != nil {
		return "", fmt.Errorf("make a cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(append(append(mac, at...), p.After...)), nil
}

// OpenCursor returns the After of the Position that a cursor was made for, whose List
// and Filter must be p's. A cursor that was altered, that was made for another tenant,
// list or filter, or that has expired is a *webhook.InvalidError, field cursor, code
// invalid_cursor; unless it has only expired, it counts for an incident. Other errors
// are the store's.
func (m *Manager) OpenCursor(ctx context.Context, tenant string, p Position, cursor string) (after string, err error) {
	if !validTenant(tenant) {
		return "", invalidCursor
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor[:min(len(cursor), maxCursorLen)])
	// The decoder passes over line breaks.
	if err != nil || base64.RawURLEncoding.EncodeToString(raw) != cursor || len(raw) < macLen+timeLen {
		m.incident(tenant, webhook.IncidentCursor, "")
		return "", invalidCursor
	}
	mac, at := raw[:macLen], raw[macLen:macLen+timeLen]
	p.After = string(raw[macLen+timeLen:])
	want, err := m.cursorMAC(ctx, tenant, p, at)
	if err != nil {
		return "", fmt.Errorf("open a cursor: %w", err)
	}
	if !hmac.Equal(mac, want) {
		m.incident(tenant, webhook.IncidentCursor, "")
		return "", invalidCursor
	}
	made := time.Unix(int64(binary.BigEndian.Uint64(at)), 0)
	if clock.Now().Sub(made) > cursorLifetime {
		return "", invalidCursor
	}
	return p.After, nil
}

func (m *Manager) cursorMAC(ctx context.Context, tenant string, p Position, at []byte) ([]byte, error) {
	if !validTenant(tenant) {
		return nil, webhook.Invalid("tenant", webhook.CodeInvalidField, "Is no tenant.")
	}
	filter, err := json.Marshal(p.Filter)
	if err != nil {
		return nil, err
	}
	mac, err := m.d.MAC(ctx, tenant, "cursor", []byte(p.List), filter, at, []byte(p.After))
	if err != nil {
		return nil, err
	}
	return mac[:macLen:macLen], nil
}
