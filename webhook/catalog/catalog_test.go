package catalog_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/catalog"
	"github.com/postrider/postrider/webhook/schema"
)

type customer struct {
	Email string `json:"email" jsonschema:"format=email" jsonschema_description:"Address of the customer."`
}

type invoicePaid struct {
	ID       string    `json:"id" jsonschema:"minLength=1" jsonschema_description:"Id of the invoice."`
	Total    int64     `json:"total" jsonschema:"minimum=1" jsonschema_description:"Total in cents."`
	Customer customer  `json:"customer"`
	Note     *string   `json:"note,omitempty"`
	Parts    []invoice `json:"parts,omitempty"`
}

// invoice refers to itself.
type invoice struct {
	Parts []invoice `json:"parts,omitempty"`
}

var paid = invoicePaid{ID: "inv_1", Total: 4200, Customer: customer{"a&b@example.com"}}

func TestRegisterDerives(t *testing.T) {
	t.Parallel()
	r := catalog.New()
	if err := catalog.Register(r, webhook.EventType{Name: "invoice.paid", Group: "Billing", Owner: webhook.OwnerAPI}, paid); err != nil {
		t.Fatal(err)
	}
	types := r.Types()
	if len(types) != 1 || types[0].Owner != webhook.OwnerCode || len(types[0].Schemas) != 1 || types[0].Schemas[0].Number != 1 {
		t.Fatalf("Types = %+v; want the type with a version of its schema, owned by code", types)
	}
	if want := `{"id":"inv_1","total":4200,"customer":{"email":"a&b@example.com"}}`; string(types[0].Example) != want {
		t.Errorf("example = %s; want %s", types[0].Example, want)
	}
	s, err := schema.Compile(types[0].Schema())
	if err != nil {
		t.Fatal(err)
	}
	for doc, want := range map[string]string{
		`{"id":"a","total":1,"customer":{"email":"a@b.example"},"more":1}`:                                  "",
		`{"id":"a","total":1,"customer":{"email":"a@b.example"},"parts":[{"parts":[{}]}]}`:                  "",
		`{"id":"","total":1,"customer":{"email":"a@b.example"}}`:                                            "/id",
		`{"id":"a","customer":{"email":"a@b.example"}}`:                                                     "/total",
		`{"id":"a","total":1,"customer":{"email":"no"}}`:                                                    "/customer/email",
		`{"id":"a","total":1,"customer":{"email":"a@b.example"},"parts":[{"parts":[{"parts":[{},true]}]}]}`: "/parts/0/parts/0/parts/1",
	} {
		found := s.Validate([]byte(doc))
		if want == "" && found != nil || want != "" && (len(found) != 1 || found[0].Pointer != want) {
			t.Errorf("Validate(%s) = %v; want %q", doc, found, want)
		}
	}
	types[0].Name = "changed"
	if again := r.Types(); again[0].Name != "invoice.paid" {
		t.Error("Types shares what it returns with the registry")
	}
}

func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	r := catalog.New()
	named := webhook.EventType{Name: "a.b"}
	if err := catalog.Register(r, named, make(chan int)); err == nil {
		t.Error("Register of what has no JSON = nil; want an error")
	}
	if err := catalog.Register(r, named, invoicePaid{}); !errors.Is(err, webhook.ErrInvalid) || !strings.Contains(err.Error(), "example/id") {
		t.Errorf("Register of an example that does not match = %v; want an *InvalidError about it", err)
	}
	if err := catalog.Register(r, webhook.EventType{Name: "webhook.mine"}, paid); !errors.Is(err, webhook.ErrInvalid) {
		t.Errorf("Register of a reserved name = %v; want an *InvalidError", err)
	}
	bad := named.WithSchema(json.RawMessage(`{"type":"text"}`), named.CreatedAt)
	if err := catalog.Register(r, bad, paid); !errors.Is(err, webhook.ErrInvalid) || !strings.Contains(err.Error(), "schema/type") {
		t.Errorf("Register with a schema that is none = %v; want an *InvalidError about it", err)
	}
	if err := catalog.Register(r, named, paid); err != nil {
		t.Fatal(err)
	}
	if err := r.Add(named); !errors.Is(err, catalog.ErrRegistered) {
		t.Errorf("Add of a name that is there = %v; want ErrRegistered", err)
	}
	if len(r.Types()) != 1 {
		t.Errorf("%d types; want the one that was good", len(r.Types()))
	}
}

func TestSchemaOfOtherThings(t *testing.T) {
	t.Parallel()
	text, err := catalog.SchemaOf[[]string]()
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Compile(text)
	if err != nil || s.Validate([]byte(`["a"]`)) != nil || s.Validate([]byte(`[1]`)) == nil {
		t.Errorf("SchemaOf[[]string] = %s, %v; want an array of strings", text, err)
	}
	if _, err := catalog.SchemaOf[func()](); err == nil {
		t.Error("SchemaOf of a function = nil; want an error")
	}
}
