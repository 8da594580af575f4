package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/webhook"
)

// setting is a line of a webhook's configuration in words.
type setting struct{ Name, Value string }

// settingsOf describes a configuration. What is as it is by default, and of no importance
// then, is left out.
func settingsOf(ep *webhook.Endpoint) []setting {
	list := []setting{
		{"Signature", signatureText(ep.Signature)},
		{"Authentication", authText(ep.Auth)},
		{"Method", ep.Method},
		{"Format", string(ep.Format)},
		{"Timeout", span(ep.Timeout)},
		{"Retries", retryText(ep.Retry)},
		{"Pauses itself", pauseText(ep.AutoPauseAfter)},
	}
	add := func(name, value string, there bool) {
		if there {
			list = append(list, setting{name, value})
		}
	}
	add("Rate limit", fmt.Sprintf("%s a second, bursts of %d", strconv.FormatFloat(ep.RateLimit.PerSecond, 'f', -1, 64), ep.RateLimit.Burst), ep.RateLimit.PerSecond > 0)
	add("At once", fmt.Sprintf("at most %d", ep.MaxInFlight), ep.MaxInFlight > 0)
	add("Batches", fmt.Sprintf("up to %d events, or after %s", ep.Batch.MaxEvents, span(ep.Batch.MaxWait)), ep.Batch.MaxEvents > 0)
	add("Order", "kept; after a failure: "+string(ep.Order.OnFailure), ep.Order.Enabled)
	add("Priority", string(ep.Priority), ep.Priority != "")
	add("While paused", "events are skipped", ep.OnPaused == webhook.OnPausedSkip)
	add("Success is", numbers(ep.SuccessStatuses), len(ep.SuccessStatuses) > 0)
	add("Dead letters", "kept "+span(ep.DeadLetter.Retain), ep.DeadLetter.Retain > 0)
	add("Responses", "are not kept", ep.DiscardResponses)
	add("Channels", strings.Join(ep.Channels, ", "), len(ep.Channels) > 0)
	add("Sources", strings.Join(ep.Sources, ", "), len(ep.Sources) > 0)
	add("Allowed addresses", strings.Join(ep.AllowedIPs, ", "), len(ep.AllowedIPs) > 0)
	add("Denied addresses", strings.Join(ep.DeniedIPs, ", "), len(ep.DeniedIPs) > 0)
	add("Minimum TLS", string(ep.TLS.MinVersion), ep.TLS.MinVersion != "" && ep.TLS.MinVersion != webhook.TLS12)
	add("Pinned keys", strconv.Itoa(len(ep.TLS.Pins)), len(ep.TLS.Pins) > 0)
	add("Client certificate", "until "+ep.TLS.ClientNotAfter.UTC().Format("2 Jan 2006"), ep.TLS.ClientFingerprint != "")
	add("Encryption", "to the receiver's key", ep.Encryption.Enabled())
	add("Anonymised", strconv.Itoa(len(ep.Anonymize))+" fields", len(ep.Anonymize) > 0)
	return list
}

func signatureText(s webhook.Signature) string {
	names := map[webhook.SignatureScheme]string{
		webhook.SchemeV1: "v1 (HMAC-SHA256)", webhook.SchemeV1a: "v1a (Ed25519)", webhook.SchemeGitHub: "as GitHub signs", webhook.SchemeStripe: "as Stripe signs",
	}
	if name, ok := names[s.Scheme]; ok {
		return name
	}
	return strings.TrimSpace("custom " + s.Header)
}

// authNames are the types of authentication in words, in the order of the form.
var authNames = []option{
	{string(webhook.AuthNone), "None, the signature alone"},
	{string(webhook.AuthAPIKey), "API key in a header"},
	{string(webhook.AuthBasic), "User name and password (Basic)"},
	{string(webhook.AuthBearer), "Bearer token"},
	{string(webhook.AuthJWT), "JWT, signed for each attempt"},
	{string(webhook.AuthOAuth2), "OAuth 2.0 client credentials"},
	{string(webhook.AuthCustom), "A scheme of the platform"},
}

func authText(a webhook.Auth) string {
	for _, o := range authNames {
		if o.Value == string(a.Type) {
			return o.Text
		}
	}
	return string(a.Type)
}

func retryText(p webhook.RetryPolicy) string {
	if len(p.Schedule) == 0 && p.Initial == 0 {
		p.Schedule = webhook.DefaultSchedule
	}
	if len(p.Schedule) > 0 {
		var all time.Duration
		for _, wait := range p.Schedule {
			all += wait
		}
		return fmt.Sprintf("%d attempts over %s", len(p.Schedule), span(all.Round(time.Minute)))
	}
	return fmt.Sprintf("%d attempts, the first wait %s", p.Attempts(), span(p.Initial))
}

func pauseText(after int) string {
	if after < 0 {
		return "never"
	}
	return fmt.Sprintf("after %d failures in a row", after)
}

// numbers writes a list of numbers.
func numbers(list []int) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, ", ")
}
