package telecom

import (
	"errors"
	"time"

	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/catalog"
)

// Register adds all types of the package to a registry. The error is
// catalog.ErrRegistered if it has one of these names already.
func Register(r *catalog.Registry) error {
	var all []error
	for _, group := range []func(*catalog.Registry) []error{
		users, services, numbers, billing, subscriptions, system, sms, voice, email, campaigns, api, integrations, security, performance,
	} {
		all = append(all, group(r)...)
	}
	return errors.Join(all...)
}

// about is what there is to say of a type beside its payload.
type about struct {
	name, group, description string
	redact                   []string
}

func add[T any](r *catalog.Registry, a about, example T) error {
	return catalog.Register(r, webhook.EventType{Name: a.name, Group: a.group, Description: a.description, Redact: a.redact}, example)
}

// at is when what the examples tell of has happened, and after a later time.
var at = time.Date(2026, time.March, 2, 9, 30, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return at.Add(d) }

func ptr[T any](v T) *T { return &v }
