package audit_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/audit"
	"github.com/postrider/postrider/webhook"
)

// canary is in every text that a field is given.
const canary = "canary7"

// TestNoFieldIsForgotten gives each field of an endpoint, one after the other, a value:
// the difference must name it, unless it is bookkeeping.
func TestNoFieldIsForgotten(t *testing.T) {
	t.Parallel()
	unsaid := map[string]bool{
		"ID": true, "Tenant": true, "Revision": true, "Version": true, "CreatedAt": true, "UpdatedAt": true, "DeletedAt": true,
	}
	typ := reflect.TypeFor[webhook.Endpoint]()
	for i := range typ.NumField() {
		var changed webhook.Endpoint
		fill(reflect.ValueOf(&changed).Elem().Field(i))
		for _, before := range []*webhook.Endpoint{nil, {}} {
			_, after := audit.Diff(before, &changed)
			if said := strings.Contains(string(after), ":"); said == unsaid[typ.Field(i).Name] {
				t.Errorf("Diff of an endpoint whose %s is set = %s; said %v, want %v", typ.Field(i).Name, after, said, !said)
			}
		}
		was, after := audit.Diff(&changed, &webhook.Endpoint{})
		if unsaid[typ.Field(i).Name] {
			continue
		}
		if string(after) != "{}" || was == nil {
			t.Errorf("Diff of an endpoint whose %s is taken away = %s, %s; want it and nothing", typ.Field(i).Name, was, after)
		}
		if same, other := audit.Diff(&changed, &changed); same != nil || other != nil {
			t.Errorf("Diff of an endpoint and itself = %s, %s; want nothing", same, other)
		}
	}
}

// fill gives a value, and all that it is made of, something that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(canary)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(2 * time.Second))
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0)))
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	}
}

func TestURLsAreRedacted(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://a.example/b":                    "https://a.example/b",
		"https://a.example/b?x=" + canary + "&y": "https://a.example/b?x=***&***",
		"https://me:" + canary + "@a.example/":   "https://%2A%2A%2A@a.example/",
		"https://a.example/#" + canary:           "https://a.example/",
		":" + canary:                             "***",
	} {
		_, after := audit.Diff(nil, &webhook.Endpoint{URL: given})
		if got := `{"url":"` + strings.ReplaceAll(want, "&", `\u0026`) + `"}`; string(after) != got {
			t.Errorf("Diff of URL %s = %s; want %s", given, after, got)
		}
	}
}

func TestNamesAndDurations(t *testing.T) {
	t.Parallel()
	ep := webhook.Endpoint{
		Timeout: 1500 * time.Millisecond,
		Retry:   webhook.RetryPolicy{Schedule: []time.Duration{0, time.Minute}},
		Batch:   webhook.Batch{MaxEvents: 10, MaxWait: time.Second},
		// Names in capitals are one word.
		AllowedIPs: []string{"192.0.2.0/24"},
	}
	_, after := audit.Diff(nil, &ep)
	want := `{"allowed_ips":["192.0.2.0/24"],"batch":{"max_events":10,"max_wait_seconds":1},"retry":{"schedule_seconds":[0,60]},"timeout_seconds":1.5}`
	if string(after) != want {
		t.Errorf("Diff = %s; want %s", after, want)
	}
}

func TestListsAreShown(t *testing.T) {
	t.Parallel()
	before := webhook.Endpoint{DeniedIPs: []string{"10.0.0.0/8"}}
	after := webhook.Endpoint{DeniedIPs: []string{"10.0.0.0/8"}, AllowedIPs: []string{"192.0.2.7"}}
	was, became := audit.Diff(&before, &after)
	if string(was) != `{}` || string(became) != `{"allowed_ips":["192.0.2.7"]}` {
		t.Errorf("Diff = %s, %s; want the list that was added: who looks into an incident needs it", was, became)
	}
}
