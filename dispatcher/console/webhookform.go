package console

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/webhook"
)

// The kinds of retry policies of the form.
const (
	retryDefault     = ""
	retrySchedule    = "schedule"
	retryExponential = "exponential"
)

// customTypes is the field for patterns that are not in the catalogue.
const customTypes = "more_types"

// read gives an endpoint what the form says. What is empty gets its default.
func (f *form) read(ep *webhook.Endpoint) {
	ep.URL, ep.Description, ep.Labels = f.text("url"), f.text("description"), f.words("labels")
	ep.EventTypes = inOrderOf(ep.EventTypes, f.eventTypes())
	ep.Channels, ep.Sources = f.words("channels"), f.words("sources")
	ep.Filter, ep.Transform = f.text("filter"), f.text("transform")
	ep.Format, ep.Method = webhook.Format(f.text("format")), f.text("method")
	ep.Anonymize = f.anonymize()
	ep.Headers = f.pairs("headers", ":", "Write one header a line, as “name: value”.")
	ep.Timeout = time.Duration(f.decimal("timeout_seconds") * float64(time.Second))
	jitter := ep.Retry.Jitter // which the form does not have
	ep.Retry = f.retry()
	ep.Retry.Jitter = jitter
	ep.RateLimit = webhook.RateLimit{PerSecond: f.decimal("rate_limit.per_second"), Burst: f.number("rate_limit.burst")}
	ep.MaxInFlight = f.number("max_in_flight")
	ep.Batch = webhook.Batch{MaxEvents: f.number("batch.max_events"), MaxWait: time.Duration(f.number("batch.max_wait_ms")) * time.Millisecond}
	ep.Order = webhook.Order{Enabled: f.has("order.enabled")}
	if ep.Order.Enabled {
		ep.Order.OnFailure = webhook.OnOrderFailure(f.text("order.on_failure"))
	}
	ep.Priority, ep.OnPaused = webhook.Priority(f.text("priority")), webhook.OnPaused(f.text("on_paused"))
	ep.AutoPauseAfter = f.number("auto_pause_after")
	ep.SuccessStatuses = f.successStatuses()
	ep.DeadLetter = webhook.DeadLetter{Retain: time.Duration(f.number("dead_letter.retain_days")) * 24 * time.Hour, Quiet: f.has("dead_letter.quiet")}
	ep.DiscardResponses = f.has("discard_responses")
	ep.AllowedIPs, ep.DeniedIPs = f.words("allowed_ips"), f.words("denied_ips")
	ep.Encryption = webhook.Encryption{JWK: f.text("encryption.jwk")}
	ep.Auth = f.auth()
	f.readTLS(ep)
}

// eventTypes returns what is checked, and what is typed beside that, each once.
func (f *form) eventTypes() []string {
	types := []string{}
	for _, t := range append(slices.Clone(f.values["event_types"]), f.words(customTypes)...) {
		if t != "" && !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	return types
}

// inOrderOf returns types with those first that were there before, in their order, so that
// saving what is as it was changes nothing.
func inOrderOf(before, types []string) []string {
	place := func(t string) int {
		if i := slices.Index(before, t); i >= 0 {
			return i
		}
		return len(before)
	}
	slices.SortStableFunc(types, func(a, b string) int { return cmp.Compare(place(a), place(b)) })
	return types
}

func (f *form) retry() webhook.RetryPolicy {
	switch f.text("retry.kind") {
	case retrySchedule:
		waits := []time.Duration{}
		for _, text := range f.words("retry.schedule_seconds") {
			wait, ok := parseWait(text)
			if !ok {
				f.fault("retry.schedule_seconds", "Write waits such as 0, 30s, 5m, 2h, 1d, separated by commas.")
			}
			waits = append(waits, wait)
		}
		return webhook.RetryPolicy{Schedule: waits}
	case retryExponential:
		return webhook.RetryPolicy{
			Initial: f.wait("retry.initial_seconds"), Multiplier: f.decimal("retry.multiplier"),
			MaxInterval: f.wait("retry.max_interval_seconds"), MaxAttempts: f.number("retry.max_attempts"),
		}
	}
	return webhook.RetryPolicy{}
}

func (f *form) wait(name string) time.Duration {
	text := f.text(name)
	if text == "" {
		return 0
	}
	d, ok := parseWait(text)
	if !ok {
		f.fault(name, "Write a time such as 30s, 5m, 2h or 1d.")
	}
	return d
}

// parseWait reads a time as people write it: 30s, 5m, 2h, 1d; a number is in seconds.
func parseWait(text string) (time.Duration, bool) {
	unit := time.Second
	for _, u := range waitUnits {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			text, unit = rest, u.unit
			break
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || n != n || n < 0 || n > 1e6 {
		return 0, false
	}
	return time.Duration(n * float64(unit)), true
}

var waitUnits = []struct {
	name string
	unit time.Duration
}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

// writeWait writes what parseWait reads.
func writeWait(d time.Duration) string {
	for _, u := range waitUnits {
		if d >= u.unit && d%u.unit == 0 {
			return strconv.Itoa(int(d/u.unit)) + u.name
		}
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
}

func (f *form) anonymize() []webhook.Anonymization {
	var list []webhook.Anonymization
	for line := range strings.SplitSeq(f.values.Get("anonymize"), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 2 {
			f.fault("anonymize", "Write a pointer and remove or hash a line, as “/customer/email hash”.")
			continue
		}
		list = append(list, webhook.Anonymization{Pointer: words[0], Action: webhook.AnonymizeAction(words[1])})
	}
	return list
}

func (f *form) successStatuses() []int {
	var list []int
	for _, w := range f.words("success_statuses") {
		n, err := strconv.Atoi(w)
		if err != nil {
			f.fault("success_statuses", "Write status codes, separated by commas.")
		}
		list = append(list, n)
	}
	return list
}

// auth reads the settings of the type that is chosen; those of others are not looked at.
func (f *form) auth() webhook.Auth {
	a := webhook.Auth{Type: webhook.AuthType(f.text("auth.type"))}
	if a.Type == webhook.AuthNone {
		return a
	}
	a.Secret = webhook.NewCredential(f.values.Get("auth.secret"))
	if key := f.text("auth.key"); key != "" { // private keys have several lines
		a.Secret = webhook.NewCredential(key)
	}
	switch a.Type {
	case webhook.AuthAPIKey:
		a.Header = f.text("auth.header")
	case webhook.AuthBasic:
		a.Username = f.text("auth.username")
	case webhook.AuthJWT:
		a.JWT = webhook.JWT{
			Algorithm: webhook.JWTAlgorithm(f.text("auth.jwt.algorithm")), KeyID: f.text("auth.jwt.key_id"),
			Issuer: f.text("auth.jwt.issuer"), Subject: f.text("auth.jwt.subject"), Audience: f.text("auth.jwt.audience"),
			Lifetime: time.Duration(f.number("auth.jwt.lifetime_seconds")) * time.Second,
		}
	case webhook.AuthOAuth2:
		a.OAuth2 = webhook.OAuth2{
			TokenURL: f.text("auth.oauth2.token_url"), ClientID: f.text("auth.oauth2.client_id"), Scopes: f.words("auth.oauth2.scopes"),
			Audience: f.text("auth.oauth2.audience"), Style: webhook.OAuth2Style(f.text("auth.oauth2.style")),
		}
	case webhook.AuthCustom:
		a.Scheme, a.Params = f.text("auth.scheme"), f.pairs("auth.params", "=", "Write one a line, as “name=value”.")
	}
	return a
}

func (f *form) readTLS(ep *webhook.Endpoint) {
	kept := ep.TLS
	ep.TLS = webhook.TLS{
		MinVersion: webhook.TLSVersion(f.text("tls.min_version")), Authorities: f.text("tls.authorities"), Pins: f.words("tls.pins"),
		ClientCertificate: webhook.NewCredential(f.text("tls.client_certificate")), ClientKey: webhook.NewCredential(f.text("tls.client_key")),
	}
	if !f.has("tls.drop_client") {
		ep.TLS.ClientFingerprint, ep.TLS.ClientNotAfter = kept.ClientFingerprint, kept.ClientNotAfter
	}
}

// formOf returns the form of an endpoint as it is.
func formOf(ep *webhook.Endpoint, known []webhook.EventType) *form {
	f := newForm(make(url.Values))
	for name, value := range map[string]string{
		"url": ep.URL, "description": ep.Description, "labels": strings.Join(ep.Labels, ", "),
		"channels": strings.Join(ep.Channels, ", "), "sources": strings.Join(ep.Sources, ", "), "filter": ep.Filter, "transform": ep.Transform,
		"format": string(ep.Format), "method": ep.Method, "priority": string(ep.Priority), "on_paused": string(ep.OnPaused),
		"timeout_seconds": strconv.FormatFloat(ep.Timeout.Seconds(), 'f', -1, 64), "auto_pause_after": strconv.Itoa(ep.AutoPauseAfter),
		"success_statuses": numbers(ep.SuccessStatuses), "allowed_ips": strings.Join(ep.AllowedIPs, "\n"), "denied_ips": strings.Join(ep.DeniedIPs, "\n"),
		"encryption.jwk": ep.Encryption.JWK, "tls.min_version": string(ep.TLS.MinVersion), "tls.authorities": ep.TLS.Authorities, "tls.pins": strings.Join(ep.TLS.Pins, "\n"),
		"order.on_failure": string(ep.Order.OnFailure),
	} {
		f.set(name, value)
	}
	for name, n := range map[string]int{
		"rate_limit.burst": ep.RateLimit.Burst, "max_in_flight": ep.MaxInFlight, "batch.max_events": ep.Batch.MaxEvents,
		"batch.max_wait_ms": int(ep.Batch.MaxWait.Milliseconds()), "dead_letter.retain_days": int(ep.DeadLetter.Retain / (24 * time.Hour)),
	} {
		if n != 0 {
			f.set(name, strconv.Itoa(n))
		}
	}
	for name, on := range map[string]bool{"order.enabled": ep.Order.Enabled, "dead_letter.quiet": ep.DeadLetter.Quiet, "discard_responses": ep.DiscardResponses} {
		if on {
			f.set(name, "on")
		}
	}
	if ep.RateLimit.PerSecond > 0 {
		f.set("rate_limit.per_second", strconv.FormatFloat(ep.RateLimit.PerSecond, 'f', -1, 64))
	}
	var lines []string
	for _, a := range ep.Anonymize {
		lines = append(lines, a.Pointer+" "+string(a.Action))
	}
	f.set("anonymize", strings.Join(lines, "\n"))
	f.writePairs("headers", ": ", ep.Headers)
	f.writeTypes(ep.EventTypes, known)
	f.writeRetry(ep.Retry)
	f.writeAuth(&ep.Auth)
	return f
}

// writeTypes checks what is in the catalogue, and writes the rest.
func (f *form) writeTypes(types []string, known []webhook.EventType) {
	var rest []string
	groups := groupTypes(known)
	for _, t := range types {
		if t == "*" || slices.ContainsFunc(groups, func(g typeGroup) bool { return g.has(t) }) {
			f.values.Add("event_types", t)
		} else {
			rest = append(rest, t)
		}
	}
	f.set(customTypes, strings.Join(rest, "\n"))
}

func (f *form) writeRetry(p webhook.RetryPolicy) {
	switch {
	case p.Initial > 0:
		f.set("retry.kind", retryExponential)
		f.set("retry.initial_seconds", writeWait(p.Initial))
		f.set("retry.max_attempts", strconv.Itoa(p.Attempts()))
		if p.Multiplier > 0 {
			f.set("retry.multiplier", strconv.FormatFloat(p.Multiplier, 'f', -1, 64))
		}
		if p.MaxInterval > 0 {
			f.set("retry.max_interval_seconds", writeWait(p.MaxInterval))
		}
	case len(p.Schedule) > 0 && !slices.Equal(p.Schedule, webhook.DefaultSchedule):
		f.set("retry.kind", retrySchedule)
		waits := make([]string, len(p.Schedule))
		for i, d := range p.Schedule {
			waits[i] = writeWait(d)
		}
		f.set("retry.schedule_seconds", strings.Join(waits, ", "))
	}
}

func (f *form) writeAuth(a *webhook.Auth) {
	for name, value := range map[string]string{
		"auth.type": string(a.Type), "auth.header": a.Header, "auth.username": a.Username, "auth.scheme": a.Scheme,
		"auth.jwt.algorithm": string(a.JWT.Algorithm), "auth.jwt.key_id": a.JWT.KeyID, "auth.jwt.issuer": a.JWT.Issuer,
		"auth.jwt.subject": a.JWT.Subject, "auth.jwt.audience": a.JWT.Audience,
		"auth.oauth2.token_url": a.OAuth2.TokenURL, "auth.oauth2.client_id": a.OAuth2.ClientID, "auth.oauth2.audience": a.OAuth2.Audience,
		"auth.oauth2.scopes": strings.Join(a.OAuth2.Scopes, ", "), "auth.oauth2.style": string(a.OAuth2.Style),
	} {
		f.set(name, value)
	}
	if a.JWT.Lifetime > 0 {
		f.set("auth.jwt.lifetime_seconds", strconv.Itoa(int(a.JWT.Lifetime.Seconds())))
	}
	f.writePairs("auth.params", "=", a.Params)
}
