package schedule_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store"
)

// offer hands over one delivery for each of n endpoints of a tenant, numbered
// from first, all of which have answered before.
func (s *shell) offer(t *testing.T, tenant string, first, n int) {
	t.Helper()
	for i := range n {
		at := store.Lane{Tenant: tenant, Endpoint: fmt.Sprint(tenant, first+i)}
		if !s.Reserve(at, at.Endpoint, "", 100) {
			t.Fatalf("Reserve(%s) = false, want a place in an empty lane", at.Endpoint)
		}
		s.Loaded(at, &send.Route{Revision: 1}, config, lane.Health{Answered: true})
		s.Push([]*schedule.Job{{
			Claimed:  store.Claimed{Tenant: tenant, Endpoint: at.Endpoint, Delivery: at.Endpoint, Claim: 1},
			Reserved: 100,
		}})
	}
}

// begin starts all that may start now and returns how many of each tenant did.
func (s *shell) begin() map[string]int {
	started := map[string]int{}
	for j := s.Next(); j != nil; j = s.Next() {
		started[j.Tenant]++
	}
	return started
}

func TestTenantsShareSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(64)
		s.Certain(time.Now().Add(time.Minute))
		s.offer(t, "small", 0, 1)
		s.begin()
		s.offer(t, "big", 0, 80)
		if got := s.begin()["big"]; got != 55 {
			t.Errorf("one with 80 endpoints started %d beside another tenant, want 55: what fills all but an eighth of the 64 slots", got)
		}
		s.offer(t, "small", 1, 40)
		if got := s.begin(); got["small"] != 8 || got["big"] != 0 {
			t.Errorf("started then = %v, want 8 of the small one: the eighth that was kept", got)
		}
	})
}

// What a tenant has under way at one endpoint must not stop its others.
func TestTenantsOwnEndpointsLeaveEachOtherSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(64)
		s.Certain(time.Now().Add(time.Minute))
		for _, tenant := range []string{"a", "b", "c", "d"} {
			at := store.Lane{Tenant: tenant, Endpoint: "hangs-" + tenant}
			for n := range 8 {
				s.Reserve(at, fmt.Sprint(at.Endpoint, n), "", 100)
				s.Loaded(at, &send.Route{Revision: 1}, config, lane.Health{Answered: true})
				s.Push([]*schedule.Job{{
					Claimed:  store.Claimed{Tenant: tenant, Endpoint: at.Endpoint, Delivery: fmt.Sprint(at.Endpoint, n), Claim: 1},
					Reserved: 100,
				}})
			}
		}
		if got := s.begin(); len(got) != 4 || got["a"] != 8 {
			t.Fatalf("started = %v, want 8 of each of 4 tenants, half of the 64 slots", got)
		}
		s.offer(t, "a", 0, 3)
		if got := s.begin()["a"]; got != 3 {
			t.Errorf("a tenant with an endpoint that holds its share started %d at three others, want 3", got)
		}
	})
}

func TestTenantAloneLeavesSlotsToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(128)
		s.Certain(time.Now().Add(time.Minute))
		s.offer(t, "big", 0, 130)
		if got := s.begin()["big"]; got != 127 {
			t.Errorf("a tenant that is alone started %d, want 127: all but one of 128 slots", got)
		}
		s.offer(t, "small", 0, 3)
		if got := s.begin()["small"]; got != 1 {
			t.Errorf("the next tenant started %d, want the 1 that was left for it", got)
		}
	})
}
