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
		if !s.Reserve(at, at.Endpoint, 100) {
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
		s := newShell(32)
		s.Certain(time.Now().Add(time.Minute))
		s.offer(t, "small", 0, 1)
		s.begin()
		s.offer(t, "big", 0, 40)
		if got := s.begin()["big"]; got != 15 {
			t.Errorf("one with 40 endpoints started %d beside another tenant, want 15: what fills half of the 32 slots", got)
		}
		s.offer(t, "small", 1, 20)
		if got := s.begin(); got["small"] != 7 || got["big"] != 0 {
			t.Errorf("started then = %v, want 7 of the small one, which has 8 with the first: half of the slots by two tenants", got)
		}
		s.offer(t, "third", 0, 20)
		if got := s.begin(); got["third"] != 5 || len(got) != 1 {
			t.Errorf("started then = %v, want 5 of the third: half of the slots by three tenants", got)
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
