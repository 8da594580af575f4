package manage

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// FindingCode names a finding of a security report, for code.
type FindingCode string

// The codes of findings.
const (
	// FindingNoKeyring: secrets are stored as they are.
	FindingNoKeyring FindingCode = "missing_keyring"
	// FindingPlainHTTP: deliveries go unencrypted.
	FindingPlainHTTP FindingCode = "plain_http"
	// FindingOldSecret: the signing secret is older than a year.
	FindingOldSecret FindingCode = "old_secret"
	// FindingCertificate: the client certificate has expired, or is about to.
	FindingCertificate FindingCode = "certificate_expires"
	// FindingWideFilter: the endpoint gets events of every type.
	FindingWideFilter FindingCode = "wide_filter"
	// FindingPausedLong: the endpoint was paused long ago, and keeps its secrets.
	FindingPausedLong FindingCode = "paused_long"
	// FindingUnused: nothing was delivered to the endpoint for long; its keys are
	// used by nobody.
	FindingUnused FindingCode = "unused_endpoint"
	// FindingUnusedKey: nobody has used an API key for long, which is let in all the
	// same.
	FindingUnusedKey FindingCode = "unused_key"
)

// Severity is how bad a finding is.
type Severity string

// The severities, the worst first.
const (
	SeverityHigh   Severity = "high"
	SeverityMedium Severity = "medium"
	SeverityLow    Severity = "low"
)

var severities = []Severity{SeverityHigh, SeverityMedium, SeverityLow}

// Finding is something about a tenant's webhooks that should be safer.
type Finding struct {
	Code     FindingCode
	Severity Severity
	// Endpoint is whose it is; empty if it is about all.
	Endpoint string
	// Text is a sentence for people.
	Text string
	// Evidence is what the finding rests on, by name. It holds no secret.
	Evidence map[string]string
}

// The thresholds of findings; oldSecret is that of the advice.
const (
	// certificateSoon is how long before its end a certificate is told of: time to
	// order another one.
	certificateSoon = 30 * 24 * time.Hour
	// pausedLong is how long payloads are kept by default: what was held for the
	// endpoint is gone by then.
	pausedLong = 30 * 24 * time.Hour
	// unusedLong is how long deliveries are kept by default: there is no trace of one
	// that was delivered, or of what an API key was used for.
	unusedLong = 90 * 24 * time.Hour
)

// SecurityReport returns what should be safer about a tenant's webhooks, the worst
// first and then by endpoint. It reads all of the tenant's endpoints and API keys. No
// findings are not an error.
func (m *Manager) SecurityReport(ctx context.Context, tenant string) ([]Finding, error) {
	if !validTenant(tenant) {
		return nil, nil
	}
	var findings []Finding
	endpoints := 0
	for page := (store.Page{Limit: store.MaxPage}); ; {
		records, err := m.store.ListEndpoints(ctx, tenant, page)
		if err != nil {
			return nil, err
		}
		lanes := make([]store.Lane, len(records))
		for i, rec := range records {
			lanes[i] = store.Lane{Tenant: tenant, Endpoint: rec.ID}
		}
		eps, err := m.store.EngineEndpoints(ctx, lanes)
		if err != nil {
			return nil, err
		}
		for i := range eps {
			if !eps[i].Deleted() {
				findings = append(findings, inspect(&eps[i], clock.Now())...)
				endpoints++
			}
		}
		if len(records) < store.MaxPage {
			break
		}
		page.After = records[len(records)-1].ID
	}
	if endpoints > 0 && !m.d.SealsSecrets() {
		findings = append(findings, Finding{
			Code: FindingNoKeyring, Severity: SeverityHigh,
			Text:     "Secrets and credentials are stored as they are: give the dispatcher a keyring.",
			Evidence: map[string]string{"endpoints": strconv.Itoa(endpoints)},
		})
	}
	keys, err := m.store.ListTokens(ctx, tenant, webhook.TokenAPIKey, store.Page{Limit: store.MaxPage})
	if err != nil {
		return nil, err
	}
	for i := range keys {
		findings = append(findings, inspectKey(&keys[i], clock.Now())...)
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	return findings, nil
}

// inspectKey says what there is to find about an API key.
func inspectKey(t *webhook.Token, now time.Time) []Finding {
	since := latest(t.CreatedAt, t.LastUsedAt)
	if t.Expired(now) || now.Sub(since) <= unusedLong {
		return nil
	}
	return []Finding{{
		Code: FindingUnusedKey, Severity: SeverityMedium,
		Text:     fmt.Sprintf("An API key was not used for %d days, and would let anybody in who finds it: revoke it.", days(now.Sub(since))),
		Evidence: map[string]string{"api_key": t.ID, "name": t.Name, "role": string(t.Role), "since": instant(since)},
	}}
}

// inspect says what there is to find about an endpoint. Nothing else does.
func inspect(ep *store.EngineEndpoint, now time.Time) (findings []Finding) {
	find := func(code FindingCode, s Severity, text string, evidence ...string) {
		f := Finding{Code: code, Severity: s, Endpoint: ep.ID, Text: text, Evidence: make(map[string]string)}
		for i := 0; i < len(evidence); i += 2 {
			f.Evidence[evidence[i]] = evidence[i+1]
		}
		findings = append(findings, f)
	}
	if u, err := url.Parse(ep.URL); err == nil && strings.EqualFold(u.Scheme, "http") {
		find(FindingPlainHTTP, SeverityHigh, "Deliveries go over plain http, so others on the way can read them: use https.", "host", u.Host)
	}
	for _, s := range ep.Secrets[:min(len(ep.Secrets), 1)] {
		if age := now.Sub(s.CreatedAt); age > oldSecret {
			find(FindingOldSecret, SeverityMedium, fmt.Sprintf("The signing secret is %d days old: rotate it.", days(age)),
				"secret_created_at", instant(s.CreatedAt), "fingerprint", s.Fingerprint)
		}
	}
	if ends := ep.TLS.ClientNotAfter; !ends.IsZero() && now.Add(certificateSoon).After(ends) {
		text, severity := fmt.Sprintf("The client certificate expires in %d days: replace it.", days(ends.Sub(now))), SeverityMedium
		if !now.Before(ends) {
			text, severity = "The client certificate has expired: replace it.", SeverityHigh
		}
		find(FindingCertificate, severity, text, "not_after", instant(ends), "fingerprint", ep.TLS.ClientFingerprint)
	}
	if slices.Contains(ep.EventTypes, "*") {
		find(FindingWideFilter, SeverityLow, "The webhook gets events of every type, those to come too: name what it needs.",
			"event_types", strings.Join(ep.EventTypes, ", "))
	}
	switch lately := latest(ep.CreatedAt, ep.Health.LastSuccessAt); {
	case ep.Status == webhook.EndpointPaused && now.Sub(ep.UpdatedAt) > pausedLong:
		find(FindingPausedLong, SeverityLow, fmt.Sprintf("The webhook is paused for %d days at least: delete it if nobody needs it.", days(now.Sub(ep.UpdatedAt))),
			"unchanged_since", instant(ep.UpdatedAt))
	case ep.Status == webhook.EndpointActive && now.Sub(lately) > unusedLong:
		find(FindingUnused, SeverityLow, fmt.Sprintf("Nothing was delivered for %d days, so nobody uses its secrets: delete it if nobody needs it.", days(now.Sub(lately))),
			"since", instant(lately))
	}
	return findings
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }
