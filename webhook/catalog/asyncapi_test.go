package catalog_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/catalog"
	"github.com/postrider/postrider/webhook/catalog/telecom"
	"github.com/postrider/postrider/webhook/schema"
)

// TestAsyncAPI checks the structure that AsyncAPI 3.0 asks for, that every reference leads
// somewhere, and that every example matches its payload.
func TestAsyncAPI(t *testing.T) {
	t.Parallel()
	r := catalog.New()
	if err := telecom.Register(r); err != nil {
		t.Fatal(err)
	}
	if err := catalog.Register(r, webhook.EventType{Name: "tree.grown", Description: "A tree has grown.\nIt was small.", Deprecated: true, DeprecatedFor: "wood.grown"}, invoice{[]invoice{{}}}); err != nil {
		t.Fatal(err)
	}
	types := append(r.Types(), webhook.EventType{Name: "bare"}, webhook.EventType{Name: "old", Archived: true})
	text, err := catalog.AsyncAPI(types, catalog.Info{Title: "Example", Version: "1.0.0", Description: "Events."})
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		AsyncAPI string `json:"asyncapi"`
		Info     struct{ Title, Version, Description string }
		Channels map[string]struct {
			Address  *string
			Messages map[string]struct {
				Ref string `json:"$ref"`
			}
		}
		Operations map[string]struct {
			Action  string
			Channel struct {
				Ref string `json:"$ref"`
			}
			Messages []struct {
				Ref string `json:"$ref"`
			}
		}
		Components struct {
			Messages map[string]struct {
				Name, Title, Summary, Description, ContentType string
				Payload                                        json.RawMessage
				Tags                                           []struct{ Name string }
				Examples                                       []struct{ Payload json.RawMessage }
				Deprecated                                     bool `json:"x-deprecated"`
			}
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.AsyncAPI != "3.0.0" || doc.Info.Title != "Example" || doc.Info.Version != "1.0.0" || doc.Info.Description != "Events." {
		t.Errorf("asyncapi %q, info %+v", doc.AsyncAPI, doc.Info)
	}
	messages, deliver := doc.Channels["webhooks"].Messages, doc.Operations["deliver"]
	if n := len(types) - 1; len(messages) != n || len(deliver.Messages) != n || len(doc.Components.Messages) != n || deliver.Action != "send" {
		t.Errorf("%d messages in the channel, %d in the operation %q, %d in all; want all %d types but the archived one",
			len(messages), len(deliver.Messages), deliver.Action, len(doc.Components.Messages), n)
	}
	var whole any
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	if n := wantReferences(t, whole, whole); n < 3*len(messages) {
		t.Errorf("%d references; want one to each message in channel, operation and headers", n)
	}
	for name, m := range doc.Components.Messages {
		if m.Name != name || m.ContentType != "application/json" {
			t.Errorf("message %s has the name %q and content type %q", name, m.Name, m.ContentType)
		}
		if name == "tree.grown" && (!m.Deprecated || m.Summary != "A tree has grown.") {
			t.Errorf("message %s: %+v; want that it is deprecated, and its first line", name, m)
		}
		if name == "tree.grown" || len(m.Examples) == 0 { // its references are the document's
			continue
		}
		if strings.Contains(string(m.Payload), `"$ref"`) || strings.Contains(string(m.Payload), `"$schema"`) {
			continue
		}
		s, err := schema.Compile(m.Payload)
		if err != nil {
			t.Errorf("payload of %s: %v", name, err)
			continue
		}
		if found := s.Validate(m.Examples[0].Payload); found != nil {
			t.Errorf("example of %s: %v", name, found)
		}
	}
}

// wantReferences looks all references up, and returns how many there are.
func wantReferences(t *testing.T, v, doc any) (n int) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for k, below := range v {
			if ref, ok := below.(string); ok && k == "$ref" {
				n++
				at := doc
				for _, token := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
					m, ok := at.(map[string]any)
					if at = m[token]; !ok || at == nil {
						t.Errorf("%s leads nowhere", ref)
						break
					}
				}
			}
			n += wantReferences(t, below, doc)
		}
	case []any:
		for _, below := range v {
			n += wantReferences(t, below, doc)
		}
	}
	return n
}

func TestAsyncAPIRefusesWhatIsNoJSON(t *testing.T) {
	t.Parallel()
	bad := webhook.EventType{Name: "a"}.WithSchema(json.RawMessage(`{`), time.Time{})
	for _, et := range []webhook.EventType{bad, {Name: "b", Example: json.RawMessage(`{`)}} {
		if _, err := catalog.AsyncAPI([]webhook.EventType{et}, catalog.Info{}); err == nil || !strings.Contains(err.Error(), et.Name) {
			t.Errorf("AsyncAPI of %s = %v; want an error that names it", et.Name, err)
		}
	}
}
