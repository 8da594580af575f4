package manage_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/transport/guard/guardtest"
	"github.com/postrider/postrider/webhook"
)

const guardTables = "../transport/guard/testdata"

// TestHostileURLsAreRefused types every hostile URL where an endpoint is created,
// imported or moved.
func TestHostileURLsAreRefused(t *testing.T) {
	w := newWorld(t)
	before := w.endpoint()
	for _, row := range guardtest.ReadHostile(t, guardTables) {
		ep := newEndpoint()
		ep.URL = row.URL
		_, _, created := w.CreateEndpoint(t.Context(), ep)
		_, _, imported := w.ImportEndpoint(t.Context(), ep, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
		_, updated := w.UpdateEndpoint(t.Context(), acme, before.ID, func(ep *webhook.Endpoint) error {
			ep.URL = row.URL
			return nil
		})
		for call, err := range map[string]error{"CreateEndpoint": created, "ImportEndpoint": imported, "UpdateEndpoint": updated} {
			invalid, ok := errors.AsType[*webhook.InvalidError](err)
			if !ok || len(invalid.Fields) != 1 || invalid.Fields[0].Field != "url" || invalid.Fields[0].Code != row.Code {
				t.Errorf("%s with URL %q = %v; want one error, field url, code %s", call, row.URL, err, row.Code)
			}
		}
	}
	if n := w.stored(); n != 1 {
		t.Errorf("%d endpoints are stored; want the first alone", n)
	}
	after, err := w.Endpoint(t.Context(), acme, before.ID)
	w.must(err, "Endpoint")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("a refused update changed the endpoint:\n%s", diff)
	}
}

func TestLegitimateURLsAreAccepted(t *testing.T) {
	w := newWorld(t)
	for _, row := range guardtest.ReadLegitimate(t, guardTables) {
		ep := newEndpoint()
		ep.URL = row.URL
		got, _, err := w.CreateEndpoint(t.Context(), ep)
		if err != nil || got.URL != row.Normal {
			t.Errorf("CreateEndpoint with URL %q = %q, %v; want %q", row.URL, got.URL, err, row.Normal)
		}
	}
}
