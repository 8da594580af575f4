package manage

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Manager manages the endpoints of all tenants and reads their history. Create
// it with New. It is safe for concurrent use.
type Manager struct {
	d *dispatcher.Dispatcher
	// store is d's. Its errors name the operation; they are passed on as they are.
	store store.Store
	tests *testLimits

	analytics analyticsCache
	tails     tails
}

// New returns a manager of what d delivers. d need not run in this process.
func New(d *dispatcher.Dispatcher) *Manager {
	return &Manager{d: d, store: d.Store(), tests: newTestLimits()}
}

// now is when something that is written happens, as exactly as stores keep it.
func now() time.Time { return clock.Now().UTC().Truncate(time.Microsecond) }

// announceTimeout bounds how long announce holds its caller up.
const announceTimeout = 2 * time.Second

// announce makes this process heed a change whose revision the store did not
// say. The change is written, so nothing here may fail the call, not even that
// its context has ended: the engine finds the change by itself, only later.
func (m *Manager) announce(ctx context.Context, tenant, endpoint string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTimeout)
	defer cancel()
	ep, found, err := m.engineEndpoint(ctx, tenant, endpoint)
	if err != nil {
		m.d.Logger().Warn("read a changed endpoint; the change takes effect later", zap.String("endpoint", endpoint), zap.Error(err))
	}
	if found {
		m.d.Changed(&ep.Endpoint)
	}
}

// engineEndpoint returns an endpoint or its tombstone, with its health, and
// whether there is one.
func (m *Manager) engineEndpoint(ctx context.Context, tenant, endpoint string) (store.EngineEndpoint, bool, error) {
	eps, err := m.store.EngineEndpoints(ctx, []store.Lane{{Tenant: tenant, Endpoint: endpoint}})
	if err != nil || len(eps) == 0 {
		return store.EngineEndpoint{}, false, err
	}
	return eps[0], true, nil
}

// known returns store.ErrNotFound unless a tenant can have something of this id.
// What cannot be there is not looked up: a database may refuse the text with an
// error that nobody can act on.
func known(p webhook.Prefix, tenant, id string) error {
	if !validTenant(tenant) || !p.ValidID(id) {
		return fmt.Errorf("look up an id: %w", store.ErrNotFound)
	}
	return nil
}

func validTenant(tenant string) bool {
	return len(tenant) <= webhook.MaxTenantLen && isText(tenant)
}

// checkList adds what is wrong with a range of times and a page.
func checkList(inv *webhook.InvalidError, p webhook.Prefix, from, to time.Time, page store.Page) {
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		inv.Add("to", webhook.CodeInvalidField, "Must be after from.")
	}
	inv.Fields = append(inv.Fields, fieldsOf(checkPage(p, page))...)
}

// checkPage refuses a page that continues from what is not an id of the list.
// An id that is gone is fine: it still has its place in the order.
func checkPage(p webhook.Prefix, page store.Page) error {
	if page.After == "" || p.ValidID(page.After) {
		return nil
	}
	return webhook.Invalid("after", webhook.CodeInvalidField, "Must be the last id of the page before.")
}
