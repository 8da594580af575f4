package manage

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Audit returns a page of a tenant's audit log, newest first: who changed what, from
// where and when, as webhook.WithActor said. Every change that a method of Manager
// makes has one record, which is stored with it or not at all, and so has what the
// library changes by itself; calls that change nothing have none. Records are kept
// for as long as dispatcher.Config says, 400 days by default.
//
// Errors are *webhook.InvalidError with the fields to (not after from) and after (not
// a record's id).
func (m *Manager) Audit(ctx context.Context, tenant string, filter store.AuditFilter, page store.Page) ([]webhook.AuditRecord, error) {
	var inv webhook.InvalidError
	checkList(&inv, webhook.PrefixAudit, filter.From, filter.To, page)
	if err := inv.Err(); err != nil {
		return nil, err
	}
	if !validTenant(tenant) || !storable(string(filter.Action), filter.Actor, filter.Resource) {
		return nil, nil
	}
	return m.store.ListAudit(ctx, tenant, filter, page)
}

// storable reports whether a database can have such texts. Others are nowhere.
func storable(texts ...string) bool {
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.Contains(s, "\x00") {
			return false
		}
	}
	return true
}

// audit returns the record of a change. before and after are what JSON takes, or nil.
func (m *Manager) audit(ctx context.Context, r webhook.AuditRecord, before, after any) (webhook.AuditRecord, error) {
	for _, side := range []struct {
		value any
		text  *json.RawMessage
	}{{before, &r.Before}, {after, &r.After}} {
		if side.value == nil {
			continue
		}
		text, err := json.Marshal(side.value)
		if err != nil {
			return r, fmt.Errorf("encode an audit record: %w", err)
		}
		*side.text = text
	}
	return m.d.NewAudit(ctx, r)
}
