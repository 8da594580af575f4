package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postrider/postrider/webhook"
)

// functions are what templates can call.
var functions = template.FuncMap{
	"ago":      func(t time.Time) string { return ago(time.Now(), t) },
	"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"exact":    func(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 UTC") },
	"clock":    func(t time.Time) string { return t.UTC().Format("15:04:05") },
	"count":    count,
	"percent":  percent,
	"took":     took,
	"span":     span,
	"short":    short,
	"host":     host,
	"join":     strings.Join,
	"readable": readable,
	"pretty":   pretty,
	"status":   statusOf,
	"headers":  headersOf,
	"plural": func(n int64, one, many string) string {
		if n == 1 {
			return "1 " + one
		}
		return count(n) + " " + many
	},
	"nav":              navOf,
	"rotateConfirm":    rotateConfirm,
	"deleteConfirm":    deleteConfirm,
	"revokeConfirm":    revokeConfirm,
	"deprecateConfirm": deprecateConfirm,
	"archiveConfirm":   archiveConfirm,
	"tokens":           tokensOf,
	"kinds":            tokenKinds,
	"sum":              func(a, b int) int { return a + b },
	"minus":            func(a, b int) int { return a - b },
	"int64":            func(n int) int64 { return int64(n) },
	"words":            func(s string) string { return strings.ReplaceAll(s, "_", " ") },
}

// ago says how far a time is from now, as people say it.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	form := "%s ago"
	if d < 0 {
		d, form = -d, "in %s"
	}
	for _, u := range []struct {
		from, unit time.Duration
		one, many  string
	}{
		{48 * time.Hour, 24 * time.Hour, "day", "days"},
		{90 * time.Minute, time.Hour, "hour", "hours"},
		{90 * time.Second, time.Minute, "minute", "minutes"},
		{10 * time.Second, time.Second, "second", "seconds"},
	} {
		if d < u.from {
			continue
		}
		n := int(d.Round(u.unit) / u.unit)
		if n == 1 {
			return fmt.Sprintf(form, "1 "+u.one)
		}
		return fmt.Sprintf(form, strconv.Itoa(n)+" "+u.many)
	}
	if form == "in %s" {
		return "in a moment"
	}
	return "just now"
}

// count writes a number with commas: 1,234,567.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// percent writes a share, 0 to 1. What is not quite all is never 100 %.
func percent(share float64) string {
	s := strconv.FormatFloat(share*100, 'f', 1, 64)
	switch {
	case s == "100.0" && share < 1:
		s = "99.9"
	case s == "100.0", s == "0.0" && share == 0:
		s = strings.TrimSuffix(s, ".0")
	}
	return s + " %"
}

// took writes how long an attempt or a phase of one took.
func took(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d >= time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
	case d >= 10*time.Millisecond:
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + " ms"
	}
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) + " ms"
}

// span writes a configured duration in its largest units: "2 h 30 min".
func span(d time.Duration) string {
	if d == 0 {
		return "0 s"
	}
	var parts []string
	for _, u := range []struct {
		d    time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := d / u.d; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			d %= u.d
		}
	}
	return strings.Join(parts, " ")
}

// short shortens an id to its prefix and its last six characters, which are random.
func short(id string) string {
	prefix, rest, ok := strings.Cut(id, "_")
	if !ok || len(rest) <= 8 {
		return id
	}
	return prefix + "_…" + rest[len(rest)-6:]
}

// host returns the host of a URL, or all of it if it has none.
func host(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}

// readable returns bytes as text. What is not UTF-8 is shown as such.
func readable(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return fmt.Sprintf("(%d bytes that are not text)\n%s", len(b), strings.ToValidUTF8(string(b), "\uFFFD"))
}

// pretty returns JSON with line breaks, and anything else as it is. It changes no value.
func pretty(b []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, b, "", "  ") != nil {
		return readable(b)
	}
	return readable(out.Bytes())
}

// place returns host and path of a URL, which is how people tell their webhooks apart.
func place(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host + strings.TrimSuffix(u.Path, "/")
	}
	return address
}

// statusView is a status as it is shown: a shape, a word and a colour.
type statusView struct {
	Name, Icon, Text string
}

// statuses are those of deliveries and webhooks, and the results of tests. Each has a
// shape of its own, so that colour is never all there is.
var statuses = map[string]statusView{
	string(webhook.DeliveryPending):   {"pending", "clock", "Pending"},
	string(webhook.DeliveryDelivered): {"good", "check", "Delivered"},
	string(webhook.DeliveryFailed):    {"bad", "cross", "Failed"},
	string(webhook.DeliveryCanceled):  {"off", "slash", "Canceled"},
	string(webhook.DeliverySkipped):   {"off", "skip", "Skipped"},
	string(webhook.EventPartial):      {"warn", "warning", "Partly delivered"},
	string(webhook.EventUnmatched):    {"off", "dot", "No webhook"},
	"retrying":                        {"warn", "retry", "Retrying"},
	string(webhook.EndpointActive):    {"good", "dot", "Active"},
	string(webhook.EndpointPaused):    {"warn", "pause", "Paused"},
	"failing":                         {"bad", "cross", "Failing"},
	"high":                            {"bad", "cross", "High"},
	"medium":                          {"warn", "warning", "Medium"},
	"low":                             {"off", "dot", "Low"},
	"running":                         {"pending", "clock", "Running"},
	"done":                            {"good", "check", "Done"},
}

func statusOf(status any) statusView {
	var name string
	switch s := status.(type) {
	case webhook.Delivery:
		if name = string(s.Status); s.Status == webhook.DeliveryPending && s.Attempts > 0 {
			name = "retrying"
		}
	default:
		name = fmt.Sprint(status)
	}
	if v, ok := statuses[name]; ok {
		return v
	}
	return statusView{"off", "dot", name}
}

// header is a name and a value.
type header struct{ Name, Value string }

// headersOf returns headers in the order of their names.
func headersOf(h map[string]string) []header {
	list := make([]header, 0, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		list = append(list, header{name, h[name]})
	}
	return list
}
