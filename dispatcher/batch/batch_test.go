package batch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/batch"
	"github.com/postrider/postrider/store"
)

func TestBatcherTakesWhatQueuedUpDuringTheLastFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got [][]int
		b := batch.NewBatcher(3, func(items []int) {
			got = append(got, slices.Clone(items))
			time.Sleep(time.Second)
		})
		b.Add(1)
		synctest.Wait() // the lone item is being flushed
		b.Add(2, 3)
		b.Add(4, 5)
		began := time.Now()
		b.Wait()
		if diff := cmp.Diff([][]int{{1}, {2, 3, 4}, {5}}, got); diff != "" {
			t.Errorf("batches of at most 3 (-want +got):\n%s", diff)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("Wait took %v, want the 3 s of three flushes, one at a time", took)
		}
	})
}

func TestFetcherSharesRoundTripsAndSinglesOutWhatIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name  string
		err   error
		fails []string // keys that get the error
	}{
		{"a refusal is the bad key's alone", errors.New("no such column"), []string{"k3"}},
		{"a store that is down is everybody's", store.ErrUnavailable, []string{"k1", "k2", "k3", "k4"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var trips int
			f := batch.NewFetcher(10, func(keys []string) (map[string]*string, error) {
				trips++
				time.Sleep(time.Second)
				if slices.Contains(keys, "k3") {
					return nil, tc.err
				}
				found := map[string]*string{}
				for _, k := range keys {
					found[k] = &k
				}
				return found, nil
			})
			go func() { _, _ = f.Load(t.Context(), "k0") }()
			synctest.Wait() // the four below wait for its round trip
			var failed [5]bool
			var callers sync.WaitGroup
			for i := 1; i <= 4; i++ {
				callers.Go(func() {
					key := fmt.Sprint("k", i)
					val, err := f.Load(t.Context(), key)
					failed[i] = err != nil
					if err == nil && (val == nil || *val != key) {
						t.Errorf("%s: Load(%s) = %v, want its own value", tc.name, key, val)
					}
				})
			}
			callers.Wait()
			for i := 1; i <= 4; i++ {
				key := fmt.Sprint("k", i)
				if want := slices.Contains(tc.fails, key); failed[i] != want {
					t.Errorf("%s: Load(%s) failed = %v, want %v", tc.name, key, failed[i], want)
				}
			}
			if batch.Transient(tc.err) && trips != 2 {
				t.Errorf("%s: %d round trips, want 2: what the store cannot take now must not be halved", tc.name, trips)
			}
		})
	}
}

func TestFetcherCallerMayGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := batch.NewFetcher(10, func([]int) (map[int]*int, error) {
			time.Sleep(time.Minute)
			return nil, nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.Load(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Load = %v, want the error of the caller's context", err)
		}
		f.Wait()
	})
}
