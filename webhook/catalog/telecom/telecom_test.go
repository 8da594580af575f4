package telecom_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/catalog"
	"github.com/postrider/postrider/webhook/catalog/telecom"
	"github.com/postrider/postrider/webhook/schema"
)

// required are the names that the requirements list.
var required = []string{
	"user.registered", "user.logged_in", "user.profile_changed",
	"service.activated", "service.suspended", "service.changed",
	"billing.payment_processed", "billing.invoice_generated",
	"system.maintenance", "system.updated", "system.alert",
	"sms.sent", "sms.delivered", "sms.failed",
	"voice.initiated", "voice.completed", "voice.failed",
	"email.sent", "email.delivered", "email.bounced",
	"campaign.started", "campaign.completed", "campaign.paused",
	"api.called", "api.rate_limited", "api.error",
	"integration.connected", "integration.disconnected", "integration.failed",
	"security.authentication", "security.authorization", "security.breach",
	"performance.metric", "performance.threshold_exceeded",
}

func registered(t *testing.T) map[string]webhook.EventType {
	t.Helper()
	r := catalog.New()
	if err := telecom.Register(r); err != nil {
		t.Fatal(err)
	}
	types := make(map[string]webhook.EventType)
	for _, et := range r.Types() {
		types[et.Name] = et
	}
	return types
}

func TestAllThatIsRequiredIsThere(t *testing.T) {
	t.Parallel()
	types := registered(t)
	for _, name := range required {
		if _, ok := types[name]; !ok {
			t.Errorf("%s is not in the catalogue", name)
		}
	}
	if len(types) < 45 {
		t.Errorf("%d types; want 45 at least", len(types))
	}
	t.Logf("%d types", len(types))
}

// object is what is tested of a schema.
type object struct {
	Type       string                     `json:"type"`
	Properties map[string]json.RawMessage `json:"properties"`
	Required   []string                   `json:"required"`
}

func TestTypesAreDescribed(t *testing.T) {
	t.Parallel()
	formats := 0
	for name, et := range registered(t) {
		if len(et.Description) < 10 || et.Group == "" || et.Owner != webhook.OwnerCode {
			t.Errorf("%s: description %q, group %q, owner %q; want all of them", name, et.Description, et.Group, et.Owner)
		}
		var s object
		if err := json.Unmarshal(et.Schema(), &s); err != nil || s.Type != "object" {
			t.Errorf("%s: type %q, %v; want a schema of an object", name, s.Type, err)
		}
		if len(s.Properties) < 4 || len(s.Required) < 3 {
			t.Errorf("%s: %d properties, %d required; want 4 and 3 at least", name, len(s.Properties), len(s.Required))
		}
		for property, text := range s.Properties {
			var p struct{ Description, Format, Pattern string }
			if err := json.Unmarshal(text, &p); err != nil || len(p.Description) < 3 {
				t.Errorf("%s: property %s has the description %q, %v; want one", name, property, p.Description, err)
			}
			if p.Format+p.Pattern != "" {
				formats++
			}
		}
		if _, err := webhook.NewEvent("acme", name, et.Example); err != nil {
			t.Errorf("%s: the example cannot be published: %v", name, err)
		}
	}
	if formats < 60 { // every type has a time, and some an address
		t.Errorf("%d properties have a format or a pattern; want 60 at least", formats)
	}
}

// TestExamplesAreJudged takes each required property out of each example, and gives each
// property a value of another type: the schema must refuse it, at its place.
func TestExamplesAreJudged(t *testing.T) {
	t.Parallel()
	checked := 0
	for name, et := range registered(t) {
		s, err := schema.Compile(et.Schema())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if found := s.Validate(et.Example); found != nil {
			t.Errorf("%s: the example does not match: %v", name, found)
		}
		var shape object
		var example map[string]any
		if err := errors.Join(json.Unmarshal(et.Schema(), &shape), json.Unmarshal(et.Example, &example)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		refused := func(what, property string, doc map[string]any) {
			text, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			checked++
			want := "/" + property
			if found := s.Validate(text); len(found) != 1 || found[0].Pointer != want {
				t.Errorf("%s with %s %s: %v; want one violation at %s", name, property, what, found, want)
			}
		}
		for _, property := range shape.Required {
			doc := maps.Clone(example)
			delete(doc, property)
			refused("missing", property, doc)
		}
		for property, value := range example {
			doc := maps.Clone(example)
			if doc[property] = any(map[string]any{"a": 1}); fmt.Sprintf("%T", value) == "map[string]interface {}" {
				doc[property] = "text"
			}
			refused("of another type", property, doc)
		}
		for property := range shape.Properties {
			if _, given := example[property]; !given {
				t.Errorf("%s: the example has no %s", name, property)
			}
		}
	}
	if checked < 400 {
		t.Errorf("%d examples were judged; want 400 at least", checked)
	}
}

func TestRegisterTwice(t *testing.T) {
	t.Parallel()
	r := catalog.New()
	if err := telecom.Register(r); err != nil {
		t.Fatal(err)
	}
	if err := telecom.Register(r); !errors.Is(err, catalog.ErrRegistered) {
		t.Errorf("Register twice = %v; want ErrRegistered", err)
	}
	if texts := r.Types(); !slices.IsSortedFunc(texts, func(a, b webhook.EventType) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	}) {
		t.Error("Types are not in the order of their names")
	}
}
