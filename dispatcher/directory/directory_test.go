package directory_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/directory"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// reads is a store that remembers after which revision it was asked.
type reads struct {
	store.Directory
	endpoints []store.EndpointRecord
	after     []int64
}

func (r *reads) TenantEndpoints(_ context.Context, _ string, after int64) (newer []store.EndpointRecord, revision int64, err error) {
	r.after = append(r.after, after)
	for _, rec := range r.endpoints {
		revision = max(revision, rec.Revision)
		if rec.Revision > after {
			newer = append(newer, rec)
		}
	}
	return newer, revision, nil
}

func endpoint(id string, revision int64, deleted time.Time) store.EndpointRecord {
	return store.EndpointRecord{Endpoint: webhook.Endpoint{ID: id, EventTypes: []string{"any.type"}, Revision: revision, DeletedAt: deleted}}
}

func TestReadsOnlyWhatIsNewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &reads{endpoints: []store.EndpointRecord{endpoint("b", 1, time.Time{}), endpoint("a", 2, time.Time{})}}
		d := directory.New(st, time.Hour)
		match := func() []string {
			t.Helper()
			tenant, err := d.Of(t.Context(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, ep := range tenant.Match("any.type", "", nil) {
				ids = append(ids, ep.ID)
			}
			return ids
		}
		check := func(when string, ids []string, after ...int64) {
			t.Helper()
			if diff := cmp.Diff(ids, match()); diff != "" {
				t.Errorf("Match %s (-want +got):\n%s", when, diff)
			}
			if diff := cmp.Diff(after, st.after); diff != "" {
				t.Errorf("revisions read after, %s (-want +got):\n%s", when, diff)
			}
		}
		check("at first", []string{"a", "b"}, 0)
		check("again", []string{"a", "b"}, 0)

		st.endpoints = append(st.endpoints, endpoint("b", 3, time.Now()), endpoint("c", 4, time.Time{}))
		d.Outdate("acme", 2)
		check("when told what it knows", []string{"a", "b"}, 0)
		d.Outdate("acme", 4)
		check("when told of a newer revision", []string{"a", "c"}, 0, 2)

		time.Sleep(time.Hour + time.Second)
		check("when it is old", []string{"a", "c"}, 0, 2, 0)
	})
}
