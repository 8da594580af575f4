package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// createOnce creates a webhook by the idempotency key of a request. A secret that is given
// is imported.
func (a *api) createOnce(ctx context.Context, ep webhook.Endpoint, in *createWebhookInput, secret string) (webhook.Endpoint, manage.Secret, error) {
	content, err := canonical(in.RawBody)
	if err != nil {
		return webhook.Endpoint{}, manage.Secret{}, err
	}
	ep, shown, err := a.m.CreateEndpointOnce(ctx, ep, manage.Once{Key: in.IdempotencyKey, Content: content, Secret: secret})
	switch {
	case errors.Is(err, webhook.ErrIdempotencyConflict):
		err = newProblem(http.StatusConflict, codeConflict, "Idempotency key was used with a different webhook.")
	case errors.Is(err, store.ErrNotFound):
		err = newProblem(http.StatusConflict, codeConflict, "Idempotency key was used for a webhook that was deleted.")
	}
	return ep, shown, err
}

// canonical returns JSON without white space and with names in order, so that clients may
// write the same again in another way.
func canonical(body []byte) ([]byte, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
