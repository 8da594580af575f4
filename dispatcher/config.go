package dispatcher

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/telemetry"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Config configures a Dispatcher. The zero value works over a store that keeps
// nothing; a durable store needs a Keyring.
type Config struct {
	// Keyring seals secrets and credentials before a store sees them.
	// Defaults to a key of this process's own over a store that keeps nothing;
	// required over any other unless AllowPlaintextSecrets is set.
	Keyring seal.Sealer
	// AllowPlaintextSecrets lets secrets be stored as they are if there is no
	// Keyring.
	// Defaults to false.
	AllowPlaintextSecrets bool
	// ExternalSigner returns the signer of a key that stays outside, in a KMS or an
	// HSM, by the reference that was given to manage.CreateEndpointWithKey or
	// manage.Rotation. The store has the reference alone. It is asked at every
	// attempt, so it answers from memory; what it returns may call the KMS, until
	// its context ends. It refuses references that are not the tenant's, with
	// signer.ErrNoKey. An error fails the attempt, class internal, which is
	// repeated like any other.
	// Defaults to none.
	ExternalSigner func(ctx context.Context, tenant, reference string) (signer.Signer, error)
	// SealPayloads seals payloads and what receivers have answered before a store
	// sees them, with keys of each subject that the Keyring seals (see package
	// vault). Erase deletes a subject's keys. Subjects, metadata and keys of events
	// stay readable: they are looked up. It can be switched on and off: what is
	// stored stays as it is, and is opened either way.
	// Defaults to false.
	SealPayloads bool
	// SubjectKeys is where the keys of subjects are kept, for a host that backs
	// them up apart from what they seal, or not at all for as long: a backup of the
	// payloads is unreadable without them. All processes must have the same one.
	// Defaults to the store that payloads are in.
	SubjectKeys store.SubjectKeys
	// Logger gets what an operator should know. It never gets a secret, a
	// payload or the query of a URL.
	// Defaults to none.
	Logger *zap.Logger
	// Telemetry says where traces and metrics go.
	// Defaults to what the host has installed as OpenTelemetry's global providers.
	Telemetry telemetry.Config
	// HTTP says where deliveries may go and whom to trust on the way. Its guard
	// judges URLs also when Transport is set.
	// Defaults to https, public addresses and the system's certificates.
	HTTP transport.HTTPConfig
	// TenantList narrows where deliveries of a tenant may go to less than
	// HTTP.Guard lets through. It is asked when an endpoint is created or changed
	// and at every attempt, and what it says counts at once; so it must answer
	// from memory. A nil list narrows nothing.
	// Defaults to none.
	TenantList func(tenant string) *guard.List
	// Expressions is the language of endpoints' filters and transforms, such as
	// celexpr.New of package webhook/celexpr. All processes that publish or deliver
	// must have the same: where it is missing, what has a filter or a transform fails.
	// Defaults to none: an endpoint with either is refused.
	Expressions webhook.Expressions
	// OwnershipCheck makes an endpoint prove that it wants deliveries before it is
	// created or moved to another host: it is sent a challenge, and must answer it
	// (see webhook.TypeChallenge).
	// Defaults to false.
	OwnershipCheck bool
	// Transport sends the deliveries.
	// Defaults to HTTP behind an address guard.
	Transport transport.Transport
	// Schemes are transports for URLs of other schemes than http and https, by the
	// scheme in lower case: topics and queues, say (package transport/pubsub). Each
	// says itself which URLs an endpoint of a tenant may have, since HTTP.Guard and
	// TenantList are about addresses and judge only what goes by HTTP. Such an
	// endpoint cannot narrow addresses or set up TLS, and is not asked by
	// OwnershipCheck; what it is sent is signed and recorded like everything else.
	// Defaults to none: only URLs of HTTP are accepted.
	Schemes map[string]transport.Scheme
	// AuthSchemes are ways of the host's own to authenticate deliveries, by the
	// name that endpoints call them by (see webhook.AuthCustom).
	// Defaults to none.
	AuthSchemes map[string]auth.Scheme
	// Slots bounds the deliveries under way in this process. Over a sharded
	// store each shard has an even part of them, but at least 16.
	// Defaults to 512.
	Slots int
	// MaxPayload bounds an event's payload in bytes.
	// Defaults to 256 KiB.
	MaxPayload int
	// DrainTimeout is how long Run lets deliveries that are under way go on
	// after its context has ended.
	// Defaults to 30 seconds.
	DrainTimeout time.Duration
	// Lease is how long other processes wait for a sign of life from this one
	// before they take its deliveries over, at least 1 second. It is renewed
	// every sixth of it.
	// Defaults to 30 seconds.
	Lease time.Duration
	// StrictClock makes New fail with ErrClockSkew if the process's clock is more
	// than 240 seconds from the database's: receivers refuse signatures that are
	// five minutes old (Standard Webhooks). Stores without a clock of their own
	// are not asked.
	// Defaults to false: Run warns over 60 seconds.
	StrictClock bool
	// TypeDefaults apply to events of a type, by its name, where neither the
	// event nor the endpoint says otherwise. They count before those that a type was
	// registered with.
	// Defaults to the library's own.
	TypeDefaults map[string]webhook.TypeDefaults
	// EventTypes are the types of events that the host's code has: what
	// catalog.Registry.Types returns. New brings the store up to date with them, from
	// which all processes know them; a process with an older version of the code
	// leaves a newer one alone, and checks what it publishes by its own. Payloads
	// that their schema refuses are a *webhook.InvalidError, code payload_invalid.
	// Defaults to none.
	EventTypes []webhook.EventType
	// UnknownTypes says what becomes of events whose type nobody has registered.
	// Defaults to webhook.UnknownPass.
	UnknownTypes webhook.UnknownTypes
	// Limits tells what a tenant's plan allows; its answers hold for 10 seconds,
	// and longer if it fails. It is asked by Publish and PublishTx, also while a
	// transaction of the host goes on, so it must not wait for one.
	// Defaults to no limits.
	Limits func(ctx context.Context, tenant string) (webhook.Limits, error)
	// Retention says how long things are kept. A tenant's plan may keep its events
	// for less (see webhook.Limits), which takes effect within an hour.
	Retention Retention
	// RedeliverRate bounds the deliveries that jobs of this process put back into
	// the queue in a second, and the tenants that get a broadcast.
	// Defaults to 100.
	RedeliverRate int
	// OnOperational is told what happens to webhooks: pauses, warnings, failed
	// deliveries (see webhook.Operational). The same is published to the tenant's
	// endpoints that subscribe to it. It is called for one after the other, apart
	// from all deliveries; ctx ends after 10 seconds. It may be slow, panic or
	// never return, which costs it what comes later than some 4,000 others; and
	// if a process dies between what happened and the call, there is none.
	// Defaults to none.
	OnOperational func(ctx context.Context, op webhook.Operational)
	// IncidentRules say when what looks like an attack is an incident, by kind; a
	// rule's window is a minute to 30 days.
	// Defaults to those of webhook.IncidentKind.Rule.
	IncidentRules map[webhook.IncidentKind]webhook.IncidentRule
	// OnIncident is told of an incident once, by the process that counted what
	// reached its threshold (see manage.Incidents). It is called as OnOperational
	// is, but apart from it.
	// Defaults to none. Processes that deliver log incidents.
	OnIncident func(ctx context.Context, inc webhook.Incident)
	// Entropy is the source of ids and of the seed of all jitter; a test sets
	// it to be repeatable.
	// Defaults to crypto/rand.
	Entropy io.Reader
}

const (
	day = 24 * time.Hour
	// idempotencyFor is how long an idempotency key is remembered.
	idempotencyFor = day
	// tombstonesFor is how long a deleted endpoint is remembered, so that
	// every process learns of it (see package directory).
	tombstonesFor = day
	// directoryFor is how old what was read of a tenant's endpoints may get:
	// well before the tombstones in between could be gone.
	directoryFor = tombstonesFor / 2
	startTimeout = 30 * time.Second
	// maxSkew is what Config.StrictClock allows.
	maxSkew = 240 * time.Second
	// storeTimeout bounds one call to the store that is on no caller's context.
	storeTimeout = 10 * time.Second
)

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.Entropy == nil {
		c.Entropy = rand.Reader
	}
	setDefault(&c.Slots, 512)
	setDefault(&c.RedeliverRate, 100)
	setDefault(&c.MaxPayload, 256<<10)
	setDefault(&c.DrainTimeout, 30*time.Second)
	setDefault(&c.Lease, 30*time.Second)
	setDefault(&c.Retention.Payloads, 30*day)
	setDefault(&c.Retention.Deliveries, 90*day)
	setDefault(&c.Retention.Statistics, 400*day)
	setDefault(&c.Retention.Audit, 400*day)
	return c
}

func setDefault[T ~int | ~int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

func (c Config) validate() error {
	switch {
	case c.RedeliverRate < 1:
		return errors.New("dispatcher: Config.RedeliverRate must be at least 1 a second")
	case c.Slots < 1:
		return errors.New("dispatcher: Config.Slots must be at least 1")
	case c.MaxPayload < 1:
		return errors.New("dispatcher: Config.MaxPayload must be at least 1 byte")
	case c.DrainTimeout < 0:
		return errors.New("dispatcher: Config.DrainTimeout must not be negative")
	case c.Lease < time.Second:
		return errors.New("dispatcher: Config.Lease must be at least 1 second")
	case c.Retention.Payloads < time.Minute || c.Retention.Deliveries < c.Retention.Payloads || c.Retention.Statistics < time.Minute || c.Retention.Audit < time.Minute:
		return errors.New("dispatcher: Config.Retention must be at least a minute, and deliveries at least as long as payloads")
	}
	if c.SealPayloads && c.Keyring == nil && c.AllowPlaintextSecrets {
		return errors.New("dispatcher: Config.SealPayloads needs Config.Keyring")
	}
	if u := c.UnknownTypes; u != "" && u != webhook.UnknownPass && u != webhook.UnknownReject {
		return errors.New("dispatcher: Config.UnknownTypes must be pass or reject")
	}
	for name, s := range c.Schemes {
		if s == nil || !transport.ValidScheme(name) {
			return fmt.Errorf("dispatcher: Config.Schemes: %q is no scheme in lower case but http and https, or has no transport", name)
		}
	}
	for kind, rule := range c.IncidentRules {
		if _, ok := kind.Rule(); !ok || !rule.Valid() {
			return fmt.Errorf("dispatcher: Config.IncidentRules: %q is no kind of incidents, or its rule has no threshold or a window that is not a minute to 30 days", kind)
		}
	}
	for name, defaults := range c.TypeDefaults {
		if !webhook.ValidEventType(name) {
			return fmt.Errorf("dispatcher: Config.TypeDefaults: %q is no event type", name)
		}
		if err := defaults.Validate(); err != nil {
			return fmt.Errorf("dispatcher: Config.TypeDefaults: %s: %w", name, err)
		}
	}
	return nil
}
