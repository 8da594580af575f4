package memstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// auditRecord is an entry of the audit log.
type auditRecord struct{ webhook.AuditRecord }

func (r *auditRecord) id() string { return r.ID }

func (r *auditRecord) clone() webhook.AuditRecord {
	c := r.AuditRecord
	c.Before, c.After = bytes.Clone(c.Before), bytes.Clone(c.After)
	return c
}

// beginChange is begin for a change that has audit records. None of their ids may be
// in use.
func (s *Store) beginChange(ctx context.Context, operation string, records []webhook.AuditRecord) error {
	if err := s.begin(ctx, operation); err != nil {
		return err
	}
	for i := range records {
		t := s.tenants[records[i].Tenant]
		if t == nil {
			continue
		}
		if _, used := t.audit.search(records[i].ID); used {
			s.mu.Unlock()
			return fmt.Errorf("%s: the id of an audit record is in use", operation)
		}
	}
	return nil
}

// audit writes the records that go with a change which the caller has just made.
func (s *Store) audit(now time.Time, records []webhook.AuditRecord) {
	for _, rec := range records {
		r := &auditRecord{rec}
		r.AuditRecord = r.clone()
		r.At = instant(now)
		s.tenant(r.Tenant).audit.add(r)
		s.audited.push(r)
	}
}

// ListAudit implements store.Audit.
func (s *Store) ListAudit(ctx context.Context, tenant string, filter store.AuditFilter, page store.Page) ([]webhook.AuditRecord, error) {
	if err := s.begin(ctx, "list audit records"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	t := s.tenants[tenant]
	if t == nil {
		return nil, nil
	}
	var list []webhook.AuditRecord
	t.audit.before(page.After, func(r *auditRecord) bool {
		if filter.Wants(&r.AuditRecord) {
			list = append(list, r.clone())
		}
		return len(list) < page.Size()
	})
	return list, nil
}

// audit removes records that are past their retention.
func (p *pruning) audit(cutoff time.Time) {
	s := p.store
	old := func() bool { return !s.audited.empty() && s.audited.first().At.Before(cutoff) }
	for n := 0; n < p.limit && old(); n++ {
		r := s.audited.pop()
		s.tenants[r.Tenant].audit.remove(r.ID)
		s.forgetTenant(r.Tenant)
		p.done.Audit++
	}
	p.done.More = p.done.More || old()
}
