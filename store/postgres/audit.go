package postgres

import "github.com/postrider/postrider/webhook"

// auditArgs returns audit records as eight arrays, which insertAudit takes and any
// other statement that has auditRows after its own arguments.
func auditArgs(records []webhook.AuditRecord) []any {
	columns := make([][]string, 8)
	for i := range columns {
		columns[i] = make([]string, len(records))
	}
	for i := range records {
		r := &records[i]
		for c, v := range [8]string{
			r.Tenant, r.ID, string(r.Action), r.Actor.Name, r.Actor.Address, r.Resource, string(r.Before), string(r.After),
		} {
			columns[c][i] = v
		}
	}
	args := make([]any, len(columns))
	for i := range columns {
		args[i] = columns[i]
	}
	return args
}

const auditInto = `
		INSERT INTO postrider.audit (tenant, id, at, action, actor, address, resource, was, became)
		SELECT tenant, id, postrider.now_us(), action, actor, nullif(address, ''), resource, nullif(was, ''), nullif(became, '')
		FROM `

// insertAudit writes records.
const insertAudit = auditInto + `unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
			a (tenant, id, action, actor, address, resource, was, became)`

// insertAuditAfterTwo writes records in a statement that has two arguments before
// theirs.
const insertAuditAfterTwo = auditInto + `unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
			a (tenant, id, action, actor, address, resource, was, became)`
