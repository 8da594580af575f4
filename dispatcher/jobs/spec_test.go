package jobs_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/jobs"
	"github.com/postrider/postrider/webhook"
)

// What a broadcast keeps of an event is all of it, but for the id and the tenant. A
// new field of events that is forgotten here would be missing in every broadcast.
func TestBroadcastSpecKeepsTheEvent(t *testing.T) {
	var ev webhook.Event
	v := reflect.ValueOf(&ev).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch f := v.Field(i).Addr().Interface().(type) {
		case *string:
			*f = "some " + name
		case *webhook.TraceContext:
			*f = webhook.TraceContext{Parent: "some parent", State: "some state"}
		case *webhook.Priority:
			*f = webhook.PriorityHigh
		case *time.Time:
			*f = time.Date(2026, 3, 2, 9, 30, i, 1000, time.UTC)
		case *[]string:
			*f = []string{name, "other"}
		case *map[string]string:
			*f = map[string]string{name: "value"}
		case interface{ UnmarshalJSON([]byte) error }: // json.RawMessage
			_ = f.UnmarshalJSON([]byte(`{"a" : "<b> & 1e400"}`))
		default:
			t.Fatalf("field %s has a type that this test does not know", name)
		}
	}
	spec, err := jobs.BroadcastSpec(ev)
	if err != nil {
		t.Fatal(err)
	}
	got, err := jobs.BroadcastEvent(spec)
	if err != nil {
		t.Fatal(err)
	}
	ev.ID, ev.Tenant = "", ""
	if !reflect.DeepEqual(got, ev) {
		t.Errorf("BroadcastEvent of BroadcastSpec = %+v; want %+v", got, ev)
	}
}
