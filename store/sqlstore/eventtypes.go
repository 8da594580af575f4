package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// eventTypeConfig is what is kept of an event type in one column of JSON. Its names
// are stored; they must not change.
type eventTypeConfig struct {
	Group         string          `json:"group,omitempty"`
	Description   string          `json:"description,omitempty"`
	Owner         string          `json:"owner,omitempty"`
	Deprecated    bool            `json:"deprecated,omitempty"`
	DeprecatedFor string          `json:"deprecated_for,omitempty"`
	Archived      bool            `json:"archived,omitempty"`
	Priority      string          `json:"priority,omitempty"`
	Retry         *retryConfig    `json:"retry,omitempty"`
	MaxAge        time.Duration   `json:"max_age,omitempty"`
	Redact        []string        `json:"redact,omitempty"`
	Validation    string          `json:"validation,omitempty"`
	Schemas       []schemaVersion `json:"schemas,omitempty"`
	// Example is a string, so that it keeps its bytes.
	Example string `json:"example,omitempty"`
}

type schemaVersion struct {
	Number    int    `json:"number"`
	Schema    string `json:"schema"`
	CreatedAt int64  `json:"created_at"`
}

func encodeEventType(t *webhook.EventType) (string, error) {
	c := eventTypeConfig{
		Group: t.Group, Description: t.Description, Owner: string(t.Owner),
		Deprecated: t.Deprecated, DeprecatedFor: t.DeprecatedFor, Archived: t.Archived,
		Priority: string(t.Defaults.Priority), MaxAge: t.Defaults.MaxAge,
		Redact: t.Redact, Validation: string(t.Validation), Example: string(t.Example),
	}
	if !t.Defaults.Retry.IsZero() {
		r := retryConfig(t.Defaults.Retry)
		c.Retry = &r
	}
	for _, v := range t.Schemas {
		c.Schemas = append(c.Schemas, schemaVersion{v.Number, string(v.Schema), v.CreatedAt.UnixMicro()})
	}
	b, err := json.Marshal(c)
	return string(b), err
}

func decodeEventType(text string, t *webhook.EventType) error {
	var c eventTypeConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	t.Group, t.Description, t.Owner = c.Group, c.Description, webhook.TypeOwner(c.Owner)
	t.Deprecated, t.DeprecatedFor, t.Archived = c.Deprecated, c.DeprecatedFor, c.Archived
	t.Defaults.Priority, t.Defaults.MaxAge = webhook.Priority(c.Priority), c.MaxAge
	if c.Retry != nil {
		t.Defaults.Retry = webhook.RetryPolicy(*c.Retry)
	}
	t.Redact, t.Validation = c.Redact, webhook.Validation(c.Validation)
	for _, v := range c.Schemas {
		t.Schemas = append(t.Schemas, webhook.SchemaVersion{Number: v.Number, Schema: json.RawMessage(v.Schema), CreatedAt: fromMicros(v.CreatedAt)})
	}
	if c.Example != "" {
		t.Example = json.RawMessage(c.Example)
	}
	return nil
}

// PutEventType implements store.EventTypes. Those who write wait for each other, so
// that revisions are committed in their order.
func (s *Store) PutEventType(ctx context.Context, now time.Time, t webhook.EventType, audit ...webhook.AuditRecord) (webhook.EventType, error) {
	t = t.Clone()
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		if t.Revision, err = nextValue(ctx, c, eventTypeSequence); err != nil {
			return err
		}
		var version, created int64
		if _, err := queryOne(ctx, c, `
			SELECT version, created_at
			FROM postrider_event_types
			WHERE name = ?`, []any{t.Name}, &version, &created); err != nil {
			return err
		}
		if version != t.Version {
			return store.ErrVersion
		}
		t.Version, t.CreatedAt, t.UpdatedAt = version+1, whole(now), whole(now)
		if version > 0 {
			t.CreatedAt = fromMicros(created)
		}
		for i := range t.Schemas {
			t.Schemas[i].CreatedAt = whole(t.Schemas[i].CreatedAt)
		}
		config, err := encodeEventType(&t)
		if err != nil {
			return err
		}
		if _, err := c.Exec(ctx, `
			INSERT INTO postrider_event_types (name, version, revision, config, created_at, updated_at)
			VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE
			SET version = excluded.version, revision = excluded.revision, config = excluded.config, updated_at = excluded.updated_at`,
			t.Name, t.Version, t.Revision, config, t.CreatedAt.UnixMicro(), t.UpdatedAt.UnixMicro()); err != nil {
			return err
		}
		return WriteAudit(ctx, c, now, audit)
	})
	if err != nil {
		return webhook.EventType{}, wrap("put event type", err)
	}
	return t, nil
}

const eventTypeSequence = "event_types"

// EventTypes implements store.EventTypes.
func (s *Store) EventTypes(ctx context.Context, after int64) ([]webhook.EventType, int64, error) {
	var list []webhook.EventType
	var revision int64
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) (err error) {
		list, revision, err = EventTypes(ctx, c, after)
		return err
	})
	if err != nil {
		return nil, 0, wrap("read event types", err)
	}
	return list, revision, nil
}

// EventTypes implements store.Tx.
func (t hostTx) EventTypes(ctx context.Context, after int64) ([]webhook.EventType, int64, error) {
	return EventTypes(ctx, t.conn, after)
}

// EventTypes is Store.EventTypes in a transaction.
func EventTypes(ctx context.Context, c Conn, after int64) ([]webhook.EventType, int64, error) {
	var revision int64
	if _, err := queryOne(ctx, c, `
		SELECT value
		FROM postrider_sequences
		WHERE name = '`+eventTypeSequence+`'`, nil, &revision); err != nil || revision <= after {
		return nil, revision, err
	}
	var list []webhook.EventType
	err := c.Query(ctx, `
		SELECT name, version, revision, config, created_at, updated_at
		FROM postrider_event_types
		WHERE revision > ?
		ORDER BY revision`, []any{after}, func(r Row) error {
		var t webhook.EventType
		var config string
		if err := r.Scan(&t.Name, &t.Version, &t.Revision, &config, &t.CreatedAt, &t.UpdatedAt); err != nil {
			return err
		}
		if err := decodeEventType(config, &t); err != nil {
			return fmt.Errorf("event type %s: %w", t.Name, err)
		}
		list = append(list, t)
		return nil
	})
	return list, revision, err
}
