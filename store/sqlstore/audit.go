package sqlstore

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// WriteAudit writes the records that go with a change, in its transaction. Their time
// is the transaction's.
func WriteAudit(ctx context.Context, c Conn, now time.Time, records []webhook.AuditRecord) error {
	for i := range records {
		r := &records[i]
		if _, err := c.Exec(ctx, `
			INSERT INTO postrider_audit (tenant, id, at, action, actor, address, resource, was, became)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			r.Tenant, r.ID, now.UnixMicro(), string(r.Action), r.Actor.Name, textOrNull(r.Actor.Address), r.Resource,
			textOrNull(string(r.Before)), textOrNull(string(r.After))); err != nil {
			return err
		}
	}
	return nil
}

// ListAudit implements store.Audit.
func (s *Store) ListAudit(ctx context.Context, tenant string, filter store.AuditFilter, page store.Page) ([]webhook.AuditRecord, error) {
	query, args := s.listAudit(tenant, filter, page)
	var list []webhook.AuditRecord
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, query, args, func(r Row) error {
			rec := webhook.AuditRecord{Tenant: tenant}
			err := r.Scan(&rec.ID, &rec.At, (*string)(&rec.Action), &rec.Actor.Name, &rec.Actor.Address, &rec.Resource,
				(*[]byte)(&rec.Before), (*[]byte)(&rec.After))
			list = append(list, rec)
			return err
		})
	})
	if err != nil {
		return nil, wrap("list audit records", err)
	}
	return list, nil
}

// listAudit returns the query of a list. The conditions come in a fixed order, so
// that there are few different texts.
func (s *Store) listAudit(tenant string, filter store.AuditFilter, page store.Page) (string, []any) {
	w := where{args: []any{tenant}}
	index := ""
	if filter.Resource != "" {
		index = s.index("postrider_audit_resource")
		w.and(`resource = ?`, filter.Resource)
	}
	w.times(webhook.PrefixAudit, page, filter.From, filter.To, "at")
	if filter.Action != "" {
		w.and(`action = ?`, string(filter.Action))
	}
	if filter.Actor != "" {
		w.and(`actor = ?`, filter.Actor)
	}
	return `
		SELECT id, at, action, actor, address, resource, was, became
		FROM postrider_audit` + index + `
		WHERE tenant = ?` + w.String() + `
		ORDER BY id DESC
		LIMIT ? + 0`, append(w.args, page.Size())
}

// audit removes records that are past their retention.
func (p *pruning) audit(ctx context.Context, cutoff time.Time) error {
	return p.byID(ctx, oldRows{
		before: cutoff,
		find: `
			SELECT tenant, id
			FROM postrider_audit` + p.store.index("postrider_audit_at") + `
			WHERE at < ?
			ORDER BY at
			LIMIT ? + 0`,
		remove: `
			DELETE FROM postrider_audit
			WHERE tenant = ?
			AND id = ?`,
		count: func(done *store.Pruned) *int { return &done.Audit },
	})
}
