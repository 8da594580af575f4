package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/postrider/postrider/dispatcher/httpapi/strict"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// The values of Cache-Control.
const (
	cacheConfiguration = "private, max-age=300"
	cacheLists         = "private, no-cache"
	cacheStatistics    = "private, max-age=60"
	cacheNever         = "no-store"
)

type byID struct {
	ID string `path:"id" doc:"The id."`
}

// answer is what most routes answer with.
type answer[T any] struct {
	CacheControl string `header:"Cache-Control"`
	Body         T
}

func uncached[T any](body T) *answer[T] {
	return &answer[T]{CacheControl: cacheNever, Body: body}
}

// tagged is an answer with an ETag. One that the client has is not sent again.
type tagged[T any] struct {
	Status       int
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         T
}

type createInput struct {
	RawBody []byte `contentType:"application/json"`
}

type createWebhookInput struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"Makes it safe to send the request again: for 24 hours the same key and body create nothing more, and the answer has no secret."`
	RawBody        []byte `contentType:"application/json"`
}

type created struct {
	Location     string `header:"Location"`
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         webhookJSON
}

type bodyOf struct {
	ID      string `path:"id" doc:"The id."`
	RawBody []byte `contentType:"application/json"`
}

type changeInput struct {
	ID      string `path:"id" doc:"The id of the webhook."`
	IfMatch string `header:"If-Match" doc:"The ETag that the change is meant for; another one is 412."`
	RawBody []byte `contentType:"application/json"`
}

// etag returns that of a webhook's configuration.
func etag(ep *webhook.Endpoint) string { return `"` + strconv.FormatInt(ep.Version, 10) + `"` }

// hasTag reports whether an If-Match or If-None-Match has a tag, or all of them.
func hasTag(header, tag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		if part = strings.TrimSpace(part); part == "*" || strings.TrimPrefix(part, "W/") == tag {
			return true
		}
	}
	return false
}

// describe returns an endpoint as JSON, with its health.
func (a *api) describe(ctx context.Context, ep webhook.Endpoint) (webhookJSON, error) {
	all, err := a.describeAll(ctx, []webhook.Endpoint{ep})
	if err != nil {
		return webhookJSON{}, err
	}
	return all[0], nil
}

func (a *api) describeAll(ctx context.Context, eps []webhook.Endpoint) ([]webhookJSON, error) {
	ids := make([]string, len(eps))
	for i := range eps {
		ids[i] = eps[i].ID
	}
	details, err := a.m.Details(ctx, tenant(ctx), ids...)
	if err != nil {
		return nil, err
	}
	out := make([]webhookJSON, len(eps))
	for i := range eps {
		d, ok := details[eps[i].ID]
		if !ok { // deleted a moment ago
			d.Health.Breaker = manage.BreakerClosed
		}
		out[i] = toJSON(&eps[i], &d)
	}
	return out, nil
}

func (a *api) createWebhook(ctx context.Context, in *createWebhookInput) (*created, error) {
	body, names, err := readWebhookInput(in.RawBody)
	if err != nil {
		return nil, err
	}
	ep := webhook.Endpoint{Tenant: tenant(ctx)}
	if err := body.apply(&ep, names); err != nil {
		return nil, err
	}
	var secret manage.Secret
	switch {
	case in.IdempotencyKey != "" && names.Has("secret") == (body.Secret != ""):
		ep, secret, err = a.createOnce(ctx, ep, in, body.Secret)
	case names.Has("secret"):
		ep, secret, err = a.m.ImportEndpoint(ctx, ep, body.Secret)
	default:
		ep, secret, err = a.m.CreateEndpoint(ctx, ep)
	}
	if err != nil {
		return nil, err
	}
	w, err := a.describe(ctx, ep)
	if err != nil {
		return nil, err
	}
	w.Secret = secret.Reveal()
	return &created{Location: "webhooks/" + ep.ID, ETag: etag(&ep), CacheControl: cacheNever, Body: w}, nil
}

func (a *api) readWebhook(ctx context.Context, in *struct {
	ID          string `path:"id" doc:"The id of the webhook."`
	IfNoneMatch string `header:"If-None-Match" doc:"An ETag that the client has: if it is the present one the answer is 304."`
},
) (*tagged[webhookJSON], error) {
	ep, err := a.m.Endpoint(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := &tagged[webhookJSON]{Status: http.StatusOK, ETag: etag(&ep), CacheControl: cacheConfiguration}
	if in.IfNoneMatch != "" && hasTag(in.IfNoneMatch, out.ETag) {
		out.Status = http.StatusNotModified
		return out, nil
	}
	out.Body, err = a.describe(ctx, ep)
	return out, err
}

func (a *api) replaceWebhook(ctx context.Context, in *changeInput) (*tagged[webhookJSON], error) {
	body, names, err := readWebhookInput(in.RawBody)
	if err != nil {
		return nil, err
	}
	return a.change(ctx, in, func(ep *webhook.Endpoint) error { return body.apply(ep, names) })
}

func (a *api) patchWebhook(ctx context.Context, in *changeInput) (*tagged[webhookJSON], error) {
	return a.change(ctx, in, func(ep *webhook.Endpoint) error {
		body, names, err := mergeInput(toJSON(ep, new(manage.Details)), in.RawBody)
		if err != nil {
			return err
		}
		return body.apply(ep, names)
	})
}

// change updates a webhook, if it is still the one that the change is meant for.
func (a *api) change(ctx context.Context, in *changeInput, change func(*webhook.Endpoint) error) (*tagged[webhookJSON], error) {
	ep, err := a.m.UpdateEndpoint(ctx, tenant(ctx), in.ID, func(ep *webhook.Endpoint) error {
		if in.IfMatch != "" && !hasTag(in.IfMatch, etag(ep)) {
			return store.ErrVersion
		}
		return change(ep)
	})
	return a.changed(ctx, ep, err)
}

// changed answers with a webhook that was changed.
func (a *api) changed(ctx context.Context, ep webhook.Endpoint, err error) (*tagged[webhookJSON], error) {
	if err != nil {
		return nil, err
	}
	w, err := a.describe(ctx, ep)
	if err != nil {
		return nil, err
	}
	return &tagged[webhookJSON]{Status: http.StatusOK, ETag: etag(&ep), CacheControl: cacheNever, Body: w}, nil
}

func (a *api) deleteWebhook(ctx context.Context, in *byID) (*struct{}, error) {
	return nil, a.m.DeleteEndpoint(ctx, tenant(ctx), in.ID)
}

func (a *api) pauseWebhook(ctx context.Context, in *byID) (*tagged[webhookJSON], error) {
	ep, err := a.m.Pause(ctx, tenant(ctx), in.ID)
	return a.changed(ctx, ep, err)
}

func (a *api) resumeWebhook(ctx context.Context, in *byID) (*tagged[webhookJSON], error) {
	ep, err := a.m.Resume(ctx, tenant(ctx), in.ID)
	return a.changed(ctx, ep, err)
}

type rotationInput struct {
	Secret    string         `json:"secret,omitempty" writeOnly:"true" doc:"The new secret. Generated if absent."`
	Overlap   *int           `json:"overlap_seconds,omitempty" minimum:"0" maximum:"604800" doc:"How long the old secret goes on signing. Defaults to 24 hours."`
	Signature *signatureJSON `json:"signature,omitempty" doc:"How the new secret signs. Defaults to the webhook's."`
}

type rotatedJSON struct {
	Secret      string `json:"secret" doc:"The new secret, or for v1a its public key. It is shown this once."`
	Fingerprint string `json:"secret_fingerprint"`
}

func (a *api) rotateSecret(ctx context.Context, in *bodyOf) (*answer[rotatedJSON], error) {
	var body rotationInput
	if err := decodeOptional(in.RawBody, &body); err != nil {
		return nil, err
	}
	r := manage.Rotation{Secret: body.Secret}
	if s := body.Signature; s != nil {
		r.Signature = (&webhookInput{Signature: *s}).signature()
	}
	if body.Overlap != nil {
		switch r.Overlap = seconds(float64(*body.Overlap)); {
		case r.Overlap < 0:
			return nil, webhook.Invalid("overlap_seconds", webhook.CodeInvalidField, "Must not be negative.")
		case r.Overlap == 0:
			r.Overlap = -1
		}
	}
	secret, err := a.m.RotateSecret(ctx, tenant(ctx), in.ID, r)
	if err != nil {
		return nil, err
	}
	return uncached(rotatedJSON{Secret: secret.Reveal(), Fingerprint: secret.Fingerprint()}), nil
}

// decodeOptional reads a body that may be left out.
func decodeOptional(body []byte, v any) error {
	if len(body) == 0 {
		return nil
	}
	return strict.Decode(body, v)
}

type subscriptionInput struct {
	EventTypes []string `json:"event_types" doc:"Types, prefix.* or *."`
}

func (a *api) subscribe(ctx context.Context, in *bodyOf) (*tagged[webhookJSON], error) {
	var body subscriptionInput
	if err := strict.Decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	return a.changeTypes(ctx, in.ID, body.EventTypes, func(now []string) []string {
		for _, t := range body.EventTypes {
			if !slices.Contains(now, t) {
				now = append(now, t)
			}
		}
		return now
	})
}

func (a *api) unsubscribe(ctx context.Context, in *struct {
	ID         string   `path:"id" doc:"The id of the webhook."`
	EventTypes []string `query:"event_types" doc:"The same as in the body, for clients that send none."`
	RawBody    []byte   `contentType:"application/json"`
},
) (*tagged[webhookJSON], error) {
	body := subscriptionInput{EventTypes: in.EventTypes}
	if err := decodeOptional(in.RawBody, &body); err != nil {
		return nil, err
	}
	return a.changeTypes(ctx, in.ID, body.EventTypes, func(now []string) []string {
		return slices.DeleteFunc(now, func(t string) bool { return slices.Contains(body.EventTypes, t) })
	})
}

// changeTypes changes what a webhook subscribes to.
func (a *api) changeTypes(ctx context.Context, id string, types []string, change func([]string) []string) (*tagged[webhookJSON], error) {
	if len(types) == 0 {
		return nil, webhook.Invalid("event_types", webhook.CodeInvalidField, "Is needed.")
	}
	ep, err := a.m.UpdateEndpoint(ctx, tenant(ctx), id, func(ep *webhook.Endpoint) error {
		ep.EventTypes = change(list(slices.Clone(ep.EventTypes)))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("change a subscription: %w", err)
	}
	return a.changed(ctx, ep, nil)
}
