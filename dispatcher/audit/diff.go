package audit

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"
	"unicode"

	"github.com/postrider/postrider/webhook"
)

// Hidden stands for what is not shown.
const Hidden = "***"

// fields says of the fields of an endpoint what may be shown of them. One that is
// not on the list is hidden: it may be a credential.
var fields = map[string]func(reflect.Value) any{
	"URL": redactURL, "Description": plain, "Labels": plain, "EventTypes": plain, "Sources": plain, "Channels": plain, "Filter": plain, "Transform": plain, "Anonymize": plain, "Format": plain, "Method": plain,
	"AllowedIPs": plain, "DeniedIPs": plain,
	"Timeout": plain, "Retry": plain, "MaxInFlight": plain, "RateLimit": plain, "Batch": plain, "Order": plain,
	"Priority": plain, "OnPaused": plain, "SuccessStatuses": plain, "DeadLetter": plain, "AutoPauseAfter": plain,
	"Auth": showAuth, "TLS": showTLS, "Signature": plain, "Encryption": plain, "DiscardResponses": plain, "Status": plain, "PauseCause": plain, "StatusReason": plain,
}

// bookkeeping are the fields that the record itself says, or nobody has changed.
var bookkeeping = map[string]bool{
	"ID": true, "Tenant": true, "Revision": true, "Version": true, "CreatedAt": true, "UpdatedAt": true, "DeletedAt": true,
}

// Diff returns what is different between two endpoints as a JSON object each, with
// the names of the REST API as far as it has them and durations in seconds. Of maps,
// such as headers, the names of the entries that differ are shown. nil stands for no
// endpoint, of which everything is different; zero values are left out. Without a
// difference both are nil.
func Diff(before, after *webhook.Endpoint) (was, became json.RawMessage) {
	was, became = only(before, after), only(after, before)
	if len(was)+len(became) == 0 {
		return nil, nil
	}
	if before != nil && was == nil {
		was = json.RawMessage("{}")
	}
	if after != nil && became == nil {
		became = json.RawMessage("{}")
	}
	return was, became
}

// only returns what an endpoint has that the other has not, or nil.
func only(ep, other *webhook.Endpoint) json.RawMessage {
	if ep == nil {
		return nil
	}
	if other == nil {
		other = new(webhook.Endpoint)
	}
	a, b := reflect.ValueOf(*ep), reflect.ValueOf(*other)
	object := make(map[string]any)
	for i := range a.NumField() {
		field := a.Type().Field(i)
		if bookkeeping[field.Name] || a.Field(i).IsZero() || same(a.Field(i).Interface(), b.Field(i).Interface()) {
			continue
		}
		show := fields[field.Name]
		switch {
		case show != nil:
			object[nameOf(field)] = show(a.Field(i))
		case field.Type.Kind() == reflect.Map && field.Type.Key().Kind() == reflect.String:
			if names := differing(a.Field(i), b.Field(i)); len(names) > 0 {
				object[nameOf(field)] = names
			}
		default:
			object[nameOf(field)] = Hidden
		}
	}
	if len(object) == 0 {
		return nil
	}
	text, err := json.Marshal(object)
	if err != nil { // a number that JSON does not have, in what was stored by hand
		return json.RawMessage(`{}`)
	}
	return text
}

// differing returns the names of the entries that the other map has not, or has
// otherwise.
func differing(m, other reflect.Value) map[string]string {
	names := make(map[string]string)
	for entry := m.MapRange(); entry.Next(); {
		if o := other.MapIndex(entry.Key()); !o.IsValid() || !reflect.DeepEqual(o.Interface(), entry.Value().Interface()) {
			names[entry.Key().String()] = Hidden
		}
	}
	return names
}

// plain returns a value as JSON has it.
func plain(v reflect.Value) any {
	if d, ok := v.Interface().(time.Duration); ok {
		return d.Seconds()
	}
	switch v.Kind() {
	case reflect.Struct:
		object := make(map[string]any)
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				object[nameOf(v.Type().Field(i))] = plain(v.Field(i))
			}
		}
		return object
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	}
	return v.Interface()
}

// redactURL returns a URL without userinfo and without what its query says.
func redactURL(v reflect.Value) any {
	u, err := url.Parse(v.String())
	if err != nil {
		return Hidden
	}
	if u.User != nil {
		u.User = url.User(Hidden)
	}
	query := ""
	if u.RawQuery != "" {
		pairs := strings.Split(u.RawQuery, "&")
		for i, pair := range pairs {
			if name, _, ok := strings.Cut(pair, "="); ok {
				pairs[i] = name + "=" + Hidden
			} else {
				pairs[i] = Hidden
			}
		}
		query = "?" + strings.Join(pairs, "&")
	}
	u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = "", false, "", ""
	return fmt.Sprint(u) + query
}

// nameOf returns the name of a field in JSON.
func nameOf(f reflect.StructField) string {
	var b strings.Builder
	for i, r := range f.Name {
		if unicode.IsUpper(r) {
			if i > 0 && !unicode.IsUpper(rune(f.Name[i-1])) {
				b.WriteByte('_')
			}
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	if f.Type == durations || f.Type == reflect.SliceOf(durations) {
		b.WriteString("_seconds")
	}
	return b.String()
}

var durations = reflect.TypeFor[time.Duration]()
