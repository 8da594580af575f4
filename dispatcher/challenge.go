package dispatcher

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// OwnershipCheck reports whether Config.OwnershipCheck is set.
func (d *Dispatcher) OwnershipCheck() bool { return d.cfg.OwnershipCheck }

// Challenge asks an endpoint, which need not be stored, whether it wants
// deliveries: one signed event of type webhook.TypeChallenge with 32 random bytes in
// it, which a success must answer (see webhook.AnswersChallenge) within 5 seconds.
// Everything about the attempt is as for a delivery, the address guard and the caps
// too. That it is not answered is not an error; errors are the sealer's.
func (d *Dispatcher) Challenge(ctx context.Context, ep store.EngineEndpoint) (answered bool, err error) {
	r, err := send.NewRoute(ctx, d.sealer, ep)
	if err != nil {
		return false, fmt.Errorf("challenge endpoint: %w", err)
	}
	r.Endpoint.DiscardResponses = false // the answer is needed, and not kept
	ev := webhook.Event{Tenant: ep.Tenant, Type: webhook.TypeChallenge, Timestamp: clock.Now().UTC()}
	if ev.ID, err = d.entropy.ID(webhook.PrefixEvent); err != nil {
		return false, fmt.Errorf("challenge endpoint: %w", err)
	}
	challenge, err := d.entropy.Token()
	if err != nil {
		return false, fmt.Errorf("challenge endpoint: %w", err)
	}
	if ev.Data, err = json.Marshal(map[string]string{"challenge": challenge}); err != nil {
		return false, fmt.Errorf("challenge endpoint: %w", err)
	}
	x := d.sender.Send(ctx, r, send.NewMessage(&ev), testTimeout)
	ok := x.Class == webhook.ClassNone && x.StatusCode >= 200 && x.StatusCode <= 299
	return ok && webhook.AnswersChallenge(x.Attempt.ResponseBody, challenge), nil
}
