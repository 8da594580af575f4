package storetest

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// same compares what was written with what was read, where a database may
// answer with another time zone and with nil for empty.
func same[T any](a, b T) bool {
	return reflect.DeepEqual(plain(a), plain(b))
}

func plain(v any) any {
	switch v := v.(type) {
	case webhook.Event:
		v.Timestamp = utc(v.Timestamp)
		v.Metadata = nonEmpty(v.Metadata)
		return v
	case webhook.Delivery:
		v.NextAttemptAt, v.CreatedAt, v.UpdatedAt = utc(v.NextAttemptAt), utc(v.CreatedAt), utc(v.UpdatedAt)
		return v
	case webhook.Attempt:
		v.At, v.NextAt = utc(v.At), utc(v.NextAt)
		v.RequestHeaders, v.ResponseHeaders = nonEmpty(v.RequestHeaders), nonEmpty(v.ResponseHeaders)
		v.ResponseBody = nonNil(v.ResponseBody)
		return v
	case webhook.Health:
		v.LastSuccessAt, v.LastFailureAt = utc(v.LastSuccessAt), utc(v.LastFailureAt)
		return v
	case store.EndpointRecord:
		v.CreatedAt, v.UpdatedAt, v.DeletedAt = utc(v.CreatedAt), utc(v.UpdatedAt), utc(v.DeletedAt)
		v.Labels = slices.Concat(v.Labels) // nil if empty; EventTypes is not: empty is not nil there
		v.Headers, v.Metadata = nonEmpty(v.Headers), nonEmpty(v.Metadata)
		v.Retry.Schedule = slices.Concat(v.Retry.Schedule)
		v.TLS.ClientNotAfter = utc(v.TLS.ClientNotAfter)
		v.Sealed = nonNil(v.Sealed)
		return v
	case store.Job:
		v.CreatedAt, v.UpdatedAt = utc(v.CreatedAt), utc(v.UpdatedAt)
		v.Spec = nonNil(v.Spec)
		return v
	case webhook.Incident:
		v.Since, v.Last = utc(v.Since), utc(v.Last)
		return v
	case webhook.EventType:
		v.CreatedAt, v.UpdatedAt = utc(v.CreatedAt), utc(v.UpdatedAt)
		v.Redact, v.Example = slices.Concat(v.Redact), nonNil(v.Example)
		v.Schemas = slices.Concat(v.Schemas)
		for i := range v.Schemas {
			v.Schemas[i].CreatedAt = utc(v.Schemas[i].CreatedAt)
		}
		return v
	case webhook.AuditRecord:
		v.At = utc(v.At)
		v.Before, v.After = nonNil(v.Before), nonNil(v.After)
		return v
	case store.SecretRecord:
		v.CreatedAt, v.Until = utc(v.CreatedAt), utc(v.Until)
		v.Sealed = nonNil(v.Sealed)
		return v
	}
	return v
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Round(0).UTC()
}

func nonEmpty(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}

func nonNil(b []byte) []byte { return append([]byte{}, b...) }

// sameList compares two lists entry by entry.
func sameList[T any](a, b []T) bool {
	return slices.EqualFunc(a, b, func(x, y T) bool { return same(x, y) })
}
