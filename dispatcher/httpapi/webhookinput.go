package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/postrider/postrider/dispatcher/httpapi/strict"
	"github.com/postrider/postrider/webhook"
)

// webhookInput is a webhook as it is created or replaced.
type webhookInput webhookJSON

// webhookPatch is a merge patch of a webhookInput (RFC 7396).
type webhookPatch struct{}

// readWebhookInput reads the body of a request that creates or replaces a webhook, and
// says which fields it has.
func readWebhookInput(body []byte) (*webhookInput, strict.Names, error) {
	in := new(webhookInput)
	names, err := strict.DecodeNames(body, in)
	return in, names, err
}

// apply gives an endpoint the configuration of a body. What the body does not name gets
// its default, credentials aside, which stay.
func (in *webhookInput) apply(ep *webhook.Endpoint, names strict.Names) error {
	if err := in.checkFixed(ep, names); err != nil {
		return err
	}
	ep.URL, ep.Description, ep.Labels = in.URL, in.Description, in.Labels
	ep.EventTypes, ep.Channels, ep.Sources = in.EventTypes, in.Channels, in.Sources
	ep.Method, ep.Timeout, ep.Retry = in.Method, seconds(in.Timeout), in.Retry.policy(names)
	ep.RateLimit = webhook.RateLimit{PerSecond: in.RateLimit.PerSecond, Burst: in.RateLimit.Burst}
	ep.MaxInFlight = in.MaxInFlight
	ep.Batch = webhook.Batch{MaxEvents: in.Batch.MaxEvents, MaxWait: time.Duration(in.Batch.MaxWait) * time.Millisecond}
	ep.Order = webhook.Order{Enabled: in.Order.Enabled, OnFailure: webhook.OnOrderFailure(in.Order.OnFailure)}
	ep.Priority, ep.OnPaused = webhook.Priority(in.Priority), webhook.OnPaused(in.OnPaused)
	ep.AutoPauseAfter, ep.SuccessStatuses = in.AutoPause, in.Success
	ep.DeadLetter = webhook.DeadLetter{
		Retain: time.Duration(in.DeadLetter.RetainDays) * day, Quiet: names.Has("dead_letter.notify") && !in.DeadLetter.Notify,
	}
	ep.DiscardResponses = names.Has("store_response") && !in.Store
	ep.AllowedIPs, ep.DeniedIPs, ep.Metadata = in.AllowedIPs, in.DeniedIPs, in.Metadata
	ep.Filter, ep.Transform, ep.Format, ep.Anonymize = in.Filter, in.Transform, webhook.Format(in.Format), anonymizations(in.Anonymize)
	ep.Encryption = webhook.Encryption{}
	if jwk := in.Encryption.JWK; len(jwk) > 0 && !bytes.Equal(jwk, []byte("null")) {
		ep.Encryption.JWK = string(jwk)
	}
	if names.Has("status") {
		ep.Status = webhook.EndpointStatus(in.Status)
	}
	if names.Has("signature") {
		ep.Signature = in.signature()
	}
	in.applyCredentials(ep, names)
	return nil
}

// checkFixed refuses what cannot be changed, or taken away by itself.
func (in *webhookInput) checkFixed(ep *webhook.Endpoint, names strict.Names) error {
	var inv webhook.InvalidError
	if names.Has("id") && in.ID != ep.ID {
		inv.Add("id", webhook.CodeInvalidField, "Cannot be changed.")
	}
	if names.Has("created_at") && !in.CreatedAt.Equal(ep.CreatedAt) {
		inv.Add("created_at", webhook.CodeInvalidField, "Cannot be changed.")
	}
	if names.Has("secret") && ep.ID != "" {
		inv.Add("secret", webhook.CodeSecretInvalid, "Is given on creation only. Rotate the secret to change it.")
	}
	if names.Null("auth.secret") && in.Auth.Type == string(ep.Auth.Type) && ep.Auth.Type != webhook.AuthNone {
		inv.Add("auth.secret", webhook.CodeInvalidField, "Is needed. Set auth to null to remove both.")
	}
	return inv.Err()
}

func (in *webhookInput) signature() webhook.Signature {
	s := webhook.Signature{Scheme: webhook.SignatureScheme(in.Signature.Scheme), Header: in.Signature.Header, Prefix: in.Signature.Prefix}
	if s.Scheme == "" {
		s.Scheme = webhook.SchemeV1
	}
	return s
}

// applyCredentials sets what proves to receivers who sends: headers, authentication and
// client certificate. Absent is as it was, and null is none.
func (in *webhookInput) applyCredentials(ep *webhook.Endpoint, names strict.Names) {
	if _, given := names["headers"]; given {
		ep.Headers = in.Headers
	}
	if _, given := names["auth"]; given {
		ep.Auth = in.Auth.value()
	}
	fingerprint, until := ep.TLS.ClientFingerprint, ep.TLS.ClientNotAfter
	if names.Null("tls") || names.Null("tls.client_certificate") || names.Null("tls.client_key") {
		fingerprint, until = "", time.Time{}
	}
	if in.TLS.MinVersion == string(webhook.TLS12) { // what is meant without one too
		in.TLS.MinVersion = ""
	}
	ep.TLS = webhook.TLS{
		MinVersion: webhook.TLSVersion(in.TLS.MinVersion), Authorities: in.TLS.Authorities, Pins: in.TLS.Pins,
		ClientCertificate: webhook.NewCredential(in.TLS.ClientCertificate), ClientKey: webhook.NewCredential(in.TLS.ClientKey),
		ClientFingerprint: fingerprint, ClientNotAfter: until,
	}
}

func (in *authJSON) value() webhook.Auth {
	if in.Type == noAuth || in.Type == "" && reflect.DeepEqual(*in, authJSON{}) {
		return webhook.Auth{}
	}
	auth := webhook.Auth{
		Type: webhook.AuthType(in.Type), Secret: webhook.NewCredential(in.Secret), Header: in.Header, Username: in.Username,
		Scheme: in.Scheme, Params: in.Params,
	}
	if j := in.JWT; j != nil {
		auth.JWT = webhook.JWT{
			Algorithm: webhook.JWTAlgorithm(j.Algorithm), KeyID: j.KeyID, Issuer: j.Issuer, Subject: j.Subject,
			Audience: j.Audience, Lifetime: time.Duration(j.Lifetime) * time.Second,
		}
	}
	if o := in.OAuth2; o != nil {
		auth.OAuth2 = webhook.OAuth2{TokenURL: o.TokenURL, ClientID: o.ClientID, Scopes: o.Scopes, Audience: o.Audience, Style: webhook.OAuth2Style(o.Style)}
	}
	return auth
}

// policy returns the policy of a body, whose field "retry" it is of. The default one, as
// it is shown, is none of its own, so that what was read can be written back.
func (in *retryJSON) policy(names strict.Names) webhook.RetryPolicy {
	r := webhook.RetryPolicy{
		Initial: seconds(in.Initial), Multiplier: in.Multiplier, MaxInterval: seconds(in.MaxInterval),
		MaxAttempts: in.MaxAttempts, Jitter: in.Jitter,
	}
	if in.Schedule != nil {
		r.Schedule = []time.Duration{}
	}
	for _, wait := range in.Schedule {
		r.Schedule = append(r.Schedule, seconds(wait))
	}
	switch {
	case names.Has("retry.jitter") && r.Jitter == 0:
		r.Jitter = -1
	case r.Jitter == webhook.DefaultJitter:
		r.Jitter = 0
	}
	if slices.Equal(r.Schedule, webhook.DefaultSchedule) {
		if rest := (webhook.RetryPolicy{Schedule: r.Schedule}); reflect.DeepEqual(r, rest) {
			return webhook.RetryPolicy{}
		}
	}
	return r
}

// maxSeconds is more than any field takes, and less than a Duration does.
const maxSeconds = 1e9

// seconds returns a duration. What is far out of bounds stays out of bounds.
func seconds(n float64) time.Duration {
	return time.Duration(min(max(n, -maxSeconds), maxSeconds) * float64(time.Second))
}

// mergeInput returns the input that a merge patch makes of a webhook as it is, and which
// fields it has. Credentials that the patch takes away are null in it.
func mergeInput(now webhookJSON, patch []byte) (*webhookInput, strict.Names, error) {
	given, changes, err := readWebhookInput(patch)
	if err != nil {
		return nil, nil, err
	}
	now.Health = nil
	makeWay(&now, given, changes)
	before, err := json.Marshal(now)
	if err != nil {
		return nil, nil, err
	}
	merged, err := jsonpatch.MergePatch(before, patch)
	if err != nil {
		return nil, nil, newProblem(http.StatusBadRequest, codeInvalidJSON, "The body must be a merge patch.")
	}
	in, names, err := readWebhookInput(merged)
	for path, null := range changes {
		if _, left := names[path]; null && !left && names != nil {
			names[path] = true
		}
	}
	return in, names, err
}

// makeWay takes away what a patch replaces by something of another kind: a schedule by an
// exponential policy, or an authentication by one of another type.
func makeWay(now *webhookJSON, given *webhookInput, changes strict.Names) {
	if changes.Has("retry.schedule_seconds") {
		now.Retry = retryJSON{Jitter: now.Retry.Jitter}
	}
	if changes.Has("retry.initial_seconds") {
		now.Retry.Schedule = nil
	}
	if changes.Has("auth.type") && given.Auth.Type != now.Auth.Type {
		now.Auth = authJSON{}
	}
}
