package dispatcher

import (
	"errors"
	"fmt"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/directory"
	"github.com/postrider/postrider/dispatcher/entropy"
	"github.com/postrider/postrider/dispatcher/expression"
	"github.com/postrider/postrider/dispatcher/jobs"
	"github.com/postrider/postrider/dispatcher/quota"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/dispatcher/telemetry"
	"github.com/postrider/postrider/dispatcher/tokens"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/dispatcher/types"
	"github.com/postrider/postrider/dispatcher/vault"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Version is the version of the library, as receivers see it in User-Agent.
const Version = "0.1.0"

const userAgent = "Postrider/" + Version

// The errors of New and Run.
var (
	// ErrNoKeyring is returned by New over a durable store without a Keyring.
	ErrNoKeyring = errors.New("dispatcher: a durable store needs Config.Keyring (or AllowPlaintextSecrets)")
	// ErrClockSkew is returned by New with Config.StrictClock.
	ErrClockSkew = errors.New("dispatcher: the process's clock is too far from the database's")
	// ErrRunning is returned by Run while another Run of the same Dispatcher
	// has not returned.
	ErrRunning = errors.New("dispatcher: Run is already running")
)

// Dispatcher publishes events and delivers them. Create it with New. It is safe
// for concurrent use.
type Dispatcher struct {
	cfg     Config
	store   store.Store
	sealer  seal.Sealer
	guard   *guard.Guard
	auth    *auth.Authenticator
	sender  *send.Sender
	log     *zap.Logger
	entropy *entropy.Source

	telemetry   *telemetry.Telemetry
	directory   *directory.Directory
	types       *types.Registry
	tokens      *tokens.Cache
	expressions *expression.Cache
	// quotas is nil if nothing is limited.
	quotas *quota.Keeper
	// sharded is the store, as it is or as the only shard, and shards is what
	// works for each of its shards.
	sharded   store.Sharded
	shards    map[string]*shard
	reports   *reporter
	incidents *incidents
	filtering *filtering
	vault     *vault.Vault
	// jobBudget is that of all shards.
	jobBudget *jobs.Budget

	running atomic.Bool
	health  healthCache
}

// New returns a dispatcher over a store. It reads the store once, to find out
// whether the keyring is the right one: seal.ErrWrongKey if not. Other errors
// are ErrNoKeyring, those of a Config that makes no sense, and the store's. A
// sharded store may have shards that are down, but not all of them.
func New(st store.Store, cfg Config) (*Dispatcher, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	d := &Dispatcher{cfg: cfg, store: st, log: cfg.Logger, sharded: shardsOf(st), shards: make(map[string]*shard)}
	d.incidents, d.filtering = newIncidents(d), newFiltering(d)
	d.reports, d.jobBudget = newReporter(d), jobs.NewBudget(cfg.RedeliverRate)
	var err error
	if d.telemetry, err = telemetry.New(cfg.Telemetry, Version); err != nil {
		return nil, err
	}
	if d.sealer, err = sealerFor(d.sharded, cfg); err != nil {
		return nil, err
	}
	d.vault = newVault(st, d.sealer, cfg)
	d.store = d.vault.Wrap(st)
	d.tokens = tokens.New(d.store, d.log)
	if d.guard, err = guard.New(cfg.HTTP.Guard); err != nil {
		return nil, err
	}
	direct, err := transport.NewHTTP(cfg.HTTP) // OAuth is HTTP, whatever deliveries go by
	if err != nil {
		return nil, err
	}
	if cfg.Transport == nil {
		cfg.Transport = direct
	}
	d.auth = auth.New(auth.Config{
		Tokens: direct, Schemes: cfg.AuthSchemes, NewID: func() (string, error) { return d.entropy.ID("") },
	})
	d.expressions = expression.New(cfg.Expressions)
	d.sender = send.NewSender(send.Config{
		Expressions: d.expressions, Hash: d.hash,
		Transport: transport.BySchemes(cfg.Transport, cfg.Schemes), Auth: d.auth, Keys: cfg.ExternalSigner, TenantList: cfg.TenantList, UserAgent: userAgent, Log: d.log,
	})
	if d.entropy, err = entropy.New(cfg.Entropy); err != nil {
		return nil, fmt.Errorf("read entropy: %w", err)
	}
	d.directory, d.quotas = directory.New(st, directoryFor), quota.New(cfg.Limits)
	if d.types, err = newTypes(d.store, cfg); err != nil {
		return nil, err
	}
	for name, shard := range d.sharded.Shards() {
		d.shards[name] = d.newShard(name, d.vault.Wrap(shard))
	}
	if err := d.openShards(); err != nil {
		return nil, err
	}
	if err := d.syncTypes(); err != nil {
		return nil, err
	}
	return d, nil
}

func newVault(st store.Store, sealer seal.Sealer, cfg Config) *vault.Vault {
	keys := cfg.SubjectKeys
	if keys == nil {
		keys = st
	}
	return vault.New(vault.Config{Sealer: sealer, Keys: keys, Apart: cfg.SubjectKeys != nil, Seals: cfg.SealPayloads})
}

func sealerFor(st store.Sharded, cfg Config) (seal.Sealer, error) {
	if cfg.Keyring != nil {
		return cfg.Keyring, nil
	}
	if cfg.AllowPlaintextSecrets {
		return seal.Plaintext{}, nil
	}
	for _, shard := range st.Shards() {
		if _, ok := shard.(store.Volatile); !ok {
			return nil, ErrNoKeyring
		}
	}
	return seal.NewKeyring(seal.NewKey())
}

// Store returns the store, for those who build on a dispatcher. It shows open what
// is sealed in the one that New was given.
func (d *Dispatcher) Store() store.Store { return d.store }

// Logger returns the logger, for those who build on a dispatcher.
func (d *Dispatcher) Logger() *zap.Logger { return d.log }

// NewID returns a fresh id from the dispatcher's source of entropy.
func (d *Dispatcher) NewID(p webhook.Prefix) (string, error) { return d.entropy.ID(p) }

// KnowsAuthScheme reports whether Config.AuthSchemes has one of this name.
func (d *Dispatcher) KnowsAuthScheme(name string) bool { return d.auth.Knows(name) }

// CheckURL returns the normal form of an endpoint's URL, or a
// *webhook.InvalidError if it is not one, or its address is not allowed, also by
// the lists of the tenant and of the endpoint itself. It is the same judgement that
// every connection is put to. Lists that are not valid are Endpoint.Validate's to
// refuse. A URL of one of Config.Schemes is judged by that alone.
func (d *Dispatcher) CheckURL(ep webhook.Endpoint) (string, error) {
	if s := transport.SchemeOf(ep.URL, d.cfg.Schemes); s != nil {
		return transport.CheckSchemeURL(s, ep.Tenant, ep.URL)
	}
	return d.CheckHTTPURL(ep)
}

// HasScheme reports whether a URL is one of Config.Schemes.
func (d *Dispatcher) HasScheme(url string) bool {
	return transport.SchemeOf(url, d.cfg.Schemes) != nil
}

// CheckHTTPURL is CheckURL for a URL that is asked by HTTP, whatever deliveries go
// by: where OAuth tokens come from.
func (d *Dispatcher) CheckHTTPURL(ep webhook.Endpoint) (string, error) {
	var scope guard.Scope
	if d.cfg.TenantList != nil {
		scope.Tenant = d.cfg.TenantList(ep.Tenant)
	}
	if list, err := guard.NewRanges(ep.AllowedIPs, ep.DeniedIPs); err == nil {
		scope.Endpoint = list
	}
	return d.guard.CheckURLWithin(ep.URL, scope)
}
