package manage

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Details are what is known of an endpoint beside its configuration.
type Details struct {
	// Fingerprint is that of the present secret (see Secret.Fingerprint), and
	// PublicKey the whpk_ key that receivers of v1a verify with, or "".
	Fingerprint, PublicKey string
	Health                 Health
}

// Details returns what is known of a tenant's endpoints beside their configuration, by
// their ids, in one query. At most store.MaxPage are looked up; what the tenant does not
// have is left out, which is not an error. Errors are the store's and the sealer's.
func (m *Manager) Details(ctx context.Context, tenant string, endpoints ...string) (map[string]Details, error) {
	var lanes []store.Lane
	for _, id := range endpoints[:min(len(endpoints), store.MaxPage)] {
		if known(webhook.PrefixEndpoint, tenant, id) == nil {
			lanes = append(lanes, store.Lane{Tenant: tenant, Endpoint: id})
		}
	}
	details := make(map[string]Details, len(lanes))
	if len(lanes) == 0 {
		return details, nil
	}
	eps, err := m.store.EngineEndpoints(ctx, lanes)
	if err != nil {
		return nil, err
	}
	at := clock.Now()
	for _, ep := range eps {
		if ep.Deleted() {
			continue
		}
		d := Details{Health: healthAt(ep.Health, at)}
		d.Health.Tenant, d.Health.EndpointID = tenant, ep.ID
		if len(ep.Secrets) > 0 {
			key, err := m.d.DescribeSecret(ctx, ep.Secrets[0])
			if err != nil {
				return nil, fmt.Errorf("describe an endpoint: %w", err)
			}
			d.Fingerprint, d.PublicKey = ep.Secrets[0].Fingerprint, key.PublicKey.String()
		}
		details[ep.ID] = d
	}
	return details, nil
}

// Dispatcher returns the dispatcher, for those who build on a manager.
func (m *Manager) Dispatcher() *dispatcher.Dispatcher { return m.d }
