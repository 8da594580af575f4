package sqlstore

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Secrets implements store.Secrets.
func (s *Store) Secrets(ctx context.Context, tenant, endpoint string) ([]store.SecretRecord, error) {
	var secrets []store.SecretRecord
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) (err error) {
		secrets, err = readSecrets(ctx, c, tenant, endpoint)
		return err
	})
	return secrets, wrap("read secrets", err)
}

// secretColumns are what ScanSecret reads.
const secretColumns = `tenant, endpoint, id, scheme, sealed, fingerprint, created_at, until`

// SecretColumns are what ScanSecret reads of a table that goes by an alias.
func SecretColumns(alias string) string { return columnsOf(alias, secretColumns) }

// ScanSecret reads the secret of a row.
func ScanSecret(r Row, sec *store.SecretRecord) error {
	var signature string
	err := r.Scan(&sec.Tenant, &sec.Endpoint, &sec.ID, &signature, &sec.Sealed, &sec.Fingerprint, &sec.CreatedAt, &sec.Until)
	sec.Signature = webhook.ParseSignature(signature)
	return err
}

func readSecrets(ctx context.Context, c Conn, tenant, endpoint string) ([]store.SecretRecord, error) {
	var secrets []store.SecretRecord
	err := c.Query(ctx, `
		SELECT `+secretColumns+`
		FROM postrider_secrets
		WHERE tenant = ?
		AND endpoint = ?
		ORDER BY until IS NOT NULL, created_at DESC, id DESC`, []any{tenant, endpoint}, func(r Row) error {
		var sec store.SecretRecord
		err := ScanSecret(r, &sec)
		secrets = append(secrets, sec)
		return err
	})
	return secrets, err
}

func insertSecret(ctx context.Context, c Conn, sec store.SecretRecord) error {
	sealed := sec.Sealed
	if sealed == nil {
		sealed = []byte{}
	}
	_, err := c.Exec(ctx, `
		INSERT INTO postrider_secrets (tenant, endpoint, id, scheme, sealed, fingerprint, created_at, until)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		sec.Tenant, sec.Endpoint, sec.ID, sec.Signature.String(), sealed, sec.Fingerprint, sec.CreatedAt.UnixMicro(), micros(sec.Until))
	return err
}

// RotateSecret implements store.Secrets.
func (s *Store) RotateSecret(ctx context.Context, now time.Time, secret store.SecretRecord, oldUntil time.Time, audit ...webhook.AuditRecord) error {
	overlap := oldUntil.Sub(now)
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		oldUntil := now.Add(overlap)
		revision, err := nextRevision(ctx, c, secret.Tenant)
		if err != nil {
			return err
		}
		ep, err := liveEndpoint(ctx, c, secret.Tenant, secret.Endpoint)
		if err != nil {
			return err
		}
		if _, err := c.Exec(ctx, `
			UPDATE postrider_secrets
			SET until = ?
			WHERE tenant = ?
			AND endpoint = ?
			AND until IS NULL`, oldUntil.UnixMicro(), secret.Tenant, secret.Endpoint); err != nil {
			return err
		}
		if _, err := c.Exec(ctx, `
			DELETE FROM postrider_secrets
			WHERE tenant = ?
			AND endpoint = ?
			AND until <= ?`, secret.Tenant, secret.Endpoint, now.UnixMicro()); err != nil {
			return err
		}
		secret.Until = time.Time{}
		if err := insertSecret(ctx, c, secret); err != nil {
			return err
		}
		ep.Signature, ep.Revision = secret.Signature, revision
		if err := changeEndpoint(ctx, c, now, &ep); err != nil {
			return err
		}
		return WriteAudit(ctx, c, now, audit)
	})
	return wrap("rotate secret", err)
}
